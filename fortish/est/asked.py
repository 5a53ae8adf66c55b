"""What a server asks for by its CSR attributes beyond names: a kind of key, a hash, linking to the TLS session.

The kind of key is the administrator's, an option of the command: where the server asks for another, the trace says so.
The hash is the server's where a signature scheme names one of SHA-256, SHA-384 and SHA-512. A hash by itself, without
a scheme, is passed over: the enrollment guide's box is offered one and signs with SHA-256 all the same.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from fortish.est.trace import EstLine
from fortish.pki.csrattrs import short_name
from fortish.pki.faults import CsrAttrsFault
from fortish.pki.template import has_template, template_of

if TYPE_CHECKING:
    from fortish.pki.csrattrs import CsrAttr

Note = tuple[EstLine, dict[str, Any]]
DIGEST = "sha256"  # where the server asks for none

# Signature schemes and the hash that a request is signed with for their sake; '' is one that is not made. Sorted.
SCHEMES: Mapping[str, str] = MappingProxyType(
    {
        "1.2.840.10045.4.1": "",
        "1.2.840.10045.4.3.1": "",
        "1.2.840.10045.4.3.2": "sha256",
        "1.2.840.10045.4.3.3": "sha384",
        "1.2.840.10045.4.3.4": "sha512",
        "1.2.840.113549.1.1.10": "",
        "1.2.840.113549.1.1.11": "sha256",
        "1.2.840.113549.1.1.12": "sha384",
        "1.2.840.113549.1.1.13": "sha512",
        "1.2.840.113549.1.1.5": "",
    }
)
# The attributes that carry the TLS session's name in a request. Sorted by OID.
LINKING: Mapping[str, str] = MappingProxyType(
    {
        "1.2.840.113549.1.9.16.2.58": "estIdentityLinking",  # RFC 7894 section 3.3
        "1.2.840.113549.1.9.7": "challengePassword",  # RFC 7030 section 3.5
    }
)


def linking_of(attributes: Sequence[CsrAttr]) -> frozenset[str]:
    """The attributes that the request is to be linked to the TLS session by, in a list or in a template.

    Those of a list count beside a template, too: a server that demands linking must say so there (RFC 7030 section
    4.5.2), and other clients see nothing else.
    """
    try:
        template = template_of(attributes)
    except CsrAttrsFault:  # whoever makes a request of it says so
        template = None
    inside = [oid for oid, _ in template.attributes] if template is not None else []
    return frozenset(LINKING[oid] for oid in (*(a.oid for a in attributes), *inside) if oid in LINKING)


def signing(attributes: Sequence[CsrAttr], kind: str) -> tuple[str, list[Note]]:
    """The hash to sign a request with, and what the trace says of key and hash; `kind` as `keys.kind_of` has it."""
    notes = list(_key_notes(attributes, kind))
    if has_template(attributes):  # it has no place for a signature scheme, and nothing beside it counts
        return DIGEST, notes
    asked = next((attribute.oid for attribute in attributes if attribute.oid in SCHEMES), None)
    if asked is None:
        return DIGEST, notes
    digest = SCHEMES[asked] or DIGEST
    made = scheme(kind, digest)
    if made != short_name(asked) or digest != DIGEST:
        notes.append((EstLine.HASH_ASKED, {"asked": short_name(asked), "made": made}))
    return digest, notes


def _key_notes(attributes: Sequence[CsrAttr], kind: str) -> Iterable[Note]:
    try:
        template = template_of(attributes)
    except CsrAttrsFault:
        return
    if kind and template is not None and template.key is not None and not template.key.fits(kind):
        yield EstLine.KEY_ASKED, {"asked": template.key.words, "kind": kind}


def scheme(kind: str, digest: str) -> str:
    """The name of the signature scheme of a key of a kind, as OpenSSL has it."""
    family, _, _ = kind.partition("-")
    upper = digest.upper()
    return {"ec": f"ecdsa-with-{upper}", "rsa": f"RSA-{upper}", "dsa": f"dsa_with_{upper}"}.get(family, kind.upper())

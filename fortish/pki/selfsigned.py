"""Keys and certificates that an appliance makes for itself: self-signed, or signed by another of its own.

DSA keys share parameters that were made once, since making some takes a second and nobody needs new ones.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from types import MappingProxyType
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import dsa, ec, ed448, ed25519, rsa
from cryptography.x509.oid import NameOID

from fortish.pki.keys import PrivateKey

YEARS: Final = 10  # that such a certificate lasts
_SERIAL_BITS: Final = 63  # eight octets


def _number(digits: str) -> int:
    return int(digits, 16)


# Made with OpenSSL for this program, by the bits of p; tests check that they are what FIPS 186-4 asks for.
_DSA: Mapping[int, dsa.DSAParameterNumbers] = MappingProxyType(
    {
        1024: dsa.DSAParameterNumbers(
            p=_number(
                "9CEA8CEB727B926DCAAC16D5AC24AEC3C6E9C651793AB8071890EF85AA6BED1C41CA89D3D34A7830A6B1146D92259DD4"
                "9DB868EA96D23EC5E2E44F5975FD275B9CD27F94A058468D2FBDFE7AB16A8D4B34C654FDC5445FDACD7ECD5E232AAF99"
                "CACCE346AB12274E944CF49D997A8E0BD7709EAFE549DFCEF117E6915A33E0E9"
            ),
            q=0x8BBD1C1080B12A2EDF3DBE503B5DF29D289D2897,
            g=_number(
                "5AE67C0F989B4AE9DCEEA3125E1345062A21447607E29C069A3E7DBA2616ECF85B810BBFEC6BA6C57568114E0E1B384F"
                "AFC3BBD73425955B8055274FA06F7AD234C55E91952D06A926C3C1AB44A5CFCA4C33F2B5371C80EAA177B90B5A4307A3"
                "57ED7163A47CB9E978A7EC0734281725529CC473FB6DF560F15F306F8266B4F9"
            ),
        ),
        2048: dsa.DSAParameterNumbers(
            p=_number(
                "D920DB05B61A12887F0025B0E5A024B339961A212C52B8BD092A40525FA384AE799D73D1E559B027C7C96739F07C6773"
                "03CB73977BAD8BD49265FF4E3946D0881D5D74C8CDDC0E9C6636CD0DC5BF47104C25042211BDD5E07C898E065A8F9486"
                "BC7803425437A353AA6D8185A380E82617587D7170F923278D5B855446B1F87135772FE0FE46175AD57662D085E0E9DB"
                "9FB345D5651F0B94169ACC989CECFCE346299EEE1ED8D75A83631A8374231778C7B2AA4B0E09DF1FCF134CA4C7C1343E"
                "03A669A6C8989FF20616A7DC3DA7307A5AAD1D9C35B74B3CB035358F2AC8168BEF49B552E4F1ED3FF19CF189C41AB683"
                "6D5BC2F1CFB8630FE8A1B5A5BF647DE1"
            ),
            q=0x9DE496FEADD2C98456B8160CB945CC0C450EBDCDA146998FBECAB63CCAC7A8B5,
            g=_number(
                "516A5BAC5FCB9F808C4C82400849D1DF6078E2039D845C1AF3C9BDEE8397301CA4BB056592EEE55CD0574B1B8DC3B41D"
                "B6AA1BC338EC412497BC3FBCB2E5BC28996034FF75B3AC19278A575471ADD6AF1342D203B964C6753DC6792B98E3593E"
                "20A5CDF6E82203B57ED4B20EEA655DB05051DBE9A59E80B3A42B4BDE63781749D0CF3245D2698759A9666320CFEF5D6F"
                "30D9D7F84231230BEB5FC485CC3E975569C1B45B5BA8977D4150DA7944F182A2091E683ACB86EB859AAB14FE068213B3"
                "17D8E6C522E0AC230C1B621C5DA6C5B426D78D9141F15B5F87174E0051882B45FD115A432ACCD0141A7961D4EB156ABA"
                "585E18E4A8C0BA991CFA0B80642AE79D"
            ),
        ),
    }
)

# By kind of key, as certificates' names on the box spell it; sorted.
# fmt: off
KEYS: Mapping[str, Callable[[], PrivateKey]] = MappingProxyType({
    "dsa1024":  lambda: _DSA[1024].parameters().generate_private_key(),
    "dsa2048":  lambda: _DSA[2048].parameters().generate_private_key(),
    "ecdsa256": lambda: ec.generate_private_key(ec.SECP256R1()),
    "ecdsa384": lambda: ec.generate_private_key(ec.SECP384R1()),
    "ecdsa521": lambda: ec.generate_private_key(ec.SECP521R1()),
    "ed25519":  ed25519.Ed25519PrivateKey.generate,
    "ed448":    ed448.Ed448PrivateKey.generate,
    "rsa1024":  lambda: rsa.generate_private_key(65537, 1024),  # noqa: S505 - as on the box
    "rsa2048":  lambda: rsa.generate_private_key(65537, 2048),
    "rsa4096":  lambda: rsa.generate_private_key(65537, 4096),
})
# fmt: on


@dataclass(frozen=True, slots=True)
class Signer:
    """Who signs: a CA certificate and its key."""

    certificate: x509.Certificate
    key: PrivateKey


def name(fields: Mapping[x509.ObjectIdentifier, str]) -> x509.Name:
    """A name of one field after the other."""
    return x509.Name([x509.NameAttribute(field, value) for field, value in fields.items()])


def subject(unit: str, common: str) -> x509.Name:
    """The name of a certificate that comes with the box."""
    return name(
        {
            NameOID.COUNTRY_NAME: "US",
            NameOID.STATE_OR_PROVINCE_NAME: "California",
            NameOID.LOCALITY_NAME: "Sunnyvale",
            NameOID.ORGANIZATION_NAME: "Fortinet",
            NameOID.ORGANIZATIONAL_UNIT_NAME: unit,
            NameOID.COMMON_NAME: common,
            NameOID.EMAIL_ADDRESS: "support@fortinet.com",
        }
    )


def certificate(
    key: PrivateKey, subject_: x509.Name, now: float, *, authority: bool, signer: Signer | None = None
) -> x509.Certificate:
    """A certificate for `key` from `now` (seconds since 1970) on; without a `signer` it signs itself.

    Its only extension is basicConstraints, not critical, as on the box.
    """
    since = datetime.fromtimestamp(int(now), UTC)
    issuer, with_key = (subject_, key) if signer is None else (signer.certificate.subject, signer.key)
    builder = x509.CertificateBuilder(issuer, subject_, key.public_key())
    builder = builder.serial_number(secrets.randbits(_SERIAL_BITS) | 1)
    builder = builder.not_valid_before(since).not_valid_after(_years_later(since))
    builder = builder.add_extension(x509.BasicConstraints(ca=authority, path_length=None), critical=False)
    own_hash = isinstance(with_key, ed25519.Ed25519PrivateKey | ed448.Ed448PrivateKey)
    return builder.sign(with_key, None if own_hash else hashes.SHA256())


def _years_later(since: datetime) -> datetime:
    """The same day ten years later; the 28th where there is no 29th of February."""
    day = 28 if (since.month, since.day) == (2, 29) else since.day
    return since.replace(year=since.year + YEARS, day=day)

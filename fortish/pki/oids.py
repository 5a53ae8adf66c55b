"""Names of objects as OpenSSL prints them in certificate text: its long names."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from cryptography import x509

# Sorted by OID, as all tables here.
EXTENSIONS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "1.3.6.1.4.1.11129.2.4.2": "CT Precertificate SCTs",
        "1.3.6.1.4.1.11129.2.4.3": "CT Precertificate Poison",
        "1.3.6.1.5.5.7.1.1": "Authority Information Access",
        "1.3.6.1.5.5.7.1.2": "Biometric Info",
        "1.3.6.1.5.5.7.1.3": "qcStatements",
        "1.3.6.1.5.5.7.1.7": "sbgp-ipAddrBlock",
        "1.3.6.1.5.5.7.1.8": "sbgp-autonomousSysNum",
        "1.3.6.1.5.5.7.1.11": "Subject Information Access",
        "1.3.6.1.5.5.7.1.14": "Proxy Certificate Information",
        "1.3.6.1.5.5.7.1.24": "TLS Feature",
        "1.3.6.1.5.5.7.48.1.5": "OCSP No Check",
        "2.16.840.1.113730.1.1": "Netscape Cert Type",
        "2.16.840.1.113730.1.2": "Netscape Base Url",
        "2.16.840.1.113730.1.3": "Netscape Revocation Url",
        "2.16.840.1.113730.1.4": "Netscape CA Revocation Url",
        "2.16.840.1.113730.1.7": "Netscape Renewal Url",
        "2.16.840.1.113730.1.8": "Netscape CA Policy Url",
        "2.16.840.1.113730.1.12": "Netscape SSL Server Name",
        "2.16.840.1.113730.1.13": "Netscape Comment",
        "2.5.29.9": "X509v3 Subject Directory Attributes",
        "2.5.29.14": "X509v3 Subject Key Identifier",
        "2.5.29.15": "X509v3 Key Usage",
        "2.5.29.16": "X509v3 Private Key Usage Period",
        "2.5.29.17": "X509v3 Subject Alternative Name",
        "2.5.29.18": "X509v3 Issuer Alternative Name",
        "2.5.29.19": "X509v3 Basic Constraints",
        "2.5.29.30": "X509v3 Name Constraints",
        "2.5.29.31": "X509v3 CRL Distribution Points",
        "2.5.29.32": "X509v3 Certificate Policies",
        "2.5.29.33": "X509v3 Policy Mappings",
        "2.5.29.35": "X509v3 Authority Key Identifier",
        "2.5.29.36": "X509v3 Policy Constraints",
        "2.5.29.37": "X509v3 Extended Key Usage",
        "2.5.29.46": "X509v3 Freshest CRL",
        "2.5.29.54": "X509v3 Inhibit Any Policy",
    }
)

# Key purposes, access methods, policies.
OBJECTS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "1.3.6.1.4.1.311.2.1.21": "Microsoft Individual Code Signing",
        "1.3.6.1.4.1.311.2.1.22": "Microsoft Commercial Code Signing",
        "1.3.6.1.4.1.311.10.3.1": "Microsoft Trust List Signing",
        "1.3.6.1.4.1.311.10.3.3": "Microsoft Server Gated Crypto",
        "1.3.6.1.4.1.311.10.3.4": "Microsoft Encrypted File System",
        "1.3.6.1.4.1.311.20.2.2": "Microsoft Smartcard Login",
        "1.3.6.1.5.2.3.4": "PKINIT Client Auth",
        "1.3.6.1.5.2.3.5": "Signing KDC Response",
        "1.3.6.1.5.5.7.3.1": "TLS Web Server Authentication",
        "1.3.6.1.5.5.7.3.2": "TLS Web Client Authentication",
        "1.3.6.1.5.5.7.3.3": "Code Signing",
        "1.3.6.1.5.5.7.3.4": "E-mail Protection",
        "1.3.6.1.5.5.7.3.5": "IPSec End System",
        "1.3.6.1.5.5.7.3.6": "IPSec Tunnel",
        "1.3.6.1.5.5.7.3.7": "IPSec User",
        "1.3.6.1.5.5.7.3.8": "Time Stamping",
        "1.3.6.1.5.5.7.3.9": "OCSP Signing",
        "1.3.6.1.5.5.7.3.10": "dvcs",
        "1.3.6.1.5.5.7.3.17": "ipsec Internet Key Exchange",
        "1.3.6.1.5.5.7.3.21": "SSH Client",
        "1.3.6.1.5.5.7.3.22": "SSH Server",
        "1.3.6.1.5.5.7.3.27": "CMC Certificate Authority",
        "1.3.6.1.5.5.7.3.28": "CMC Registration Authority",
        "1.3.6.1.5.5.7.48.1": "OCSP",
        "1.3.6.1.5.5.7.48.2": "CA Issuers",
        "1.3.6.1.5.5.7.48.3": "AD Time Stamping",
        "1.3.6.1.5.5.7.48.5": "CA Repository",
        "2.16.840.1.113730.4.1": "Netscape Server Gated Crypto",
        "2.5.29.32.0": "X509v3 Any Policy",
        "2.5.29.37.0": "Any Extended Key Usage",
    }
)

OTHER_NAMES: Final[Mapping[str, str]] = MappingProxyType(
    {
        "1.3.6.1.4.1.311.20.2.3": "UPN",
        "1.3.6.1.5.5.7.8.5": "XmppAddr",
        "1.3.6.1.5.5.7.8.7": "SRVName",
        "1.3.6.1.5.5.7.8.8": "NAIRealm",
        "1.3.6.1.5.5.7.8.9": "SmtpUTF8Mailbox",
    }
)


def long_name(oid: x509.ObjectIdentifier) -> str:
    """OpenSSL's long name of a key purpose, an access method or a policy; dotted where it is not known here."""
    return OBJECTS.get(oid.dotted_string, oid.dotted_string)

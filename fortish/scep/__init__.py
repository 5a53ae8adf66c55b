"""SCEP (RFC 8894): certificates and CA certificates over plain HTTP, with messages that protect themselves."""

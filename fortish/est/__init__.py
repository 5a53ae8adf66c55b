"""Enrollment over Secure Transport (RFC 7030): the client, as flows named after the RFC's operations."""

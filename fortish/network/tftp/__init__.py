"""TFTP (RFC 1350): a client that fetches and stores a file, and a small server for a folder."""

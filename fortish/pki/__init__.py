"""Keys, names, certificate text, requests, chains and PKCS #7: what EST needs of X.509, with no protocol in it."""

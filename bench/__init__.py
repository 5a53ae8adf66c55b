"""How long fortish takes, with something comparable beside it: `python -m bench`. Nothing is asserted."""

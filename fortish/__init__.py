"""fortish: a FortiOS-style configuration shell that really enrolls its certificates over EST (RFC 7030)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from fortish.door import Appliance, Played

__version__ = "0.1.0"
__all__ = ["Appliance", "Played", "__version__"]


def __getattr__(name: str) -> Any:
    """`fortish.Appliance`, imported when first asked for: the command line starts without it."""
    if name in {"Appliance", "Played"}:
        from fortish import door

        return getattr(door, name)
    raise AttributeError(f"module 'fortish' has no attribute {name!r}")

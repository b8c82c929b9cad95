"""From a notebook file to a Program: read, understood, checked and frozen."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .snapshot import Frozen, check_values, freeze

__all__ = ["Frozen", "check_values", "freeze"]


def __getattr__(name: str) -> Any:
    """Import the front door when it is used: a runner needs ``notebook.program`` only."""
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from . import snapshot

    return getattr(snapshot, name)

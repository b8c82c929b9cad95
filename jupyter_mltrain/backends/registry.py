"""Backends by name. A package brings its own through the entry point group ``jupyter_mltrain.backends``."""

from __future__ import annotations

from importlib.metadata import EntryPoint, entry_points
from typing import Final

from ..errors import InvalidInput, NotInstalled
from .base import Backend

GROUP: Final = "jupyter_mltrain.backends"


def names() -> list[str]:
    """Return the names of the backends that there are, sorted. None of them is imported."""
    return sorted(_entries())


def backend_class(name: str) -> type[Backend]:
    """Import a backend and return its class.

    Raises
    ------
    InvalidInput
        There is no backend of that name.
    NotInstalled
        There is, but something that it needs is not installed.
    """
    entry = _entries().get(name)
    if entry is None:
        raise InvalidInput(
            f"There is no backend {name!r}", hint=f"Use one of: {', '.join(names())}.", field="backend", known=names()
        )
    try:
        loaded: type[Backend] = entry.load()
    except ImportError as error:
        raise NotInstalled(
            f"Backend {name!r} needs {error.name or error}, which is not installed",
            hint=f"Install the extra that belongs to it: pip install 'jupyter_mltrain[{name}]'.",
        ) from error
    return loaded


def get_backend(name: str) -> Backend:
    """Return a backend with its own defaults. Raises what :func:`backend_class` and the backend itself raise."""
    return backend_class(name)()


def _entries() -> dict[str, EntryPoint]:
    return {entry.name: entry for entry in entry_points(group=GROUP)}

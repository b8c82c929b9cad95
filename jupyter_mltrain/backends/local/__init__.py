"""Jobs on this machine: processes instead of pods, the same manifest, the same status.

The data folder (``$MLTRAIN_HOME``, else the user's) has ``jobs.sqlite3``, the truth; ``programs/``;
``volumes/<claim>/``; and of each job ``jobs/<id>/outputs/`` and ``jobs/<id>/replicas/<pod>/<generation>-<run>/``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .backend import LocalBackend

__all__ = ["LocalBackend"]


def __getattr__(name: str) -> Any:
    # A supervisor imports this package too, and has no use for asyncio.
    if name == "LocalBackend":
        from .backend import LocalBackend

        return LocalBackend
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")

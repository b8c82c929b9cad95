"""Read and follow the log of a replica across rotation and restarts."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from pathlib import Path

from ..base import Cursor, LogChunk


def read(
    pod: Path,
    *,
    after: Cursor | None = None,
    tail: int | None = None,
    previous: bool = False,
    follow: bool = False,
    finished: Callable[[], bool] = lambda: True,
) -> AsyncIterator[LogChunk]:
    """Read the log of a pod: all its runs in ``pod/<generation>-<restart>/``, oldest first.

    Parameters
    ----------
    after:
        Go on after this chunk's cursor (``"<generation>-<restart>:<byte offset>"``).
    tail:
        Start with the last so many lines of the last run instead.
    previous:
        Only the run before the last one, as ``kubectl logs --previous``.
    follow:
        Wait for more, without polling, until the last run has ended and ``finished()`` says that no other will come.
        Whoever makes a new run or ends the pod rings ``pod/followers`` (``bell.ring_all``).
    """
    raise NotImplementedError

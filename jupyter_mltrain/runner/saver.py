"""Keeps the executed notebook on disk, whole at any time, without spending much of the run's time on it."""

from __future__ import annotations

import errno
import os
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any, Final, Protocol

SHARE: Final = 20
"""Writing the notebook takes at most one part in so many of the time, but for the last write."""
LATEST: Final = 1.0
"""Seconds after a cell's end within which it is written all the same, where one write takes no longer."""


class Handle(Protocol):
    """A call that is due later."""

    def cancel(self) -> None:
        """Forget it."""


class Saver:
    """Writes a notebook when asked to, at once or a moment later.

    Parameters
    ----------
    notebook:
        Returns the nbformat document as it is now.
    later:
        The event loop's ``call_later``.
    on_error:
        Takes a message for the user; the same one only once.
    """

    def __init__(
        self,
        path: Path,
        notebook: Callable[[], dict[str, Any]],
        later: Callable[[float, Callable[[], object]], Handle],
        on_error: Callable[[str], None],
    ) -> None:
        self.path = path
        self._notebook = notebook
        self._later = later
        self._on_error = on_error
        self._told: set[str] = set()
        self._waiting: Handle | None = None
        self._due = 0.0
        self._not_before = 0.0

    def request(self, within: float = 0.0) -> None:
        """Write after so many seconds at the latest, but not too short a time after the last write."""
        now = time.monotonic()
        due = max(now + within, self._not_before)
        if due <= now:
            self.save()
        elif self._waiting is None or due < self._due:
            self._forget()
            self._waiting, self._due = self._later(due - now, self.save), due

    def _forget(self) -> None:
        if self._waiting is not None:
            self._waiting.cancel()
            self._waiting = None

    def save(self, *, durable: bool = False) -> bool:
        """Write now; with ``durable`` it is on the disk afterwards. Return whether it could be written."""
        self._forget()
        start = time.monotonic()
        try:
            write_notebook(self.path, self._notebook(), durable=durable)
        except OSError as error:
            self._tell(error)
            return False
        finally:
            end = time.monotonic()
            cost = end - start
            self._not_before = end + max(cost, min(SHARE * cost, LATEST))
        return True

    def _tell(self, error: OSError) -> None:
        hint = " Free some space on the disk." if error.errno in (errno.ENOSPC, errno.EDQUOT) else ""
        message = f"The executed notebook could not be written to {str(self.path)!r}: {error.strerror}.{hint}"
        if message not in self._told:
            self._told.add(message)
            self._on_error(message)


def write_notebook(path: Path, notebook: dict[str, Any], *, durable: bool = False) -> None:
    """Write an nbformat 4 document as nbformat lays it out: whole, or not at all. Raises ``OSError``."""
    import nbformat

    text = nbformat.v4.writes(nbformat.from_dict(notebook)) + "\n"  # type: ignore[no-untyped-call]
    draft = path.with_name(f".mltrain-{os.getpid()}.draft")  # short: the notebook's own name may be as long as can be
    try:
        with draft.open("wb") as file:
            # A lone surrogate becomes its JSON escape.
            file.write(text.encode("utf-8", "backslashreplace"))
            if durable:
                file.flush()
                os.fsync(file.fileno())
        draft.replace(path)
    finally:
        with suppress(OSError):
            draft.unlink(missing_ok=True)

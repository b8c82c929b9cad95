"""Bells: wake a process on this machine that waits for something to happen in a folder.

A bell is a FIFO. Its owner sleeps in ``select`` on it; whoever has changed something rings it. Rings that come before
the owner has woken up melt into one. A bell says *that* something changed, never *what*: the owner reads that from the
database or from files, so a surplus ring costs a look and nothing else. Unlike a socket, a FIFO has no limit on the
length of its path and needs no port; unlike inotify it exists on every POSIX system.
"""

from __future__ import annotations

import contextlib
import os
import uuid
from pathlib import Path
from types import TracebackType
from typing import Self

from ...errors import StorageError
from .shim import ring as _ring
from .shim import ring_all as _ring_all


class Bell:
    """A bell that this process owns and waits on.

    An abandoned bell at the same path is replaced: the latest owner is the one that hears.

    Raises
    ------
    StorageError
        The bell cannot be made: no such folder, not writable, or a file system without FIFOs.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        # Opened before it has its name: nobody can see it without an owner and take it for a dead one.
        hidden = path.with_name(f".{uuid.uuid4().hex}")
        try:
            os.mkfifo(hidden, 0o600)
            try:
                self._fd = os.open(hidden, os.O_RDWR | os.O_NONBLOCK)
                hidden.rename(path)
            except OSError:
                hidden.unlink()
                raise
        except OSError as error:
            raise StorageError(
                f"Cannot make a bell in {path.parent}: {error.strerror}",
                hint="The data folder must exist, be writable and lie on a local file system.",
                path=str(path),
            ) from error

    def fileno(self) -> int:
        """Return the descriptor that becomes readable when somebody rings."""
        return self._fd

    def drain(self) -> bool:
        """Take in all rings so far and return whether there was one. Drain first, then look at what changed."""
        rung = False
        with contextlib.suppress(BlockingIOError):
            while os.read(self._fd, 65536):
                rung = True
        return rung

    def close(self) -> None:
        """Give the bell up and remove it, unless a later owner has its place by now. Idempotent."""
        if self._fd < 0:
            return
        with contextlib.suppress(FileNotFoundError):
            if os.path.samestat(self.path.stat(), os.fstat(self._fd)):
                self.path.unlink()
        os.close(self._fd)
        self._fd = -1

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def ring(path: Path) -> bool:
    """Wake the owner of the bell at ``path``; ``False`` when nobody listens. Never blocks."""
    return _ring(str(path))


def ring_all(folder: Path) -> int:
    """Ring every bell in a folder, remove those whose owners are gone, and return how many were heard."""
    return _ring_all(str(folder))

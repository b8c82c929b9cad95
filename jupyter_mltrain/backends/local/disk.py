"""Room on the disk of the data folder, a bit of which is kept back.

On a full disk jobs still end, are looked at and are deleted, which frees space: the database gets what it needs for
that from a file that is there for nothing else. Only new jobs have to wait.
"""

from __future__ import annotations

import contextlib
import os
from pathlib import Path
from typing import Final

RESERVE: Final = 2**20
"""Bytes kept back: some twenty transactions beside the database's own files."""

NEEDED: Final = 2**18
"""A disk with less room than this, in bytes, counts as full: a transaction with all that belongs to it may need it."""


def is_full(folder: Path) -> bool:
    """Return whether there is no room on the disk of a folder, as far as that can be told."""
    try:
        return _free(folder) < NEEDED
    except OSError:
        return False


def _free(folder: Path) -> int:
    """Return the bytes that this user can still write; none where no file can be made."""
    found = os.statvfs(folder)
    no_files = found.f_files > 0 and found.f_favail == 0
    return 0 if no_files else found.f_bavail * found.f_frsize


class Reserve:
    """A file that takes space as long as nobody needs it."""

    def __init__(self, home: Path) -> None:
        self._home = home
        self._path = home / "reserve"

    def give_way(self) -> None:
        """Let go of the space if the disk is full."""
        if is_full(self._home):
            with contextlib.suppress(OSError):
                self._path.unlink(missing_ok=True)

    def restore(self) -> None:
        """Take the space again, or as much of it as there is."""
        with contextlib.suppress(OSError):  # a file system that is read-only or cannot do it
            if self._size() < RESERVE:
                self._grow()

    def is_whole(self) -> bool:
        """Return whether all of it is there, or the disk has room enough without it."""
        self.restore()
        return self._size() == RESERVE or not is_full(self._home)

    def _size(self) -> int:
        try:
            return self._path.stat().st_size
        except FileNotFoundError:
            return 0

    def _grow(self) -> None:
        descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            there = os.fstat(descriptor).st_size
            more = min(RESERVE - there, _free(self._home))
            if more <= 0:
                return
            if hasattr(os, "posix_fallocate"):
                os.posix_fallocate(descriptor, there, more)
            else:
                os.pwrite(descriptor, bytes(more), there)
        finally:
            os.close(descriptor)

"""A private folder for sockets and pipes, removed after the run, or by a later one where this one was killed."""

from __future__ import annotations

import fcntl
import os
import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

_PREFIX: Final = "mltrain-run-"
_LOCK: Final = "lock"
_SHORT: Final = 60  # characters
_YOUNG: Final = 60.0  # seconds, after which whoever made a folder has surely locked it


@contextmanager
def scratch() -> Iterator[Path]:
    """Make the folder; its path is short, since that of a socket may have no more than 107 bytes."""
    base = _base()
    _sweep(base)
    with tempfile.TemporaryDirectory(prefix=_PREFIX, dir=base, ignore_cleanup_errors=True) as name:
        folder = Path(name)
        with (folder / _LOCK).open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield folder


def _base() -> Path:
    usual = Path(tempfile.gettempdir())
    return usual if len(str(usual)) <= _SHORT or not os.access("/tmp", os.W_OK) else Path("/tmp")  # noqa: S108


def _sweep(base: Path) -> None:
    """Remove what runs left that were killed: their locks are free. What is another user's cannot be opened."""
    for path in base.glob(f"{_PREFIX}*/{_LOCK}"):
        with suppress(OSError), path.open("r+") as lock:
            if time.time() - os.fstat(lock.fileno()).st_mtime > _YOUNG:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                shutil.rmtree(path.parent)

"""Files that appear whole or not at all, and copies that are compared with their digest."""

from __future__ import annotations

import errno
import hashlib
import os
import secrets
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO, Final

from ..errors import StorageError

_DRAFT: Final = ".mltrain-draft-"
_ABANDONED: Final = 86_400  # seconds
_CHUNK: Final = 1 << 20  # bytes


@contextmanager
def draft(target: Path, folder: Path) -> Iterator[BinaryIO]:
    """Open a file that takes its place at the end, whole and on the disk, or not at all.

    Until then it lies in ``folder``, on the same file system.
    """
    path = folder / f"{_DRAFT}{secrets.token_hex(8)}"
    try:
        with path.open("xb") as out:
            yield out
            out.flush()
            os.fsync(out.fileno())
        path.replace(target)
    finally:
        path.unlink(missing_ok=True)


def is_draft(path: Path) -> bool:
    """Tell whether a file is one that a killed process left, or one that is being written."""
    return path.name.startswith(_DRAFT)


def sweep(folder: Path) -> None:
    """Remove the drafts that processes left a day ago or longer."""
    for left in filter(is_draft, folder.iterdir()):
        with suppress(OSError):
            if time.time() - left.stat().st_mtime > _ABANDONED:
                left.unlink()


def copy(source: Path, out: BinaryIO, digest: str) -> Iterator[int]:
    """Append a blob to a file, and yield after each part how many bytes are done.

    A copy, never a hard link: what a user does to one must not reach the other.

    Raises
    ------
    StorageError
        The source has other bytes than its digest says; ``details["digest"]`` tells which.
    """
    algorithm, _, digits = digest.partition(":")
    found, done = hashlib.new(algorithm), 0
    with source.open("rb") as file:
        while chunk := file.read(_CHUNK):
            found.update(chunk)
            out.write(chunk)
            done += len(chunk)
            yield done
    if found.hexdigest() != digits:
        raise StorageError(f"{str(source)!r} is damaged.", hint="Remove it and build the image again.", digest=digest)


def storage_error(place: Path, error: OSError) -> StorageError:
    """Return what the operating system said as an error for a user."""
    hint = "Free some space on the disk." if error.errno in (errno.ENOSPC, errno.EDQUOT) else ""
    return StorageError(f"The image could not be written to {str(place)!r}: {error.strerror or error}.", hint=hint)

"""Files that appear whole or not at all, and copies made by the kernel."""

from __future__ import annotations

import errno
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
_CHUNK: Final = 8 << 20  # bytes
_NOT_HERE: Final = frozenset({errno.EXDEV, errno.EINVAL, errno.ENOSYS, errno.EOPNOTSUPP})


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


def copy(source: Path, out: BinaryIO, size: int) -> Iterator[int]:
    """Append a file to another, and yield after each part how many bytes are done.

    A copy, never a hard link: what a user does to one must not reach the other. Where the file system can, both share
    their blocks.

    Raises
    ------
    StorageError
        The source has another size than ``size`` bytes.
    """
    out.flush()
    done = 0
    with source.open("rb") as file:
        while done <= size and (count := _copy_some(file.fileno(), out.fileno())):
            done += count
            yield done
    if done != size:
        raise StorageError(f"{str(source)!r} has not the {size} bytes that it should.", hint="Build the image again.")
    out.seek(0, os.SEEK_END)  # the kernel wrote behind the buffer's back


def _copy_some(source: int, out: int) -> int:
    """Copy up to a chunk between two open files: inside the kernel, or by hand where it cannot do so here."""
    try:
        return os.copy_file_range(source, out, _CHUNK)
    except AttributeError:  # not Linux
        pass
    except OSError as error:
        if error.errno not in _NOT_HERE:
            raise
    data = memoryview(os.read(source, _CHUNK))
    written = 0
    while written < len(data):
        written += os.write(out, data[written:])
    return written


def storage_error(place: Path, error: OSError) -> StorageError:
    """Return what the operating system said as an error for a user."""
    hint = "Free some space on the disk." if error.errno in (errno.ENOSPC, errno.EDQUOT) else ""
    return StorageError(f"The image could not be written to {str(place)!r}: {error.strerror or error}.", hint=hint)

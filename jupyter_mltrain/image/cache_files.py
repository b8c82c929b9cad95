"""The cache's files: drafts that become blobs, locks between processes, and what goes wrong on disks."""

from __future__ import annotations

import errno
import fcntl
import hashlib
import os
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

from ..errors import ImageError, StorageError

_FULL: Final = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
_REFUSED: Final = {errno.EROFS, errno.EACCES, errno.EPERM}
_ASK_AGAIN: Final = 0.05  # seconds between two looks at a lock that can be given up


class DigestMismatch(ImageError):
    """Bytes that are not those of which digest or size was told."""

    code = "digest"


@contextmanager
def storage_errors(folder: Path) -> Iterator[None]:
    """Turn what a disk refuses into ``StorageError``."""
    try:
        yield
    except OSError as error:
        raise _storage_error(folder, error) from error


def _storage_error(folder: Path, error: OSError) -> StorageError:
    hint = "Set MLTRAIN_HOME to a folder on another disk."
    if error.errno in _FULL:
        hint = "Free some space there, or set MLTRAIN_HOME to a folder on another disk."
    elif error.errno in _REFUSED:
        hint = "Make the folder writable, or set MLTRAIN_HOME to one that is."
    return StorageError(f"The image cache in {str(folder)!r} cannot be used: {error.strerror or error}.", hint=hint)


class Draft:
    """A file that is being written, and its size and digest so far. Made by ``Cache.write_blob``.

    It is locked as long as it is open: a sweep knows by that whether its writer still lives.
    """

    def __init__(self, folder: Path, digest: str | None, size: int | None) -> None:
        self.size = 0
        self._expected = digest, size
        self._hash = hashlib.sha256()
        self._folder = folder
        with storage_errors(folder):
            self.path, self._descriptor = _create(folder)

    @property
    def digest(self) -> str:
        """The digest of what was written."""
        return f"sha256:{self._hash.hexdigest()}"

    def write(self, data: bytes, /) -> int:
        """Append bytes.

        Raises
        ------
        DigestMismatch
            They are more than there should be.
        StorageError
            The disk does not take them.
        """
        self._hash.update(data)
        self.size += len(data)
        size = self._expected[1]
        if size is not None and self.size > size:
            raise DigestMismatch(f"More than the {size} bytes that were announced came.")
        with storage_errors(self._folder):
            view = memoryview(data)
            while view:
                view = view[os.write(self._descriptor, view) :]
        return len(data)

    def flush(self) -> None:
        """Do nothing: no bytes are held back."""

    def restart(self) -> None:
        """Forget what was written, for a source that begins anew."""
        with storage_errors(self._folder):
            os.ftruncate(self._descriptor, 0)
            os.lseek(self._descriptor, 0, os.SEEK_SET)
        self.size = 0
        self._hash = hashlib.sha256()

    def publish(self, target: Path) -> None:
        """Give the file its final name, at which it appears whole. Raises ``StorageError``."""
        with storage_errors(self._folder):
            target.parent.mkdir(parents=True, exist_ok=True)
            self.path.replace(target)

    def verify(self) -> None:
        """Raise ``DigestMismatch`` unless the bytes are those that were announced."""
        digest, size = self._expected
        if size not in (None, self.size):
            raise DigestMismatch(f"{self.size} bytes came instead of {size}.", expected=size, found=self.size)
        if digest not in (None, self.digest):
            raise DigestMismatch(
                f"What came has the digest {self.digest} instead of {digest}.", expected=digest, found=self.digest
            )

    def close(self) -> None:
        """Remove the file, unless it was published."""
        with suppress(OSError):
            self.path.unlink()
        os.close(self._descriptor)


def _create(folder: Path) -> tuple[Path, int]:
    """Create a locked file and return its path and descriptor."""
    folder.mkdir(parents=True, exist_ok=True)
    while True:
        path = folder / uuid.uuid4().hex
        descriptor = os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_CLOEXEC, 0o666)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
        except OSError:
            os.close(descriptor)
            path.unlink()
            raise
        if _lies_at(descriptor, path):  # a sweep can come between creating and locking
            return path, descriptor
        os.close(descriptor)


@contextmanager
def locked(path: Path, waiting: Callable[[], object] | None = None) -> Iterator[None]:
    """Hold the lock of a path, which ends with the process at the latest.

    While another holds it, ``waiting`` is called again and again; what it raises ends the waiting.
    """
    while True:
        with storage_errors(path.parent):
            path.parent.mkdir(parents=True, exist_ok=True)
            descriptor = os.open(path, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o666)
        try:
            _acquire(descriptor, path, waiting)
            if not _lies_at(descriptor, path):  # the one before has removed it
                continue
            try:
                yield
            finally:
                with suppress(OSError):
                    path.unlink()
            return
        finally:
            os.close(descriptor)


def _acquire(descriptor: int, path: Path, waiting: Callable[[], object] | None) -> None:
    with storage_errors(path.parent):
        if waiting is None:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            return
    while not _try_lock(descriptor, path):
        waiting()
        time.sleep(_ASK_AGAIN)


def _try_lock(descriptor: int, path: Path) -> bool:
    with storage_errors(path.parent):
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True


def _lies_at(descriptor: int, path: Path) -> bool:
    """Return whether a path still leads to an open file."""
    try:
        return os.path.samestat(os.fstat(descriptor), path.stat())
    except FileNotFoundError:
        return False


def remove_abandoned(folder: Path) -> None:
    """Remove the files in a folder that no living process holds the lock of."""
    with suppress(OSError):  # the folder is missing, or what is in it is another's
        for path in list(folder.iterdir()):
            with suppress(OSError, StorageError):
                _remove_if_abandoned(path)


def _remove_if_abandoned(path: Path) -> None:
    descriptor = os.open(path, os.O_RDWR | os.O_CLOEXEC)
    try:
        if _try_lock(descriptor, path) and _lies_at(descriptor, path):
            path.unlink()
    finally:
        os.close(descriptor)

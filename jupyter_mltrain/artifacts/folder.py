"""Artifacts in a folder of this machine: a disk, a mounted claim, a network share."""

from __future__ import annotations

import errno
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path, PurePosixPath
from typing import Final

from ..errors import InvalidInput, NotFound, StorageError
from .base import Artifact

_DRAFT: Final = ".mltrain-draft-"  # begins the names of files that are being written


class FolderStore:
    """An `ArtifactStore` in a folder, which is made when first written."""

    def __init__(self, root: Path) -> None:
        self.root = root.absolute()

    def put(self, source: Path, key: str) -> str:
        """Copy a file or folder to a key: see `ArtifactStore`."""
        target = self._path(key)
        if not source.exists():
            raise NotFound(f"There is no {str(source)!r} to store as {key!r}.")
        with _storage_errors(f"{str(source)!r} could not be stored in {str(target)!r}"):
            for file in _files(source):
                _copy(file, target / file.relative_to(source) if source.is_dir() else target)
        return self.uri(key)

    def get(self, key: str, destination: Path) -> Path:
        """Copy what a key holds to a path here: see `ArtifactStore`."""
        source = self._path(key)
        if not source.exists():
            names = ", ".join(artifact.key for artifact in self.list()[:5])
            raise NotFound(f"{self.uri()} has no {key!r}.", hint=f"It has: {names or 'nothing'}.")
        with _storage_errors(f"{str(source)!r} could not be copied to {str(destination)!r}"):
            for file in _files(source):
                _copy(file, destination / file.relative_to(source) if source.is_dir() else destination)
        return destination

    def list(self, prefix: str = "") -> list[Artifact]:
        """Return the files at and below a key: see `ArtifactStore`."""
        start = self._path(prefix)
        with _storage_errors(f"{str(start)!r} could not be read"):
            return sorted(
                (Artifact(file.relative_to(self.root).as_posix(), file.stat().st_size) for file in _files(start)),
                key=lambda artifact: artifact.key,
            )

    def uri(self, key: str = "") -> str:
        """Return the ``file:`` URI of a key: see `ArtifactStore`."""
        return self._path(key).as_uri()

    def _path(self, key: str) -> Path:
        parts = PurePosixPath(key)
        if parts.is_absolute() or ".." in parts.parts or "\0" in key:
            raise InvalidInput(f"{key!r} is no key of an artifact: it must stay below {str(self.root)!r}.")
        return self.root / parts


def _files(path: Path) -> Iterator[Path]:
    """Yield a file, or the files below a folder, links to files followed; drafts of other writers are none."""
    if path.is_file():
        yield path
        return
    for folder, _, names in os.walk(path):
        for name in names:
            file = Path(folder) / name
            if not name.startswith(_DRAFT) and file.is_file():
                yield file


def _copy(source: Path, target: Path) -> None:
    """Copy a file so that the target is whole at any time, also after a power failure."""
    target.parent.mkdir(parents=True, exist_ok=True)
    draft = target.with_name(f"{_DRAFT}{os.getpid()}-{target.name}"[:255])
    try:
        with source.open("rb") as reader, draft.open("wb") as writer:
            shutil.copyfileobj(reader, writer, 1 << 20)
            writer.flush()
            os.fsync(writer.fileno())
        shutil.copystat(source, draft)
        draft.replace(target)
    finally:
        with suppress(OSError):
            draft.unlink(missing_ok=True)


@contextmanager
def _storage_errors(what: str) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        hint = "Free some space on the disk." if error.errno in (errno.ENOSPC, errno.EDQUOT) else ""
        raise StorageError(f"{what}: {error.strerror or error}.", hint=hint) from error

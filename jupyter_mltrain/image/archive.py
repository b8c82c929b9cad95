"""An image layout in one file: a tar with a fixed order and no times, so equal images are equal files.

``podman load``, ``skopeo copy oci-archive:FILE``, ``docker load`` and ``ctr image import`` take it.
"""

from __future__ import annotations

import io
import os
import tarfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, cast

from ..errors import ImageError, InvalidInput
from . import oci
from .files import copy, draft, storage_error, sweep
from .layout import INDEX_FILE, VERSION, VERSION_FILE, Blobs, Contents, Reader, blob_path
from .progress import Progress, Report, ignore

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer


# --- reading ----------------------------------------------------------------------------------------------------------


class Archive(Reader):
    """The images of an archive."""

    def __init__(self, file: Path) -> None:
        self.place = file

    def open(self, path: str) -> BinaryIO:
        """Open one of the layout's files. Raises ``FileNotFoundError``, and ``ImageError`` where this is no archive."""
        try:
            start, size = self._members[path]
        except KeyError:
            raise FileNotFoundError(path) from None
        return cast(BinaryIO, io.BufferedReader(_Part(self.place, start, size)))

    @cached_property
    def _members(self) -> Mapping[str, tuple[int, int]]:
        """Where in the file the layout's files start, and how many bytes they have."""
        try:
            with tarfile.open(self.place, "r:") as tar:
                return {
                    member.name.removeprefix("./"): (member.offset_data, member.size)
                    for member in tar
                    if member.isreg() and not member.issparse()
                }
        except FileNotFoundError:
            raise ImageError(f"There is no {str(self.place)!r}.") from None
        except (tarfile.TarError, EOFError, OSError) as error:
            raise self._no_layout(f"it cannot be read as a tar: {error}") from None


class _Part(io.RawIOBase):
    """A part of a file, as a file of its own: so blobs are read from an archive by several threads at once."""

    def __init__(self, path: Path, start: int, size: int) -> None:
        self._file = path.open("rb", buffering=0)
        self._start = start
        self._size = size
        self._at = 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        origin = {os.SEEK_SET: 0, os.SEEK_CUR: self._at, os.SEEK_END: self._size}[whence]
        self._at = max(0, origin + offset)
        return self._at

    def readinto(self, buffer: WriteableBuffer, /) -> int:
        view = memoryview(buffer)[: max(0, self._size - self._at)]
        count = os.preadv(self._file.fileno(), [view], self._start + self._at) if view else 0
        self._at += count
        return count

    def close(self) -> None:
        self._file.close()
        super().close()


# --- writing ----------------------------------------------------------------------------------------------------------


def write(file: Path, contents: Contents, blobs: Blobs, *, report: Report = ignore) -> None:
    """Write an archive with one image; an archive of that name is replaced, in one step.

    Raises
    ------
    InvalidInput
        There is a folder or another kind of file of that name.
    StorageError
        It cannot be written, or the disk is full.
    """
    try:
        _prepare(file)
        with draft(file, file.parent) as out:
            done = 0
            for path, content in _files(contents):
                if isinstance(content, bytes):
                    with _member(out, path, len(content)):
                        out.write(content)
                    continue
                with _member(out, path, content.size):
                    for count in copy(blobs(content), out, content.digest):
                        report(Progress("write", file.name, done + count, contents.size))
                done += content.size
            out.write(bytes(2 * tarfile.BLOCKSIZE))
    except OSError as error:
        raise storage_error(file, error) from error
    report(Progress("write", file.name, contents.size, contents.size, "done"))


def _files(contents: Contents) -> list[tuple[str, bytes | oci.Descriptor]]:
    """Return the layout's files in the order of their names: bytes, or the layer whose bytes they are."""
    files: dict[str, bytes | oci.Descriptor] = {
        **{blob_path(layer.digest): layer for layer in contents.layers},
        **{blob_path(digest): data for digest, data in contents.documents.items()},
        INDEX_FILE: oci.index([contents.image], {}),
        VERSION_FILE: VERSION,
    }
    return sorted(files.items(), key=lambda item: item[0])


@contextmanager
def _member(out: BinaryIO, path: str, size: int) -> Iterator[None]:
    """Write the header of a member, and behind its content what fills its last block."""
    info = tarfile.TarInfo(path)
    info.size = size
    out.write(info.tobuf(tarfile.PAX_FORMAT))
    yield
    out.write(bytes(-size % tarfile.BLOCKSIZE))


def _prepare(file: Path) -> None:
    """Make the folder, and see that nothing but an older archive is replaced. Raises ``InvalidInput``."""
    if file.is_dir():
        raise InvalidInput(f"{str(file)!r} is a folder.", hint="Name a file in it.", field="output")
    if file.exists() and file.stat().st_size:
        try:
            _ = Archive(file).document
        except ImageError:
            raise InvalidInput(
                f"{str(file)!r} is there already and is no OCI archive.", hint="Name another file.", field="output"
            ) from None
    file.parent.mkdir(parents=True, exist_ok=True)
    sweep(file.parent)

"""Layers: a tree of files as a tar that is the same to the byte each time, compressed.

Owner, times and order are fixed; modes are 644, or 755 for folders and what can be executed. So the digest of a layer
says what is in it, and nothing about who made it, where and when.
"""

from __future__ import annotations

import gzip
import hashlib
import io
import os
import shutil
import tarfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import IO, BinaryIO, Final, Literal, cast

from . import oci

Compression = Literal["zstd", "gzip"]

_CHUNK: Final = 1 << 20
_ZSTD_LEVEL: Final = 3
_GZIP_LEVEL: Final = 6
_MEDIA_TYPES: Final[dict[Compression, str]] = {"zstd": oci.LAYER_ZSTD, "gzip": oci.LAYER_GZIP}


@dataclass(frozen=True, slots=True)
class Entry:
    """A file, a folder or a link of a layer.

    Attributes
    ----------
    path:
        Where it lies in the image, with ``/`` and without one in front.
    source:
        The bytes of a file, or the file that has them; None for what has no content.
    executable:
        Whether a file can be executed.
    link:
        What a symbolic link points at.
    """

    path: str
    source: bytes | Path | None = None
    executable: bool = False
    link: str = ""

    @property
    def is_folder(self) -> bool:
        """Whether it is neither file nor link."""
        return self.source is None and not self.link


def write_layer(entries: Iterable[Entry], out: BinaryIO, compression: Compression) -> oci.Layer:
    """Write a layer and return what points at it.

    Files are streamed: the memory that it takes does not depend on their size. Folders above an entry are added. Of
    two entries with one path the later counts.
    """
    compressed = _Hashing(out)
    with _compressor(compressed, compression) as packer:
        tar = _Hashing(packer)
        with tarfile.open(
            fileobj=cast("IO[bytes]", tar), mode="w|", format=tarfile.PAX_FORMAT, bufsize=_CHUNK
        ) as archive:
            for entry in _in_order(entries):
                _add(archive, entry)
    descriptor = oci.Descriptor(_MEDIA_TYPES[compression], compressed.digest, compressed.size)
    return oci.Layer(descriptor, tar.digest)


def codec_version(compression: Compression) -> str:
    """Return what beside the content decides a layer's bytes: the compressor, its version and level."""
    if compression == "gzip":
        import zlib

        return f"gzip-{zlib.ZLIB_RUNTIME_VERSION}-{_GZIP_LEVEL}"
    import zstandard

    return f"zstd-{'.'.join(str(part) for part in zstandard.ZSTD_VERSION)}-{_ZSTD_LEVEL}"


def _in_order(entries: Iterable[Entry]) -> Iterator[Entry]:
    """Yield entries and the folders above them, each once, parents first."""
    found = {entry.path: entry for entry in entries}
    for path in list(found):
        for parent in PurePosixPath(path).parents:
            if parent.name:
                found.setdefault(str(parent), Entry(str(parent)))
    return (found[path] for path in sorted(found, key=lambda path: path.split("/")))


def _add(archive: tarfile.TarFile, entry: Entry) -> None:
    info = tarfile.TarInfo(entry.path)
    info.mode = 0o755 if entry.executable or entry.is_folder else 0o644
    if entry.is_folder:
        info.type = tarfile.DIRTYPE
        archive.addfile(info)
    elif entry.source is None:
        info.type, info.linkname, info.mode = tarfile.SYMTYPE, entry.link, 0o777
        archive.addfile(info)
    else:
        with _opened(entry.source) as source:
            info.size = source.seek(0, os.SEEK_END)
            source.seek(0)
            archive.addfile(info, source)


def _opened(source: bytes | Path) -> BinaryIO:
    return io.BytesIO(source) if isinstance(source, bytes) else source.open("rb")


@contextmanager
def _compressor(out: _Hashing, compression: Compression) -> Iterator[BinaryIO]:
    if compression == "gzip":
        # Neither a name nor a time in the header: both would be part of the digest.
        with gzip.GzipFile(
            filename="", fileobj=cast("IO[bytes]", out), mode="wb", compresslevel=_GZIP_LEVEL, mtime=0
        ) as packer:
            yield cast(BinaryIO, packer)
        return
    import zstandard

    with zstandard.ZstdCompressor(level=_ZSTD_LEVEL).stream_writer(cast("IO[bytes]", out), closefd=False) as packer:
        yield cast(BinaryIO, packer)


class _Hashing:
    """Passes bytes on, and knows how many they were and what digest they have."""

    def __init__(self, out: BinaryIO | _Hashing) -> None:
        self.size = 0
        self._out = out
        self._hash = hashlib.sha256()

    @property
    def digest(self) -> str:
        return f"sha256:{self._hash.hexdigest()}"

    def write(self, data: bytes) -> int:
        self._hash.update(data)
        self.size += len(data)
        return self._out.write(data)

    def flush(self) -> None:
        self._out.flush()

"""Reads layers as they come over the wire: verified, unpacked in memory, never written to disk.

A layer may be hostile: what is held of it, and what it unpacks to, has a limit.
"""

from __future__ import annotations

import gzip
import hashlib
import io
import struct
import tarfile
import zlib
from collections.abc import Callable
from typing import IO, BinaryIO, Final, cast

from ...errors import ImageError
from .. import oci
from . import elf, programs
from .tree import File, Folder, Link, Node, Tree, is_whiteout

_CHUNK: Final = 1 << 20
_BUFFER: Final = 1 << 15  # bytes that tarfile holds: with each entry it copies what is left of them
_LARGEST_LAYER: Final = 1 << 37  # bytes unpacked: 128 GiB
_LARGEST_PROGRAM: Final = 1 << 26  # bytes of one that are read
_LARGEST_TEXT: Final = 1 << 20
_HEAD_OF_TEXT: Final = 1 << 12  # bytes that are kept of a text which may be there many times
_MOST_TEXT: Final = 1 << 27  # bytes of all texts together
_MOST_NODES: Final = 2_000_000
_LONGEST_PATH: Final = 4096  # as in Linux
_LARGEST_HEADER: Final = 1 << 22  # bytes of a tar entry's headers, and what is read ahead
_LARGEST_WINDOW: Final = 1 << 27  # bytes that unpacking zstd may look back: what its highest level has

_GZIP: Final = b"\x1f\x8b"
_ZSTD: Final = b"\x28\xb5\x2f\xfd"
_ZSTD_SKIPPABLE: Final = b"\x2a\x4d\x18"  # from the second byte on: where buildkit and eStargz put tables


class LayerReader:
    """Puts layers, lowest first, into a tree."""

    def __init__(self, tree: Tree) -> None:
        self._tree = tree
        self._number = 0
        self._text = 0
        self._end = 0  # how many bytes of the tar may be read now

    def read(self, layer: oci.Layer, stream: BinaryIO, told: Callable[[int], None]) -> int:
        """Read one layer, and return the size of the tar that it unpacks to.

        Parameters
        ----------
        stream:
            The blob's bytes.
        told:
            Gets the number of bytes of the blob that have been read, now and then.

        Raises
        ------
        ImageError
            The bytes are not those that the digests say, no tar, or too many.
        """
        self._number += 1
        blob = _Verified(stream, told)
        try:
            unpacked = self._unpack(io.BufferedReader(blob, _CHUNK))
        except (
            EOFError,
            gzip.BadGzipFile,
            zlib.error,
            tarfile.TarError,
            ValueError,
            IndexError,
            struct.error,
        ) as error:
            raise _damaged(layer, str(error)) from None
        if (blob.digest, blob.size) != (layer.descriptor.digest, layer.descriptor.size):
            raise _damaged(layer, f"it is {blob.digest}, {blob.size} bytes")
        if unpacked.digest != layer.diff_id:
            raise _damaged(layer, f"it unpacks to {unpacked.digest}, the image's config has {layer.diff_id}")
        return unpacked.size

    def _unpack(self, blob: io.BufferedReader) -> _Verified:
        """Read the tar to its end, and the blob."""
        import zstandard

        self._end = _LARGEST_HEADER
        unpacked = _Verified(_decompressed(blob), self._check)
        try:
            # One entry after the other, and none of them kept, as iterating over the archive would.
            with tarfile.open(fileobj=cast("IO[bytes]", unpacked), mode="r|", bufsize=_BUFFER) as archive:
                while (info := archive.next()) is not None:
                    self._end = _LARGEST_LAYER
                    self._add(archive, info)
                    archive.members.clear()  # type: ignore[attr-defined]
                    self._end = archive.offset + _LARGEST_HEADER
            self._end = _LARGEST_LAYER
            while unpacked.read(_CHUNK):
                pass
            while blob.read(_CHUNK):
                pass
        except zstandard.ZstdError as error:
            raise ValueError(str(error)) from None
        return unpacked

    def _check(self, size: int) -> None:
        """Raise ``ValueError`` where more is read of the tar than may be: tarfile reads headers into memory whole."""
        if size > _LARGEST_LAYER:
            raise ValueError(f"it unpacks to more than {_LARGEST_LAYER >> 30} GiB")
        if size > self._end:
            raise ValueError("a header in it is too large")

    def _add(self, archive: tarfile.TarFile, info: tarfile.TarInfo) -> None:
        if len(info.name) > _LONGEST_PATH or len(info.linkname) > _LONGEST_PATH:
            raise ValueError(f"a path in it has more than {_LONGEST_PATH} characters")
        path = "/".join(part for part in info.name.split("/") if part not in {"", "."})
        if is_whiteout(path):
            self._tree.take_away(path, self._number)
        elif info.islnk():
            self._tree.hard_link(path, info.linkname, self._number)
        else:
            self._tree.add(path, self._node(archive, info, path))
        if self._tree.nodes > _MOST_NODES or self._text > _MOST_TEXT:
            raise ValueError("it has more files than any image")

    def _node(self, archive: tarfile.TarFile, info: tarfile.TarInfo, path: str) -> Node | None:
        if info.isdir():
            return Folder(layer=self._number)
        if info.issym():
            return Link(info.linkname, self._number)
        return self._file(archive, info, path) if info.isreg() else None

    def _file(self, archive: tarfile.TarFile, info: tarfile.TarInfo, path: str) -> File | None:
        executable = bool(info.mode & 0o111)
        if programs.is_program(path, executable):
            data = _content(archive, info, _LARGEST_PROGRAM)
            found = elf.parse(data)
            texts = programs.versions(path, data) if found else ()
            return File(executable, data[:_HEAD_OF_TEXT] if not found else b"", found, texts, self._number)
        if programs.is_text(path):
            whole = path.startswith("etc/")  # is written again, with more in it
            if whole and info.size > _LARGEST_TEXT:
                raise ValueError(f"{path} in it is larger than {_LARGEST_TEXT >> 20} MiB")
            content = _content(archive, info, _LARGEST_TEXT if whole else _HEAD_OF_TEXT)
            self._text += len(content)
            return File(executable, content, layer=self._number)
        if executable or programs.is_landmark(path):
            return File(executable, layer=self._number)
        return None


def _content(archive: tarfile.TarFile, info: tarfile.TarInfo, limit: int) -> bytes:
    file = archive.extractfile(info)
    return file.read(limit) if file else b""


def _decompressed(blob: io.BufferedReader) -> BinaryIO:
    """Return the tar in a blob, which is known by its first bytes: what a manifest says of it is often wrong."""
    import zstandard

    head = blob.peek(4)[:4]
    if head.startswith(_GZIP):
        return cast(BinaryIO, gzip.GzipFile(fileobj=blob, mode="rb"))
    if head == _ZSTD or head[1:] == _ZSTD_SKIPPABLE:
        reader = zstandard.ZstdDecompressor(max_window_size=_LARGEST_WINDOW)
        return cast(BinaryIO, reader.stream_reader(blob, read_across_frames=True, closefd=False))
    return blob


class _Verified(io.RawIOBase):
    """Passes bytes on, and knows how many they were and what digest they have."""

    def __init__(self, source: BinaryIO, told: Callable[[int], None]) -> None:
        self.size = 0
        self._source = source
        self._told = told
        self._hash = hashlib.sha256()

    @property
    def digest(self) -> str:
        return f"sha256:{self._hash.hexdigest()}"

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        data = self._source.read(len(buffer))
        buffer[: len(data)] = data
        self._hash.update(data)
        self.size += len(data)
        self._told(self.size)
        return len(data)


def _damaged(layer: oci.Layer, why: str) -> ImageError:
    return ImageError(
        f"A layer of the base image is damaged: {layer.descriptor.digest}: {why}.",
        hint="Push the base image again, or take another one.",
    )

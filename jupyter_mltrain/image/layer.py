"""Layers: a tree of files as a tar that is the same to the byte each time, compressed.

Owner, times and order are fixed; modes are 644, or 755 for folders and what can be executed. So the digest of a layer
says what is in it, and nothing about who made it, where and when.

The tar is POSIX's (``pax``), with extended headers only where a name or a size needs one. Of two entries with one path
the first counts: a layer has every path once, as the OCI image specification 1.1 wants it ("Layer changesets").
"""

from __future__ import annotations

import hashlib
import io
import json
import os
import tarfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from itertools import accumulate
from pathlib import Path
from typing import BinaryIO, Final, Literal, Protocol

from ..errors import ImageError
from . import oci
from .compress import Compression, Sink, codec_version, compressor, media_type

__all__ = ["FORMAT", "Compression", "Entry", "LayerWriter", "codec_version", "fingerprint", "write_layer"]

FORMAT: Final = 2
"""Changes when the same entries become other bytes; belongs to every key of a layer."""
_CHUNK: Final = 1 << 20
_LONGEST_NAME: Final = 255  # bytes that file systems of Linux take
_LONGEST_PATH: Final = 4094  # with the / in front and the zero at the end, PATH_MAX of Linux
_WHITEOUT: Final = ".wh."
_NO_NAMES: Final = frozenset({"", ".", ".."})
_END: Final = bytes(2 * tarfile.BLOCKSIZE)

Kind = Literal["file", "folder", "link"]


class Content(Protocol):
    """What a file has, read once from start to end."""

    def read(self, size: int, /) -> bytes: ...


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
        What a link points at: of a symbolic link any text, of a hard link a file of the same layer.
    hard:
        Whether the link is a hard one.
    mode:
        Permissions, where they are neither 644 nor 755.
    owner:
        Numbers of user and group.
    sha256:
        What a file's content must have, in hexadecimal digits, where it can change before it is written.
    """

    path: str
    source: bytes | Path | None = None
    executable: bool = False
    link: str = ""
    hard: bool = False
    mode: int | None = None
    owner: tuple[int, int] = (0, 0)
    sha256: str = ""

    @property
    def kind(self) -> Kind:
        """What it is."""
        return "link" if self.link else "folder" if self.source is None else "file"


class LayerWriter:
    """Writes a layer entry by entry: the memory that it takes does not depend on the files' sizes.

    Entries come in the order in which the caller adds them; folders above them are added, each once, before them.
    """

    def __init__(self, out: Sink, compression: Compression) -> None:
        self._compressed = _Hashing(out)
        self._packer = compressor(self._compressed, compression)
        self._tar = _Hashing(self._packer)
        self._media_type = media_type(compression)
        self._kinds: dict[str, Kind] = {}

    def add(self, entry: Entry) -> None:
        """Add an entry, unless the layer has one with this path.

        Raises
        ------
        ImageError
            No image can have a file with this name, the file cannot be read, or its path is below that of a file.
        """
        if not self._is_new(entry.path, entry.kind):
            return
        if entry.kind != "file":
            self._write_header(_header(entry))
            return
        with _opened(entry) as (source, size):
            content = _Checked(source) if entry.sha256 else source
            self._write_file(_header(entry, size), content)
        if isinstance(content, _Checked) and content.sha256 != entry.sha256:
            raise _changed(entry.path)

    def add_stream(self, path: str, content: Content, size: int, *, executable: bool = False) -> None:
        """Add a file of ``size`` bytes that are read from ``content`` now. The rules and errors are those of `add`."""
        if self._is_new(path, "file"):
            self._write_file(_header(Entry(path, b"", executable), size), content)

    def finish(self) -> oci.Layer:
        """Write the end and return what points at the layer."""
        self._tar.write(_END)
        self._packer.close()
        descriptor = oci.Descriptor(self._media_type, self._compressed.digest, self._compressed.size)
        return oci.Layer(descriptor, self._tar.digest, unpacked=self._tar.size)

    def _is_new(self, path: str, kind: Kind) -> bool:
        """Note an entry and return whether it is to be written; the folders above it are written."""
        if path in self._kinds:
            self._require_kind(path, kind)
            return False
        _require_usable(path)
        folder, _, _ = path.rpartition("/")
        if folder and self._kinds.get(folder) != "folder":
            self._add_folders(folder.split("/"))
        self._kinds[path] = kind
        return True

    def _add_folders(self, names: list[str]) -> None:
        for folder in accumulate(names, "{}/{}".format):
            if folder in self._kinds:
                self._require_kind(folder, "folder")
                continue
            self._kinds[folder] = "folder"
            self._write_header(_header(Entry(folder)))

    def _require_kind(self, path: str, kind: Kind) -> None:
        """Raise ``ImageError`` where one of two with the same path is a folder."""
        found = self._kinds[path]
        if found != kind and "folder" in (found, kind):
            raise ImageError(f"{path!r} cannot be a {found} and a {kind} at once.")

    def _write_header(self, info: tarfile.TarInfo) -> None:
        self._tar.write(_to_bytes(info))

    def _write_file(self, info: tarfile.TarInfo, content: Content) -> None:
        self._write_header(info)
        left = info.size
        while left and (chunk := _read(content, min(left, _CHUNK), info.name)):
            self._tar.write(chunk)
            left -= len(chunk)
        if left or _read(content, 1, info.name):
            raise _changed(info.name)
        self._tar.write(bytes(-info.size % tarfile.BLOCKSIZE))


def write_layer(entries: Iterable[Entry], out: Sink, compression: Compression) -> oci.Layer:
    """Write a layer of entries in any order and return what points at it. Raises ``ImageError`` as `LayerWriter` does.

    They are sorted by path, hard links after all that they can point at.
    """
    writer = LayerWriter(out, compression)
    for entry in sorted(entries, key=_place):
        writer.add(entry)
    return writer.finish()


def _place(entry: Entry) -> tuple[bool, list[str]]:
    return entry.hard, entry.path.split("/")


def fingerprint(entries: Iterable[Entry]) -> str:
    """Return a hash of all that decides what a layer of these entries has: a part of its key. Raises ``ImageError``.

    It is known much sooner than the layer: files are read only where their hash is not told.
    """
    rows = [
        [entry.path, entry.kind, _sha256(entry), entry.executable, entry.link, entry.hard, entry.mode, *entry.owner]
        for entry in sorted(entries, key=_place)
    ]
    return hashlib.sha256(json.dumps(rows).encode("ascii")).hexdigest()


def _sha256(entry: Entry) -> str:
    if entry.sha256 or entry.source is None:
        return entry.sha256
    with _opened(entry) as (source, _):
        return hashlib.file_digest(source, "sha256").hexdigest()  # type: ignore[arg-type]


def _header(entry: Entry, size: int = 0) -> tarfile.TarInfo:
    info = tarfile.TarInfo(entry.path)
    info.size = size
    info.linkname = entry.link
    info.uid, info.gid = entry.owner
    info.mode = 0o755 if entry.executable or entry.kind == "folder" else 0o644
    if entry.kind == "folder":
        info.type = tarfile.DIRTYPE
    elif entry.hard:
        info.type = tarfile.LNKTYPE
    elif entry.link:
        info.type, info.mode = tarfile.SYMTYPE, 0o777
    if entry.mode is not None:
        info.mode = entry.mode
    return info


def _to_bytes(info: tarfile.TarInfo) -> bytes:
    """Return a header: the plain one, which takes a third of the time and room, wherever it can tell all."""
    if info.name.isascii() and info.linkname.isascii():
        with suppress(ValueError):  # a name or a number is too long
            return info.tobuf(tarfile.USTAR_FORMAT)
    return info.tobuf(tarfile.PAX_FORMAT, "utf-8", "surrogateescape")


def _require_usable(path: str) -> None:
    """Raise ``ImageError`` unless a path can be unpacked, below the root, as what it says."""
    parts = path.split("/")
    if "\0" in path or not _NO_NAMES.isdisjoint(parts):
        raise ImageError(f"{path!r} is no path inside of an image.")
    try:
        encoded = path.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError:
        raise ImageError(f"{path!r} has characters that no file name can have.") from None
    if len(encoded) > _LONGEST_PATH or max(map(len, encoded.split(b"/"))) > _LONGEST_NAME:
        raise ImageError(f"{path[:80]!r}... is too long for the name of a file.")
    if any(part.startswith(_WHITEOUT) for part in parts):
        raise ImageError(f"{path!r}: in an image, a name that begins with {_WHITEOUT!r} deletes files of other layers.")


@contextmanager
def _opened(entry: Entry) -> Iterator[tuple[BinaryIO, int]]:
    """Open the content of a file, with its size in bytes."""
    assert entry.source is not None
    if isinstance(entry.source, bytes):
        yield io.BytesIO(entry.source), len(entry.source)
        return
    try:
        if not entry.source.is_file():  # opening a pipe would wait for its other end
            raise ImageError(f"{str(entry.source)!r} is no file that an image can have.")
        source = entry.source.open("rb")
    except OSError as error:
        raise _unreadable(str(entry.source), error) from error
    with source:
        yield source, os.fstat(source.fileno()).st_size


def _read(content: Content, size: int, name: str) -> bytes:
    try:
        return content.read(size)
    except OSError as error:
        raise _unreadable(name, error) from error


def _changed(name: str) -> ImageError:
    return ImageError(f"{name!r} changed while it was put into a layer.", hint="Build the image again.")


def _unreadable(name: str, error: OSError) -> ImageError:
    return ImageError(f"{name!r} cannot be read: {error.strerror or error}.")


class _Checked:
    """Content that is hashed while it is read."""

    def __init__(self, content: Content) -> None:
        self._content = content
        self._hash = hashlib.sha256()

    @property
    def sha256(self) -> str:
        return self._hash.hexdigest()

    def read(self, size: int, /) -> bytes:
        data = self._content.read(size)
        self._hash.update(data)
        return data


class _Hashing:
    """Passes bytes on, and knows how many they were and what digest they have."""

    def __init__(self, out: Sink) -> None:
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

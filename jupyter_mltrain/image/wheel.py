"""A wheel as the files that installing it gives, streamed into a layer.

What belongs where is for PyPA's installer to know: it makes the plan, and then the files are streamed, sorted by path.

A wheel's own digest is checked where it is fetched. Of its files those are checked that its RECORD has a hash of; what
RECORD does not list is installed, as by pip and uv. Left out are ``__pycache__`` folders, which may hold other code
than the sources beside them.
"""

from __future__ import annotations

import base64
import configparser
import hashlib
import io
import posixpath
import stat
import zipfile
import zlib
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, Final, cast

from installer import install
from installer.destinations import WheelDestination
from installer.exceptions import InstallerError
from installer.records import Hash, InvalidRecordEntry, RecordEntry, parse_record_file
from installer.scripts import Script
from installer.sources import WheelContentElement, WheelFile
from installer.utils import Scheme, construct_record_file

from ..errors import ImageError
from .layer import Content, Entry, LayerWriter
from .venv import Venv, in_layer

if TYPE_CHECKING:
    import os

    from installer.scripts import ScriptSection

_INSTALLER: Final = b"jupyter_mltrain\n"
_PLACEHOLDER: Final = b"#!python"  # what a wheel's scripts have instead of an interpreter
_LONGEST_LINE: Final = 4096
_DAMAGED: Final = (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError, OSError)
# Besides, what the parsers of the standard library and installer raise for metadata that are none.
_MALFORMED: Final = (
    *_DAMAGED,
    configparser.Error,
    InstallerError,
    InvalidRecordEntry,
    ValueError,
    TypeError,
    KeyError,
    AssertionError,
)


def add_wheel(writer: LayerWriter, wheel: Path, venv: Venv, *, filename: str = "") -> None:
    """Add the files that installing a wheel gives to a layer. No file is held in memory or written to disk.

    Parameters
    ----------
    wheel:
        The file; ``filename`` is its name as a wheel, where that is another one.

    Raises
    ------
    ImageError
        It is damaged or no wheel, or has files that would lie outside of the environment.
    """
    name = filename or wheel.name
    with _opened(wheel, name) as archive:
        plan = _plan(archive, venv, name)
        try:
            for file in sorted(plan.files, key=lambda file: file.path.split("/")):
                file.write(writer, archive, venv)
            writer.add(Entry(plan.record_path, plan.record()))
        except ImageError as error:
            raise ImageError(f"{name}: {error.message}", hint=error.hint, wheel=name) from error


@contextmanager
def _opened(wheel: Path, name: str) -> Iterator[zipfile.ZipFile]:
    try:
        archive = zipfile.ZipFile(wheel)
    except _DAMAGED as error:
        raise ImageError(f"{name} cannot be read as a wheel: {error}.", wheel=name) from error
    with archive:
        yield archive


def _plan(archive: zipfile.ZipFile, venv: Venv, name: str) -> _Plan:
    """Return what lies where in the image."""
    archive.filename = name  # the name says what distribution it is
    try:
        for path in archive.namelist():
            _require_inside(path)
        source = _Source(archive)
        plan = _Plan(venv, source.distribution)
        install(source, plan, {"INSTALLER": _INSTALLER})
    except ImageError as error:
        raise ImageError(f"{name}: {error.message}", wheel=name) from error
    except _MALFORMED as error:
        raise ImageError(f"{name} is no valid wheel: {error or type(error).__name__}.", wheel=name) from error
    return plan


@dataclass(frozen=True, slots=True)
class _Member:
    """A file of a wheel, not yet read, and what RECORD says of it."""

    info: zipfile.ZipInfo
    expected: RecordEntry


class _Source(WheelFile):
    """A wheel whose contents are members instead of streams."""

    def get_contents(self) -> Iterator[WheelContentElement]:
        rows = {row[0]: row for row in parse_record_file(self.read_dist_info("RECORD").splitlines())}
        names = set()
        for info in self._zipfile.infolist():
            if info.is_dir() or "__pycache__" in info.filename.split("/")[:-1]:
                continue
            if info.filename in names:
                raise ImageError(f"Two of its files have the name {info.filename!r}.")
            names.add(info.filename)
            row = rows.get(info.filename, (info.filename, "", ""))
            yield row, cast(BinaryIO, _Member(info, RecordEntry.from_elements(*row))), _is_executable(info)


def _is_executable(info: zipfile.ZipInfo) -> bool:
    mode = info.external_attr >> 16
    return stat.S_ISREG(mode) and bool(mode & 0o111)


def _require_inside(path: str) -> None:
    if path.startswith("/") or ".." in path.split("/"):
        raise ImageError(f"{path!r} would lie outside of the environment.")


class _Plan(WheelDestination):
    """Where the files of a wheel go."""

    def __init__(self, venv: Venv, distribution: str) -> None:
        self.files: list[_File] = []
        self.record_path = ""
        self._venv = venv
        self._schemes = venv.schemes(distribution)
        self._prefixes = {scheme: _prefix(folder, venv) for scheme, folder in self._schemes.items()}
        self._records: list[tuple[Scheme, RecordEntry]] = []

    def write_script(self, name: str, module: str, attr: str, section: ScriptSection) -> RecordEntry:
        """Plan the script of an entry point."""
        _, content = Script(name, module, attr, section).generate(self._venv.executable, "posix")
        return self._add(Scheme("scripts"), name, content, executable=True)

    def write_file(
        self, scheme: Scheme, path: str | os.PathLike[str], stream: BinaryIO, is_executable: bool
    ) -> RecordEntry:
        """Plan a file of the wheel, or one about its installation."""
        content = stream if isinstance(stream, _Member) else stream.read()
        return self._add(scheme, str(path), content, executable=is_executable or scheme == "scripts")

    def finalize_installation(
        self, scheme: Scheme, record_file_path: str, records: Iterable[tuple[Scheme, RecordEntry]]
    ) -> None:
        """Keep what the new RECORD lists."""
        self.record_path = self._target(scheme, record_file_path)
        self._records = list(records)

    def record(self) -> bytes:
        """Return the new RECORD, once all files are written."""
        with construct_record_file(self._records, self._from_site_packages) as stream:
            return stream.read()

    def _from_site_packages(self, scheme: Scheme) -> str | None:
        return self._prefixes[scheme]

    def _add(self, scheme: Scheme, path: str, content: bytes | _Member, *, executable: bool) -> RecordEntry:
        record = RecordEntry(path, None, None)
        self.files.append(_File(self._target(scheme, path), content, executable, scheme == "scripts", record))
        return record

    def _target(self, scheme: Scheme, path: str) -> str:
        _require_inside(path)
        target = posixpath.normpath(f"{self._schemes[scheme]}/{path}")
        # lib64 is a link to lib: as a folder it would hide in one layer what the other has there.
        lib64, lib = f"{self._venv.path}/lib64/", f"{self._venv.path}/lib/"
        return in_layer(lib + target.removeprefix(lib64) if target.startswith(lib64) else target)


def _prefix(folder: str, venv: Venv) -> str | None:
    """Return what leads from the site-packages to a folder; None where they are the same."""
    relative = posixpath.relpath(folder, venv.site_packages)
    return None if relative == "." else f"{relative}/"


@dataclass(frozen=True, slots=True)
class _File:
    """A file that is to be written; its ``record`` gets hash and size then."""

    path: str
    content: bytes | _Member
    executable: bool
    is_script: bool
    record: RecordEntry

    def write(self, writer: LayerWriter, archive: zipfile.ZipFile, venv: Venv) -> None:
        """Stream it into a layer. Raises ``ImageError`` where it is not what RECORD says."""
        if isinstance(self.content, bytes):
            self._write(writer, _Content(io.BytesIO(self.content), len(self.content)))
            return
        info, expected = self.content.info, self.content.expected
        try:
            stream = archive.open(info)
        except _DAMAGED as error:
            raise ImageError(f"{info.filename!r} cannot be read: {error}.") from error
        with stream:
            content = _Content(stream, info.file_size, expected.hash_.name if expected.hash_ else "sha256")
            self._write(writer, _with_interpreter(content, venv.executable) if self.is_script else content)
            content.require(expected)

    def _write(self, writer: LayerWriter, content: _Content) -> None:
        writer.add_stream(self.path, content, content.size, executable=self.executable)
        content.finish()
        self.record.hash_, self.record.size = content.hash, content.size


class _Content:
    """What a file has, hashed while it is read."""

    def __init__(self, stream: Content, size: int, algorithm: str = "sha256") -> None:
        self.size = size
        self._stream = stream
        self._hash = hashlib.new(algorithm)

    def read(self, size: int, /) -> bytes:
        """Return the next bytes, at most ``size``. Raises ``ImageError``."""
        try:
            data = self._stream.read(size)
        except _DAMAGED as error:
            raise ImageError(f"A file in it is damaged: {error}.") from error
        self._hash.update(data)
        return data

    def finish(self) -> None:
        """Read what the layer did not take, because it has such a file."""
        while self.read(1 << 20):
            pass

    @property
    def hash(self) -> Hash:
        """The hash of what was read, as RECORD has it."""
        value = base64.urlsafe_b64encode(self._hash.digest()).decode("ascii").rstrip("=")
        return Hash(self._hash.name, value)

    def require(self, expected: RecordEntry) -> None:
        """Raise ``ImageError`` unless RECORD tells size and hash of what was read, or nothing."""
        if expected.size not in (None, self.size) or (
            expected.hash_ is not None and expected.hash_.value.rstrip("=") != self.hash.value
        ):
            raise ImageError(f"{expected.path!r} is not what its RECORD says.")


def _with_interpreter(content: _Content, executable: str) -> _Content:
    """Return a script with a first line for an interpreter, where it has that of the wheel format."""
    line = content.read(len(_PLACEHOLDER))
    if line != _PLACEHOLDER:
        return _Content(_Chained(line, content), content.size)
    while not line.endswith(b"\n") and (byte := content.read(1)):
        line += byte
        if len(line) > _LONGEST_LINE:
            raise ImageError("The first line of a script in it is too long.")
    first = f"#!{executable}\n".encode()
    return _Content(_Chained(first, content), content.size - len(line) + len(first))


class _Chained:
    """Some bytes, and then a stream."""

    def __init__(self, head: bytes, rest: Content) -> None:
        self._head = head
        self._rest = rest

    def read(self, size: int, /) -> bytes:
        """Return the next bytes, at most ``size``."""
        data, self._head = self._head[:size], self._head[size:]
        return data or self._rest.read(size)

"""Builds wheels of what has none: source distributions, commits, folders. By uv, in isolation, the same each time.

The result is written anew: entries sorted, with fixed times and modes and without compression, whose bytes would depend
on the version of zlib. So a package of pure Python is the same wheel wherever it is built with the same build backend.
"""

from __future__ import annotations

import json
import os
import platform as machine
import re
import shutil
import sys
import tarfile
import tempfile
import zipfile
import zlib
from dataclasses import replace
from pathlib import Path
from typing import Final
from urllib.parse import unquote, urlsplit

from ..errors import ResolutionError
from . import oci, uv
from .cache import Cache
from .cache_files import storage_errors
from .credentials import Credentials
from .fetch import fetch
from .folders import copy
from .git import checkout
from .locked import Lock, LockedSource, LockedWheel, in_order
from .progress import Progress, Report, State, ignore
from .pylock import fits
from .target import Target

_FORMAT: Final = 1
_KIND: Final = "built"
_EPOCH: Final = (1980, 1, 1, 0, 0, 0)  # the earliest that a zip file knows
_SECONDS: Final = "315532800"  # the same for build backends
_CHUNK: Final = 1 << 20
_NO_PYTHON: Final = re.compile(r"No interpreter found|Failed to inspect Python interpreter")


def build(lock: Lock, cache: Cache, *, report: Report = ignore, credentials: Credentials | None = None) -> Lock:
    """Return a lock whose sources have become wheels, which are in the cache.

    What was built before, of the same content for the same target, is taken again.

    Raises
    ------
    ResolutionError
        A build failed (the message has its last lines), or gave a wheel that does not fit the target.
    PackageIndexError
        A source, or what building it needs, cannot be fetched.
    """
    login = credentials or Credentials()
    built = [_Build(source, lock.target, cache, report, login).wheel() for source in lock.sources]
    return replace(lock, wheels=in_order((*lock.wheels, *built)), sources=())


class _Build:
    def __init__(
        self, source: LockedSource, target: Target, cache: Cache, report: Report, credentials: Credentials
    ) -> None:
        self._source = source
        self._target = target
        self._cache = cache
        self._report = report
        self._credentials = credentials
        content = [_FORMAT, source.kind, source.identity, source.subdirectory, source.name, str(target)]
        self._key = oci.digest_of(oci.to_bytes({"source": content}))

    def wheel(self) -> LockedWheel:
        found = self._known()
        if found is None:
            with self._cache.exclusive(f"{_KIND} {self._key}", self._waiting):
                found = self._known() or self._built()
            self._tell("done")
        return found

    def _tell(self, state: State = "running") -> None:
        self._report(Progress("fetch", self._source.name, state=state))

    def _waiting(self) -> None:
        self._tell()

    def _known(self) -> LockedWheel | None:
        document = self._cache.document(_KIND, self._key)
        wheel = LockedWheel(**json.loads(document)) if document else None
        if wheel is None or self._cache.blob(wheel.digest) is None:
            return None
        self._tell("cached")
        return wheel

    def _built(self) -> LockedWheel:
        with storage_errors(Path(tempfile.gettempdir())), tempfile.TemporaryDirectory(prefix="mltrain-") as name:
            folder = Path(name).resolve()
            self._waiting()
            self._unpack(folder / "source")
            _set_times(folder / "source")
            path = self._run(folder)
            self._check(path.name)
            wheel = self._store(path)
        document = {name: getattr(wheel, name) for name in ("name", "version", "filename", "url", "sha256", "size")}
        self._cache.put_document(_KIND, self._key, oci.to_bytes(document))
        return wheel

    # --- the source

    def _unpack(self, folder: Path) -> None:
        source = self._source
        if source.kind == "git":
            checkout(source.url, source.identity, folder, self._credentials.login(source.url), self._waiting)
        elif source.kind == "folder":
            copy(Path(unquote(urlsplit(source.url).path)), folder)
        else:
            archive = fetch([source], self._cache, self._report, credentials=self._credentials)[source.identity]
            _unpack(archive, source, folder)

    def _project(self, folder: Path) -> Path:
        """Return where the project is: archives have one folder around it."""
        inside = list(folder.iterdir()) if self._source.kind == "archive" else []
        top = inside[0] if len(inside) == 1 and inside[0].is_dir() else folder
        project = (top / self._source.subdirectory).resolve()
        if not project.is_relative_to(folder) or not project.is_dir():
            raise ResolutionError(f"{self._source.name} has no folder {self._source.subdirectory!r}.")
        return project

    # --- the build

    def _run(self, folder: Path) -> Path:
        """Build with the image's version of Python where this machine has it, else with the one that runs this."""
        project = self._project(folder / "source")
        out = folder / "wheels"
        for python in self._pythons():
            done = uv.run(
                ["build", "--wheel", "--python", python, "--out-dir", str(out), str(project)],
                folder,
                waiting=self._waiting,
                **self._environment(),
            )
            if not (done.code and _NO_PYTHON.search(done.output)):
                break
        wheels = sorted(out.glob("*.whl"))
        if done.code or len(wheels) != 1:
            raise self._failed(done.output, folder)
        return wheels[0]

    def _pythons(self) -> tuple[str, ...]:
        """Return what to build with, the best first. uv can take seconds to look for what is not named by its path."""
        here = ".".join(map(str, sys.version_info[:2]))
        return (sys.executable,) if self._target.minor == here else (self._target.minor, sys.executable)

    def _environment(self) -> dict[str, str]:
        """Return what makes builds the same each time; the version, where it comes from a history that is not here."""
        fixed = {"SOURCE_DATE_EPOCH": _SECONDS, "PYTHONHASHSEED": "0", "LC_ALL": "C.UTF-8", "TZ": "UTC"}
        if self._source.kind != "folder" or not self._source.version:
            return fixed
        name = self._source.name.replace("-", "_").upper()
        return fixed | {f"SETUPTOOLS_SCM_PRETEND_VERSION_FOR_{name}": self._source.version}

    def _failed(self, output: str, folder: Path) -> Exception:
        what = f"There is no wheel of {self._source.name}, and building one failed"
        error = uv.error_of(output, what, folder, head=0)
        if isinstance(error, ResolutionError):
            error.hint = "Take a version that has a wheel, or publish one."
        return error

    def _check(self, filename: str) -> None:
        """Refuse a wheel that was compiled for this machine where the image is another."""
        if not fits(filename, self._target) or not (filename.endswith("-none-any.whl") or _is_like_here(self._target)):
            raise ResolutionError(
                f"{self._source.name} has no wheel for {self._target}: it would have to be compiled on such a "
                f"platform, and building it here gave {filename}.",
                hint="Take a version that has a wheel, publish one, or build the image on that platform.",
            )

    def _store(self, path: Path) -> LockedWheel:
        from packaging.utils import parse_wheel_filename

        name, version, _, _ = parse_wheel_filename(path.name)
        if name != self._source.name:
            raise ResolutionError(f"Building {self._source.name} gave a wheel of {name}: {path.name}.")
        normal = path.with_suffix(".normal")
        normalise(path, normal)
        with self._cache.write_blob() as draft, normal.open("rb") as file:
            while chunk := file.read(_CHUNK):
                draft.write(chunk)
        return LockedWheel(name, str(version), path.name, "", draft.digest.removeprefix("sha256:"), draft.size)


def _unpack(archive: Path, source: LockedSource, folder: Path) -> None:
    """Unpack an archive, of which nothing may come to lie elsewhere."""
    name = unquote(urlsplit(source.url).path)
    kind = next((kind for kind, ends, _ in shutil.get_unpack_formats() if name.endswith(tuple(ends))), "")
    try:
        if kind == "zip":
            shutil.unpack_archive(archive, folder, kind)
        elif kind:
            shutil.unpack_archive(archive, folder, kind, filter="data")
    except (shutil.ReadError, tarfile.TarError, zlib.error, EOFError, ValueError, OSError) as error:
        raise ResolutionError(f"The archive of {source.name} cannot be unpacked: {error}.") from None
    if not kind:
        raise ResolutionError(f"The archive of {source.name} is neither tar nor zip.")


def _set_times(folder: Path) -> None:
    """Give all files one time: backends put it into wheels, and fail with those from before 1980."""
    for path in folder.rglob("*"):
        if not path.is_symlink():
            os.utime(path, (int(_SECONDS), int(_SECONDS)))


def normalise(wheel: Path, target: Path) -> None:
    """Write a wheel anew, so that its bytes depend on nothing but its files."""
    with zipfile.ZipFile(wheel) as old, zipfile.ZipFile(target, "w", zipfile.ZIP_STORED) as new:
        for entry in sorted(old.infolist(), key=lambda entry: entry.filename):
            if entry.is_dir():
                continue
            info = zipfile.ZipInfo(entry.filename, _EPOCH)
            info.create_system = 3  # as Unix does: it keeps modes
            info.external_attr = (0o100755 if entry.external_attr >> 16 & 0o100 else 0o100644) << 16
            with old.open(entry) as source, new.open(info, "w", force_zip64=entry.file_size >= 1 << 31) as sink:
                shutil.copyfileobj(source, sink, _CHUNK)


def _is_like_here(target: Target) -> bool:
    """Return whether what is compiled here runs there: the same architecture, a C library that is not older."""
    family, version = machine.libc_ver()
    here = tuple(int(part) for part in version.split(".")[:2]) if version else (0, 0)
    return machine.machine() == target.machine and family == target.libc[0] and here <= target.libc[1]

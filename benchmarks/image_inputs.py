"""What both builders get: a registry with the base image, a folder of wheels, locks of them, and a notebook.

The wheels come from PyPI once and are kept in ``$MLTRAIN_TEST_CACHE`` or ``~/.cache/jupyter-mltrain-tests``.
"""

from __future__ import annotations

import base64
import hashlib
import json
import os
import platform
import shutil
import sys
import zipfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from jupyter_mltrain.image import fetch, lock, own
from jupyter_mltrain.image.cache import Cache
from jupyter_mltrain.image.locked import Lock, LockedWheel, in_order
from jupyter_mltrain.image.oci import Platform
from jupyter_mltrain.image.sources import Wanted
from jupyter_mltrain.image.target import Target

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))

from tests.image.base_image import debian  # noqa: E402
from tests.image.package_index import package_index  # noqa: E402
from tests.image.registry_server import registry_server  # noqa: E402

NEEDED = ("joblib", "numpy", "pandas", "scikit-learn")
ADDED = ("humanize", "more-itertools", "tabulate", "toolz", "wrapt")
"""One of these at a time is a dependency more: pure Python, but for wrapt."""
UP_TO = "2026-06-01T00:00:00Z"
"""Later releases do not count, so that the input stays the same."""
TARGET = Target(Platform.parse(platform.machine()), "3.11.2", ("glibc", (2, 36)))
"""Debian 12 with its Python."""
BASE = "library/python:3.11-slim"
LARGE = 500 * 1000**2
_CHUNK = 1 << 20


@dataclass(frozen=True)
class Project:
    """A notebook, the locks that it may have, and a folder with all wheels.

    ``local``: packages are taken from the folder, as if an index cost nothing; else from PyPI.
    """

    folder: Path
    locks: dict[str, Lock]
    local: bool

    @property
    def notebook(self) -> Path:
        return self.folder / "penguins.ipynb"

    @property
    def wheels(self) -> Path:
        return self.folder / "wheels"

    def pylock(self, name: str) -> Path:
        return self.wheels / f"pylock.{name}.toml"

    def requirements(self, name: str) -> str:
        """Return a lock as pip takes it."""
        lines = (f"{one.name}=={one.version} --hash=sha256:{one.sha256}" for one in self.locks[name].wheels)
        return "\n".join((*lines, ""))

    def change(self, number: int) -> None:
        """Change one cell of the notebook."""
        document = json.loads(self.notebook.read_bytes())
        cell = next(cell for cell in document["cells"] if "parameters" in cell["metadata"].get("tags", ()))
        cell["source"] = [line for line in cell["source"] if "change" not in line] + [f"\nchange: int = {number}"]
        self.notebook.write_text(json.dumps(document))

    def add(self, name: str, wheels: Iterable[LockedWheel]) -> None:
        """Write a lock; where packages are local, it names its wheels as files beside it."""
        made = Lock(TARGET, in_order(replace(one, url="" if self.local else one.url) for one in wheels))
        self.locks[name] = made
        self.pylock(name).write_text(made.text)


def project(folder: Path, *, local: bool) -> Project:
    """Write the notebook, its wheels, and locks: ``all``, and one with each dependency more."""
    made = Project(folder, {}, local)
    made.wheels.mkdir(parents=True)
    shutil.copy(ROOT / "notebooks" / "penguins.ipynb", made.notebook)
    cache = Cache(kept())
    plain = _resolved(NEEDED, cache)
    more = {name: _resolved((*NEEDED, name), cache) for name in ADDED}
    every = {one.sha256: one for one in (*plain.wheels, *(one for lock in more.values() for one in lock.wheels))}
    for sha256, path in fetch.fetch(every.values(), cache).items():
        shutil.copyfile(path, made.wheels / every[sha256].filename)
    sized = {sha: replace(one, size=(made.wheels / one.filename).stat().st_size) for sha, one in every.items()}
    for name, found in {"all": plain, **more}.items():
        made.add(name, (sized[one.sha256] for one in found.wheels))
    return made


def _resolved(names: Iterable[str], cache: Cache) -> Lock:
    os.environ["UV_EXCLUDE_NEWER"] = UP_TO
    try:
        return lock.resolve(Wanted(ROOT, tuple(names)).including(own.REQUIREMENTS), TARGET, cache)
    finally:
        del os.environ["UV_EXCLUDE_NEWER"]


def kept() -> Path:
    """Return where downloads are kept from one run to the next."""
    named = os.environ.get("MLTRAIN_TEST_CACHE")
    return (Path(named) if named else Path.home() / ".cache" / "jupyter-mltrain-tests") / "bench-image"


def add_large_wheel(project: Project) -> None:
    """Write a wheel of 500 MB that can be compressed no further, and the lock ``large`` that has it."""
    filename = "ballast-1.0-py3-none-any.whl"
    path = project.wheels / filename
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as wheel:
        record = [_add_random(wheel, "ballast/_native.so")]
        for name, text in (
            ("ballast/__init__.py", ""),
            ("ballast-1.0.dist-info/METADATA", "Metadata-Version: 2.1\nName: ballast\nVersion: 1.0\n"),
            ("ballast-1.0.dist-info/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n"),
        ):
            wheel.writestr(name, text)
            record.append(_line(name, hashlib.sha256(text.encode()), len(text)))
        wheel.writestr("ballast-1.0.dist-info/RECORD", "".join((*record, "ballast-1.0.dist-info/RECORD,,\n")))
    with path.open("rb") as file:
        sha256 = hashlib.file_digest(file, "sha256").hexdigest()
    ballast = LockedWheel("ballast", "1.0", filename, "", sha256, path.stat().st_size)
    project.add("large", (*project.locks["all"].wheels, ballast))


def _add_random(wheel: zipfile.ZipFile, name: str) -> str:
    digest = hashlib.sha256()
    with wheel.open(name, "w") as file:
        for _ in range(LARGE // _CHUNK):
            chunk = os.urandom(_CHUNK)
            digest.update(chunk)
            file.write(chunk)
    return _line(name, digest, LARGE // _CHUNK * _CHUNK)


def _line(name: str, digest: hashlib._Hash, size: int) -> str:
    return f"{name},sha256={base64.urlsafe_b64encode(digest.digest()).rstrip(b'=').decode()},{size}\n"


@contextmanager
def registry(folder: Path) -> Iterator[str]:
    """Run a registry of its own that has the base image and nothing else; yield its address."""
    with registry_server(folder / "registry") as server:
        debian().push(f"{server.host}/{BASE}")
        yield server.host
    shutil.rmtree(folder / "registry")


@contextmanager
def index(project: Project) -> Iterator[str]:
    """Serve an index with all wheels, for whoever looks up versions; yield its address."""
    with package_index() as server:
        server.sizes = True
        server.add(*((path.name, path.read_bytes()) for path in project.wheels.glob("*.whl")))
        yield server.url

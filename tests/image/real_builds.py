"""Builds with nothing made up: Debian with Python as base image, a real registry, packages from PyPI.

The wheels of a machine's builds can be kept from one test run to the next, in ``$MLTRAIN_TEST_CACHE`` or
``~/.cache/jupyter-mltrain-tests``: they are all that takes long to fetch. Layers are not, nor what is known of them.
"""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest

from jupyter_mltrain.image.cache import Cache
from tests.image.base_image import CannotMake, debian, kept_folder
from tests.image.registry_server import RegistryServer, registry_server
from tests.support import ROOT, Mltrain

_BASE = "library/python:3.11-slim"
_KEPT = 3 << 30  # bytes of wheels
_WHEEL = b"PK\x03\x04"  # how a zip begins; layers do not


@dataclass(frozen=True)
class RealGround:
    """Where images come from and go to. Machines have their folders in ``folder``."""

    folder: Path
    registry: RegistryServer

    def machine(self, name: str) -> Mltrain:
        """Return a machine that never built anything, with the notebooks of this project in ``notebooks``."""
        place = self.folder / name
        shutil.copytree(ROOT / "notebooks", place / "work" / "notebooks")
        settings = place / "image.toml"
        settings.write_text(f'[bases]\ndefault = "{self.registry.host}/{_BASE}"\n')
        made = Mltrain(place / "home", place / "work")
        made.env |= {"MLTRAIN_IMAGE_CONFIG": str(settings), "UV_CACHE_DIR": str(place / "uv")}
        return made

    def repository(self, name: str) -> str:
        return f"{self.registry.host}/me/{name}"


@contextmanager
def real_ground(folder: Path) -> Iterator[RealGround]:
    """Run a registry that has the base image; skip the tests where there can be none, or PyPI does not answer."""
    try:
        httpx.head("https://pypi.org/simple/idna/", timeout=10).raise_for_status()
    except httpx.HTTPError as error:
        pytest.skip(f"PyPI does not answer: {error}")
    try:
        base = debian()
    except CannotMake as error:
        pytest.skip(f"no base image: {error}")
    with registry_server(folder / "registry") as registry:
        base.push(f"{registry.host}/{_BASE}")
        yield RealGround(folder, registry)


def push(machine: Mltrain, notebook: str, repository: str, *options: str) -> tuple[str, str]:
    """Build by the command line; return the reference that it prints, and what it tells on standard error."""
    done = machine.run("build", notebook, "--push", repository, *options)
    assert re.fullmatch(re.escape(repository) + r"@sha256:[0-9a-f]{64}\n", done.stdout), done.stdout
    return done.stdout.strip(), done.stderr


@contextmanager
def with_kept_wheels(machine: Mltrain) -> Iterator[None]:
    """Let a machine have the wheels of earlier test runs, and keep those that it fetches."""
    kept = Cache(kept_folder() / "notebook-wheels")
    own = Cache(machine.home / "cache" / "images")
    _take_over(kept, own)
    try:
        yield
    finally:
        _take_over(own, kept)
        kept.prune(_KEPT)


def _take_over(source: Cache, target: Cache) -> None:
    for path in (source.folder / "blobs").rglob("*.*"):
        other = target.folder / path.relative_to(source.folder)
        if _begin(path) == _WHEEL and not other.exists():
            other.parent.mkdir(parents=True, exist_ok=True)
            _link(path, other)


def _begin(path: Path) -> bytes:
    with path.open("rb") as file:
        return file.read(len(_WHEEL))


def _link(path: Path, other: Path) -> None:
    try:
        other.hardlink_to(path)
    except FileExistsError:
        pass  # another test run was quicker
    except OSError:
        shutil.copyfile(path, other)  # on another file system; the cache knows a torn one by its size

"""Folders of projects: what of them counts, their digest, and copies of them to build in."""

from __future__ import annotations

import hashlib
import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from ..errors import ResolutionError

_NO_SOURCE: Final = frozenset(
    {
        *(".git", ".hg", ".svn", ".tox", ".nox", ".venv", ".env", ".mypy_cache", ".ruff_cache", ".pytest_cache"),
        *(".hypothesis", ".ipynb_checkpoints", "__pycache__", "node_modules"),
    }
)
_BUILT: Final = frozenset({"build", "dist"})  # at the top, where build backends leave them
_LARGEST: Final = 1 << 30  # bytes; what is larger holds data, which no package is


def digest_of_folder(folder: Path) -> str:
    """Return a sha256 over the files of a project, by their paths, contents and executable bits."""
    found = hashlib.sha256()
    for path in files(folder):
        with path.open("rb") as file:
            content = hashlib.file_digest(file, "sha256").hexdigest()
        executable = bool(path.stat().st_mode & 0o100)
        found.update(
            f"{path.relative_to(folder).as_posix()}\0{content}\0{executable}\n".encode(errors="surrogateescape")
        )
    return found.hexdigest()


def signature(path: Path) -> str:
    """Return what changes, on this machine, when a file or a project changes; reads no content."""
    found = hashlib.sha256()
    for each in files(path) if path.is_dir() else [path]:
        status = each.stat()
        found.update(
            f"{each}\0{status.st_size}\0{status.st_mtime_ns}\0{status.st_mode}\n".encode(errors="surrogateescape")
        )
    return found.hexdigest()


def copy(folder: Path, target: Path) -> None:
    """Copy a project to where a build may write."""
    for path in files(folder):
        to = target / path.relative_to(folder)
        to.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(path, to)
        to.chmod(0o755 if path.stat().st_mode & 0o100 else 0o644)


def files(folder: Path) -> Iterator[Path]:
    """Yield the files of a project, in an order that depends on their names alone.

    Raises
    ------
    ResolutionError
        They are more than 1 GiB, or a link among them leads out of the folder.
    """
    size = 0
    for path in sorted(_walk(folder), key=os.fspath):
        if path.is_symlink() and not path.resolve().is_relative_to(folder.resolve()):
            hint = "Publish a wheel of it."
            raise ResolutionError(f"The link {path.name!r} leads out of the folder {folder.name!r}.", hint=hint)
        size += path.stat().st_size
        if size > _LARGEST:
            hint = "Keep data out of the folders of packages, or publish a wheel of it."
            raise ResolutionError(f"The folder {folder.name!r} has more than 1 GiB to build a package of.", hint=hint)
        yield path


def _walk(folder: Path) -> Iterator[Path]:
    for parent, names, found in os.walk(folder):
        top = Path(parent) == folder
        names[:] = [name for name in names if not _is_left_out(Path(parent, name), top=top)]
        yield from (path for name in found if (path := Path(parent, name)).is_file() and name not in _NO_SOURCE)


def _is_left_out(path: Path, *, top: bool) -> bool:
    return (
        path.name in _NO_SOURCE
        or path.name.endswith(".egg-info")
        or (top and path.name in _BUILT)
        or (path / "pyvenv.cfg").exists()
    )

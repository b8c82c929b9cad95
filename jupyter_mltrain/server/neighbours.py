"""What lies beside a notebook that is no file: its modules and data, copied to where they can be looked at as files."""

from __future__ import annotations

import asyncio
import base64
from collections import deque
from collections.abc import Iterable
from pathlib import Path, PurePosixPath
from typing import Any, Final

from jupyter_core.utils import ensure_async
from tornado.web import HTTPError

from .paths import contents_errors

_LOOKED_AT: Final = (".py", ".txt")  # modules, and what `pip install -r` reads
_FOLDERS: Final = 200
_FILES: Final = 5000
"""What is looked at on the way, the nearest first: contents may be a whole bucket."""


async def copy_neighbours(contents: Any, path: str, notebook: Path, include: Iterable[str]) -> None:
    """Copy the modules, lists of requirements and data files beside a notebook to where its copy is.

    Parameters
    ----------
    path:
        Of the notebook, as the contents manager names it.
    notebook:
        The copy, in a folder of its own.
    include:
        Globs of data files, relative to the notebook.

    Raises
    ------
    MltrainError
        The contents manager fails, or the disk is full.
    """
    with contents_errors(path):
        found = await _listed(contents, path.rpartition("/")[0])
        for name in await asyncio.to_thread(_wanted, notebook, found, include):
            model = await ensure_async(contents.get(found[name], content=True, type="file"))
            await asyncio.to_thread((notebook.parent / name).write_bytes, _content(model))


async def _listed(contents: Any, top: str) -> dict[str, str]:
    """Return the files below a folder: path relative to it -> path in the contents."""
    files: dict[str, str] = {}
    folders = deque([(top, PurePosixPath())])
    looked = 0
    while folders and looked < _FOLDERS and len(files) < _FILES:
        path, relative = folders.popleft()
        looked += 1
        for entry in await _entries(contents, path):
            name = relative / entry["name"]
            if entry["type"] == "directory":
                folders.append((entry["path"], name))
            elif entry["type"] == "file":
                files[str(name)] = entry["path"]
    return files


async def _entries(contents: Any, path: str) -> list[dict[str, Any]]:
    """Return what a folder shows, nothing where a manager has no folders."""
    try:
        model = await ensure_async(contents.get(path, content=True, type="directory"))
    except HTTPError as error:
        if error.status_code >= 500:
            raise
        return []
    return [entry for entry in model.get("content") or [] if _is_name(entry["name"])]


def _is_name(name: str) -> bool:
    """Say whether it names something in a folder, and nothing else."""
    return PurePosixPath(name).name == name and "\0" not in name and not name.startswith(".")


def _wanted(notebook: Path, files: Iterable[str], include: Iterable[str]) -> list[str]:
    """Return the files that may be shipped. All are there, empty, while it is found out, so that globs mean the usual.

    Raises
    ------
    InvalidInput
        A glob leads out of the folder.
    """
    from ..notebook.files import Root, included

    folder = notebook.parent
    for name in files:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).touch()
    data, _ = included(Root(folder), include, skip=notebook)
    wanted = {name for name in files if name in data or PurePosixPath(name).suffix in _LOOKED_AT}
    for name in set(files) - wanted:
        (folder / name).unlink()
    return sorted(wanted)


def _content(model: dict[str, Any]) -> bytes:
    content = model["content"]
    return base64.b64decode(content) if model.get("format") == "base64" else str(content).encode()

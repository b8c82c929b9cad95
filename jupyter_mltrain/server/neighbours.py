"""What goes with a notebook: nothing that the contents manager hides, and copies of what is no file there."""

from __future__ import annotations

import asyncio
import base64
from collections import deque
from collections.abc import Iterable
from fnmatch import fnmatchcase
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any, Final

from jupyter_core.utils import ensure_async
from jupyter_server.services.contents.fileio import FileManagerMixin
from tornado.web import HTTPError

from ..errors import Forbidden, InvalidInput
from .paths import contents_errors, require_file

if TYPE_CHECKING:
    from ..notebook.globs import Glob

_HINT: Final = "Copy it to a place that is not hidden, or allow hidden files."
_LOOKED_AT: Final = (".py", ".txt")  # modules, and what `pip install -r` reads
_FOLDERS: Final = 200
_FILES: Final = 5000
"""What is looked at on the way, the nearest first: contents may be a whole bucket."""


def require_shown_globs(contents: Any, include: Iterable[str]) -> None:
    """Check globs before anything is looked at.

    Raises
    ------
    InvalidInput
        See ``parse_globs``.
    Forbidden
        One asks for hidden files, and the contents manager does not allow them.
    """
    from ..notebook.globs import parse_globs

    hidden = [glob.text for glob in parse_globs(include) if glob.hidden_parts]
    if hidden and not contents.allow_hidden:
        raise Forbidden(f"{hidden[0]!r} is hidden, so that it is not shipped", hint=_HINT, field="include")


async def require_shown_files(contents: Any, path: str, names: Iterable[str]) -> None:
    """Check what is to be shipped, named relative to the notebook's folder: a notebook may name folders of modules too.

    Raises
    ------
    Forbidden
        The contents manager hides a file, and does not allow that.
    """
    hides = contents.is_hidden
    if contents.allow_hidden or not isinstance(contents, FileManagerMixin):
        return
    with contents_errors(path):
        for name in names:
            if await ensure_async(hides(str(PurePosixPath(path).parent / name))):
                raise Forbidden(f"{name!r} is hidden, so that it is not shipped", hint=_HINT, field="notebook")


async def require_neighbour(contents: Any, path: str, name: str) -> None:
    """Check the name of a file that has to be beside a notebook.

    Raises
    ------
    InvalidInput
        It is not the plain name of a file.
    NotFound, Forbidden
        There is none, it is hidden, or a link leads out of the server's root.
    """
    if not _is_name(name) or any(mark in name for mark in "*?[]\\"):
        hint = "Name a file in the notebook's folder, such as requirements.txt."
        raise InvalidInput(f"{name[:100]!r} is not the name of a file", hint=hint, field="environment")
    await require_file(contents, str(PurePosixPath(path).parent / name), field="environment")


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
    from ..notebook.globs import parse_globs

    with contents_errors(path):
        found = await _listed(contents, path.rpartition("/")[0], parse_globs(include))
        for name in await asyncio.to_thread(_wanted, notebook, found, include):
            if not contents.allow_hidden and await ensure_async(contents.is_hidden(found[name])):
                await asyncio.to_thread((notebook.parent / name).unlink)
                continue
            model = await ensure_async(contents.get(found[name], content=True, type="file"))
            await asyncio.to_thread((notebook.parent / name).write_bytes, _content(model))


async def _listed(contents: Any, top: str, globs: Iterable[Glob]) -> dict[str, str]:
    """Return the files below a folder: path relative to it -> path in the contents.

    Names that begin with a dot are left out where no glob asks for them.
    """
    from ..notebook.globs import is_hidden

    hidden = [part for glob in globs for part in glob.hidden_parts]
    files: dict[str, str] = {}
    folders = deque([(top, PurePosixPath())])
    looked = 0
    while folders and looked < _FOLDERS and len(files) < _FILES:
        path, relative = folders.popleft()
        looked += 1
        for entry in await _entries(contents, path):
            if is_hidden(entry["name"]) and not any(fnmatchcase(entry["name"], part) for part in hidden):
                continue
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
    return PurePosixPath(name).name == name and "\0" not in name


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

"""From a path as the contents manager names it to a notebook file, and to nothing that it would not show."""

from __future__ import annotations

import asyncio
import errno
import json
import tempfile
from collections.abc import AsyncIterator, Collection, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from pathlib import Path, PurePosixPath
from typing import Any, Final

from jupyter_core.utils import ensure_async
from jupyter_server.services.contents.fileio import FileManagerMixin
from tornado.web import HTTPError

from ..errors import Forbidden, InvalidInput, MltrainError, NotebookError, NotFound, StorageError

_SUFFIX: Final = ".ipynb"
_MAX_NAME: Final = 255  # bytes, on the file systems that there are
_NO_PATHS: Final = (errno.ELOOP, errno.ENAMETOOLONG, errno.ENOTDIR, errno.EINVAL)
"""What a file system says of a path that no file can have, or that goes in circles."""


@asynccontextmanager
async def notebook_file(contents: Any, path: str, include: Collection[str] = ()) -> AsyncIterator[Path]:
    """Yield a file with the notebook at a contents path.

    Where contents are files it is the file itself, so that modules beside it are found. Any other contents manager is
    asked for the notebook and what may go with it, which is written to a folder that lasts as long as the context.

    Parameters
    ----------
    include:
        Globs of data files, relative to the notebook.

    Raises
    ------
    InvalidInput
        The path is absolute, climbs with ``..``, or is no text that a path can be.
    Forbidden
        It is hidden, or a link leads out of the server's root.
    NotFound, NotebookError
        There is no such notebook, or it cannot be read.
    """
    from .neighbours import copy_neighbours

    await require_file(contents, path, what="notebook", field="notebook")
    if isinstance(contents, FileManagerMixin) and path.endswith(_SUFFIX):
        yield await asyncio.to_thread(file_of, contents, path)
        return
    with tempfile.TemporaryDirectory(prefix="mltrain-") as temporary:
        folder = Path(temporary) / (PurePosixPath(path).parent.name or "contents")
        folder.mkdir()
        file = folder / f"{PurePosixPath(path).stem}{_SUFFIX}"
        with contents_errors(path):
            model = await ensure_async(contents.get(path, content=True, type="notebook"))
        await asyncio.to_thread(_write, file, model["content"])
        await copy_neighbours(contents, path, file, include)
        yield file


async def require_file(contents: Any, path: str, *, what: str = "file", field: str) -> None:
    """Check that there is a file at a contents path, and that it may be shown.

    Raises
    ------
    InvalidInput
        The path is absolute, climbs with ``..``, or is no text that a path can be.
    Forbidden
        It is hidden, or a link leads out of the server's root.
    NotFound
        There is none.
    """
    _check(path)
    with contents_errors(path):
        if not contents.allow_hidden and await ensure_async(contents.is_hidden(path)):
            raise Forbidden(f"{path!r} is hidden", hint="Copy it to a folder that is not, or allow hidden files.")
        if not await ensure_async(contents.file_exists(path)):
            raise NotFound(f"There is no {what} {path!r}", hint="Was it saved, or renamed?", field=field)
    if isinstance(contents, FileManagerMixin):
        await asyncio.to_thread(file_of, contents, path)


def _check(path: str) -> None:
    """Raise ``InvalidInput`` for what no front end sends: whoever does means to go astray."""
    parts = path.split("/")
    if not path.strip("/") or "\0" in path or not _is_text(path):
        raise InvalidInput("The path of the notebook is empty or no text", field="notebook")
    if max(len(part.encode()) for part in parts) > _MAX_NAME:
        raise InvalidInput(f"The path has a name of more than {_MAX_NAME} bytes", field="notebook")
    if path.startswith("/") or ".." in parts or ".." in path.split("\\"):
        hint = "Give the path as the file browser shows it, from the server's root on."
        raise InvalidInput(f"{path!r} is not a path below the server's root", hint=hint, field="notebook")


def _is_text(path: str) -> bool:
    try:
        path.encode()
    except UnicodeEncodeError:
        return False
    return True


def file_of(contents: Any, path: str) -> Path:
    """Return the file of a contents path, which has to lie below the root also when all links are followed."""
    with contents_errors(path):
        file = Path(contents._get_os_path(path))
    if not file.resolve().is_relative_to(Path(contents.root_dir).resolve()):
        raise Forbidden(f"{path!r} leads out of the server's root", hint="Copy the notebook itself to there.")
    return file


def _write(file: Path, content: Any) -> None:
    try:
        file.write_text(json.dumps(content), encoding="utf-8")
    except (TypeError, ValueError) as error:
        raise NotebookError(f"{file.name!r} is no notebook: {error}", reason="not-a-notebook") from None


@contextmanager
def contents_errors(path: str) -> Iterator[None]:
    """Turn what a contents manager raises into errors of this project."""
    try:
        yield
    except MltrainError:
        raise
    except HTTPError as error:
        raise _translated(error, path) from error
    except OSError as error:
        raise _storage_error(error, path) from error


def _storage_error(error: OSError, path: str) -> MltrainError:
    if error.errno in _NO_PATHS:
        hint = "Give the path as the file browser shows it."
        return InvalidInput(f"{_short(path)} is not a path: {error.strerror}", hint=hint, field="notebook")
    return StorageError(f"{path!r} cannot be used: {error.strerror or error}", hint="Check disk and rights.")


def _short(path: str) -> str:
    return repr(path if len(path) <= _MAX_NAME else f"{path[:_MAX_NAME]}…")


def _translated(error: HTTPError, path: str) -> MltrainError:
    # tornado has doubled each % where there is nothing to put in
    said = error.log_message % error.args if error.log_message else error.reason or "it was refused"
    message = f"{path!r}: {said}"
    if error.status_code == 404:
        return NotFound(message, field="notebook")
    if error.status_code == 403:
        return Forbidden(message, field="notebook")
    if error.status_code < 500:
        return NotebookError(message, field="notebook")
    first = _first_os_error(error)
    if first is not None:
        return _storage_error(first, path)
    return StorageError(message, hint="See the server's log: its contents manager failed.")


def _first_os_error(error: BaseException | None) -> OSError | None:
    """Return what the file system said at first; those after it may only tell of a clean-up that failed too."""
    found = None
    while error is not None:
        found = error if isinstance(error, OSError) else found
        error = error.__cause__ or error.__context__
    return found


async def remove_half_written(contents: Any, path: str) -> None:
    """Remove what a failed ``save`` has left, as far as that can be done."""
    with suppress(Exception):
        if isinstance(contents, FileManagerMixin):
            await asyncio.to_thread(file_of(contents, path).unlink, missing_ok=True)
        else:
            await ensure_async(contents.delete_file(path))

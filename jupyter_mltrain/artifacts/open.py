"""From a URI to its store."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import unquote, urlsplit

from ..errors import InvalidInput, NotInstalled
from .base import ArtifactStore
from .folder import FolderStore


def open_store(uri: str) -> ArtifactStore:
    """Return the store at a path or a URI.

    Raises
    ------
    InvalidInput
        It is empty, or names another machine's folder.
    NotInstalled
        No store for that kind of URI is here.
    """
    parts = urlsplit(uri)
    if not uri:
        raise InvalidInput("An artifact store needs a path or a URI.")
    if "://" not in uri and parts.scheme != "file":
        return FolderStore(Path(uri).expanduser())
    if parts.scheme != "file":
        raise NotInstalled(
            f"{uri!r} cannot be used: there is no store for {parts.scheme!r} here.",
            hint="Use a folder, or a claim that is mounted as one.",
        )
    if parts.netloc not in ("", "localhost"):
        raise InvalidInput(f"{uri!r} names a folder of the machine {parts.netloc!r}.", hint="Write file:///path.")
    return FolderStore(Path(unquote(parts.path)))

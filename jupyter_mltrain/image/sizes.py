"""Sizes of wheels whose index does not tell them: by them layers are arranged, so all who build must know the same."""

from __future__ import annotations

from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Final
from urllib.parse import unquote, urlsplit

from .cache import Cache
from .credentials import Credentials
from .fetch import client, fetch, no_auth
from .locked import LockedWheel
from .progress import Report

if TYPE_CHECKING:
    import httpx

_AT_ONCE: Final = 8


def with_sizes(
    wheels: Iterable[LockedWheel], cache: Cache, report: Report, credentials: Credentials
) -> tuple[LockedWheel, ...]:
    """Return wheels with their sizes: as their server tells them, or where it does not, as they are once fetched.

    Raises
    ------
    PackageIndexError, StorageError
        A file that has to be fetched for that cannot be.
    """
    found = list(wheels)
    if all(wheel.size is not None for wheel in found):
        return tuple(found)
    with client() as http, ThreadPoolExecutor(_AT_ONCE) as pool:
        found = list(pool.map(lambda wheel: _told(wheel, http, credentials), found))
    files = fetch([wheel for wheel in found if wheel.size is None], cache, report, credentials=credentials)
    sizes = {sha256: path.stat().st_size for sha256, path in files.items()}
    return tuple(replace(wheel, size=sizes.get(wheel.sha256, wheel.size)) for wheel in found)


def _told(wheel: LockedWheel, http: httpx.Client, credentials: Credentials) -> LockedWheel:
    if wheel.size is not None:
        return wheel
    import httpx

    parts = urlsplit(wheel.url)
    try:
        if parts.scheme == "file":
            return replace(wheel, size=Path(unquote(parts.path)).stat().st_size)
        headers = {"Accept-Encoding": "identity"}
        answer = http.head(wheel.url, headers=headers, auth=credentials.login(wheel.url) or no_auth)
    except (OSError, httpx.HTTPError, httpx.InvalidURL):
        return wheel  # what is wrong is told by whoever fetches it
    length = answer.headers.get("Content-Length", "")
    return replace(wheel, size=int(length)) if answer.status_code == 200 and length.isdecimal() else wheel

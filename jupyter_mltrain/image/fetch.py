"""Brings locked files into the cache: streamed, several at once, resumed after a cut, never with wrong bytes."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final
from urllib.parse import unquote, urlsplit

from ..errors import PackageIndexError, StorageError
from .cache import Cache, DigestMismatch, Draft
from .credentials import Credentials, for_people
from .locked import LockedSource, LockedWheel
from .progress import Progress, Report, ignore

if TYPE_CHECKING:
    import httpx

_AT_ONCE: Final = 4
_CHUNK: Final = 1 << 20
_DELAYS: Final = (0.5, 1.0, 2.0, 4.0)  # seconds before the second try and those that follow
_LONGEST_DELAY: Final = 30.0  # of those that a server may ask for
_TRY_AGAIN: Final = frozenset({408, 425, 429, 500, 502, 503, 504})


@dataclass(frozen=True, slots=True)
class _File:
    """What is fetched: its name for people, address, sha256 and size."""

    name: str
    url: str
    sha256: str
    size: int | None

    @classmethod
    def of(cls, one: LockedWheel | LockedSource) -> _File:
        if isinstance(one, LockedWheel):
            return cls(one.filename, one.url, one.sha256, one.size)
        return cls(unquote(urlsplit(one.url).path.rpartition("/")[2]) or one.name, one.url, one.identity, one.size)

    @property
    def digest(self) -> str:
        return f"sha256:{self.sha256}"


def fetch(
    files: Iterable[LockedWheel | LockedSource],
    cache: Cache,
    report: Report = ignore,
    *,
    credentials: Credentials | None = None,
) -> Mapping[str, Path]:
    """Fetch wheels, and archives that wheels are built of; return where each is, by its sha256 in hexadecimal.

    Those that the cache has are not fetched. When ``report`` raises, the others stop too, and that is raised.

    Raises
    ------
    PackageIndexError
        A file cannot be had (after some tries), or is not what was locked: the message names it and both digests.
    StorageError
        The cache cannot be written.
    """
    wanted = {file.sha256: file for file in map(_File.of, files)}
    found = dict(_present(wanted.values(), cache, report))
    missing = [file for sha256, file in wanted.items() if sha256 not in found]
    if missing:
        with client() as http:
            job = _Job(http, cache, report, credentials or Credentials())
            found.update(zip((file.sha256 for file in missing), job.run(missing), strict=True))
    return found


def _present(files: Iterable[_File], cache: Cache, report: Report) -> Iterator[tuple[str, Path]]:
    for file in files:
        path = cache.blob(file.digest)
        if path is not None:
            size = path.stat().st_size
            report(Progress("fetch", file.name, size, size, "cached"))
            yield file.sha256, path
        elif not file.url:
            hint = "Somebody emptied it: build the image again."
            raise StorageError(f"{file.name}, which was built here, is no longer in the cache.", hint=hint)


@contextmanager
def client() -> Iterator[httpx.Client]:
    """Open a client for package indexes."""
    import httpx

    context = httpx.create_ssl_context()
    context.load_default_certs()  # those of a company are there
    timeout = httpx.Timeout(30.0, connect=10.0)
    with httpx.Client(verify=context, timeout=timeout, follow_redirects=True) as client:
        yield client


class _Stopped(Exception):
    """Another file failed, or the user cancelled."""


class _Job:
    """Several files at once; the first that fails ends them all."""

    def __init__(self, client: httpx.Client, cache: Cache, report: Report, credentials: Credentials) -> None:
        self._client = client
        self._cache = cache
        self._report = report
        self._credentials = credentials
        self._stop = threading.Event()

    def run(self, files: list[_File]) -> list[Path]:
        with ThreadPoolExecutor(_AT_ONCE, thread_name_prefix="fetch") as pool:
            futures = [pool.submit(self._guarded, file) for file in sorted(files, key=lambda f: -(f.size or 0))]
            failed = self._failed(futures)
        first = next((error for error in failed if not isinstance(error, _Stopped)), None)
        if first:
            raise first
        return [path for file in files if (path := self._cache.blob(file.digest))]

    def _failed(self, futures: Iterable[Future[None]]) -> list[BaseException]:
        try:
            return [error for future in futures if (error := future.exception())]
        except BaseException:  # an interrupt: the others would go on to their end
            self._stop.set()
            raise

    def _guarded(self, file: _File) -> None:
        try:
            with self._cache.exclusive(f"fetch {file.digest}", self._check):
                if self._cache.blob(file.digest) is None:
                    self._fetch(file)
        except BaseException:
            self._stop.set()
            raise

    def _check(self) -> None:
        if self._stop.is_set():
            raise _Stopped

    def _fetch(self, file: _File) -> None:
        try:
            with self._cache.write_blob(file.digest, file.size) as draft:
                self._tell(file, draft)
                if urlsplit(file.url).scheme == "file":
                    self._copy(file, draft)
                else:
                    self._download(file, draft)
        except DigestMismatch as error:
            raise _not_as_locked(file, error) from None
        self._report(Progress("fetch", file.name, draft.size, draft.size, "done"))

    def _tell(self, file: _File, draft: Draft) -> None:
        self._check()
        self._report(Progress("fetch", file.name, draft.size, file.size or 0))

    def _copy(self, file: _File, draft: Draft) -> None:
        try:
            with Path(unquote(urlsplit(file.url).path)).open("rb") as source:
                while chunk := source.read(_CHUNK):
                    draft.write(chunk)
                    self._tell(file, draft)
        except OSError as error:
            message = f"{file.name} cannot be read: {error.strerror}."
            raise PackageIndexError(message, hint="Lock again.", code="index-not-found") from None

    def _download(self, file: _File, draft: Draft) -> None:
        """Stream a file; after a cut go on where it was cut, with growing delays."""
        import httpx

        delays, resumed = iter(_DELAYS), False
        while True:
            try:
                self._stream(file, draft)
                if not (resumed and draft.digest != file.digest):
                    return
                draft.restart()  # the file was another one before the cut
                resumed, why, wait = False, "it changed meanwhile", 0.0
            except _TryAgain as error:
                why, wait = error.why, error.wait
            except httpx.InvalidURL as error:
                raise PackageIndexError(f"{file.name} has no valid address: {error}.", hint="Lock again.") from None
            except (httpx.TransportError, httpx.TooManyRedirects) as error:
                why, wait = for_people(str(error)) or type(error).__name__, 0.0
            delay = next(delays, None)
            if delay is None:
                raise _unreachable(file, why)
            resumed = resumed or draft.size > 0
            self._pause(max(delay, wait))
            self._tell(file, draft)  # which ends this where the build was cancelled

    def _pause(self, seconds: float) -> None:
        if self._stop.wait(seconds):
            raise _Stopped

    def _stream(self, file: _File, draft: Draft) -> None:
        begin = draft.size
        headers = {"Accept-Encoding": "identity"} | ({"Range": f"bytes={begin}-"} if begin else {})
        login = self._credentials.login(file.url)
        with self._client.stream("GET", file.url, headers=headers, auth=login or no_auth) as response:
            if response.status_code == 416 or (begin and not _goes_on(response, begin)):
                draft.restart()
            _check_status(file, response)
            told = draft.size
            for chunk in response.iter_raw():  # as it comes: of larger pieces the last would be lost in a cut
                draft.write(chunk)
                if draft.size - told >= _CHUNK:
                    told = draft.size
                    self._tell(file, draft)
        _check_length(response, draft.size - (begin if response.status_code == 206 else 0))


def no_auth(request: httpx.Request) -> httpx.Request:
    """Send a request as it is. httpx would look for a login in the address, which locks do not hold."""
    return request


def _goes_on(response: httpx.Response, begin: int) -> bool:
    """Whether an answer starts where the last one was cut. One that is refused says nothing of that."""
    if response.status_code >= 400:
        return True
    return response.status_code == 206 and response.headers.get("Content-Range", "").startswith(f"bytes {begin}-")


class _TryAgain(Exception):
    def __init__(self, why: str, wait: float = 0.0) -> None:
        super().__init__(why)
        self.why = why
        self.wait = min(wait, _LONGEST_DELAY)


def _check_status(file: _File, response: httpx.Response) -> None:
    status = response.status_code
    host = response.url.host
    if status in {401, 403, 407}:
        hint = "Give uv the login of its index: UV_INDEX_<NAME>_USERNAME and _PASSWORD, or netrc."
        message = f"{host} does not let {file.name} be fetched ({status})."
        raise PackageIndexError(message, hint=hint, code="index-unauthorised")
    if status in {404, 410}:
        message = f"{file.name} is no longer at {host} ({status})."
        raise PackageIndexError(message, hint="Lock again with refresh.", code="index-not-found")
    if status == 416 or status in _TRY_AGAIN:
        raise _TryAgain(f"{host} answers {status}", _retry_after(response))
    if status not in {200, 206}:
        raise PackageIndexError(f"{file.name} cannot be fetched: {host} answers {status}.")


def _retry_after(response: httpx.Response) -> float:
    text = response.headers.get("Retry-After", "")
    return float(text) if text.isdecimal() else 0.0


def _check_length(response: httpx.Response, received: int) -> None:
    expected = response.headers.get("Content-Length", "")
    if expected.isdecimal() and int(expected) > received:
        raise _TryAgain(f"only {received} of {expected} bytes came")


def _unreachable(file: _File, why: str) -> PackageIndexError:
    host = urlsplit(file.url).hostname
    message = f"{file.name} cannot be fetched from {host}: {why}."
    return PackageIndexError(message, hint="Check the network and the proxy, or try later.", code="index-unreachable")


def _not_as_locked(file: _File, error: DigestMismatch) -> PackageIndexError:
    found = str(error.details.get("found", ""))
    what = f"its digest is {found} instead of {file.digest}" if found.startswith("sha256:") else error.message[:-1]
    return PackageIndexError(
        f"{file.name} is not the file that was locked: {what}.",
        hint="The index, or something on the way, has changed it. Lock again with refresh if that was meant.",
        code="index-digest",
        expected=file.digest,
        found=found,
    )

"""Blobs, from here into a registry: mounted where it has them elsewhere, else sent, gone on with after a fault.

Source: OCI distribution specification 1.1, "Push".
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import BinaryIO, Final, Literal
from urllib.parse import quote

from ...errors import RegistryError, StorageError
from ..oci import Descriptor
from ..progress import Progress, Report
from .auth import pull, push
from .failures import Answer, Temporary, refused, wrong_bytes
from .options import MiB
from .retries import Tries, retried
from .text import short
from .transport import Call, Transport

Source = Path | Callable[[], BinaryIO]
"""A file, or what opens one; it is opened anew for each request, and only where bytes are really sent."""

Outcome = Literal["present", "mounted", "pushed"]

_READ: Final = MiB
_FAREWELL: Final = 5.0  # seconds
_LEAST: Final = MiB  # bytes of the smallest piece that is tried
_RANGE: Final = re.compile(r"(?:bytes=)?0-(\d+)")
_LOST: Final = (404, 416)
_WAY_REFUSED: Final = (400, 404, 405, 411, 413, 415, 416, 501)
_BINARY: Final = {"Content-Type": "application/octet-stream"}


class Upload:
    """One blob on its way to a registry. The memory that it takes does not depend on its size."""

    def __init__(
        self,
        transport: Transport,
        repository: str,
        blob: Descriptor,
        source: Source,
        name: str,
        report: Report,
    ) -> None:
        self._transport = transport
        self._repository = repository
        self._blob = blob
        self._source = source
        self._name = name or short(blob.digest)
        self._report = report
        self._what = f"Pushing {short(blob.digest)} to {repository!r}"
        self._scopes = push(repository)
        self._tries = Tries(transport.options.backoff)
        self._whole = blob.size <= transport.options.whole
        self._changed_way = False
        self._piece = transport.options.piece
        self._least = _LEAST
        self._location = ""
        self._done = 0
        self._doubtful = False
        self._resumed = False

    def run(self, mount_from: Sequence[str] = ()) -> Outcome:
        """Bring the blob there. Raises ``RegistryError``, and ``StorageError`` where the file cannot be read."""
        if self._is_there():
            return self._end("present")
        try:
            if self._mount(mount_from):
                return self._end("mounted")
            self._push()
        except BaseException:
            self.abandon()
            raise
        return self._end("pushed")

    def abandon(self) -> None:
        """Tell the registry, if it listens, that nothing more will come."""
        if self._location:
            with suppress(RegistryError):
                call = self._call("DELETE", self._location, (200, 202, 204, 404))
                self._transport.once(replace(call, timeout=_FAREWELL))
        self._location = ""

    def check(self) -> None:
        """Start an upload and give it up. Raises ``RegistryError`` where one may not, or cannot, push."""
        retried(self._begin, self._transport.options.backoff)
        self.abandon()

    def _begin(self) -> None:
        self._start(self._transport.once(self._call("POST", f"{self._repository}/blobs/uploads/", (202,))))

    def _end(self, outcome: Outcome) -> Outcome:
        size = self._blob.size
        self._report(Progress("push", self._name, size, size, "done" if outcome == "pushed" else outcome))
        return outcome

    def _is_there(self) -> bool:
        call = self._call("HEAD", f"{self._repository}/blobs/{self._blob.digest}", (200, 404))
        return self._transport.ask(call).status == 200

    def _mount(self, candidates: Sequence[str]) -> bool:
        """Have the registry take the blob from another of its repositories; return whether it did.

        Where it does not, it has started an upload instead.
        """
        for repository in candidates:
            if repository == self._repository:
                continue
            self.abandon()
            path = f"{self._repository}/blobs/uploads/?mount={self._blob.digest}&from={quote(repository, safe='')}"
            call = self._call("POST", path, (201, 202), scopes=self._scopes | pull(repository))
            try:
                answer = self._transport.ask(call)
            except RegistryError as error:
                # One may write here, but not read there: then it has to be sent.
                if error.code not in ("registry-unauthorised", "registry-not-found"):
                    raise
                continue
            if answer.status == 201:
                return True
            self._start(answer)
        return False

    def _push(self) -> None:
        while True:
            try:
                if self._doubtful and self._is_there():
                    return
                self._find()
                self._send()
            except Temporary as error:
                self._tries.reached(self._done)
                self._tries.failed(error)
                self._doubtful = True
            else:
                return

    def _find(self) -> None:
        """Have an upload, and know how much of it the registry has."""
        if self._location and self._doubtful:
            answer = self._transport.once(self._call("GET", self._location, (200, 202, 204, 400, 405, *_LOST)))
            if answer.status < 300 and (done := _received(answer)):
                self._location = answer.headers.get("location") or self._location
                self._done = min(done, self._blob.size)
                self._resumed = True
            else:
                self.abandon()
        if not self._location:
            self._begin()
        self._doubtful = False
        self._tries.reached(self._done)

    def _start(self, answer: Answer) -> None:
        self._location = answer.headers.get("location", "")
        self._done = 0
        self._doubtful = False
        if not self._location:
            raise RegistryError(f"{self._what} failed: {self._transport.host} does not say where to send it.")
        least = answer.headers.get("oci-chunk-min-length", "")
        if least.isdecimal():
            self._least = max(_LEAST, int(least))
            self._piece = max(self._piece, int(least))

    def _send(self) -> None:
        """Send what is missing, and end the upload."""
        self._tell(self._done)
        if self._whole and not self._done:
            self._finish(self._body(0, self._blob.size), self._blob.size)
            return
        while self._done < self._blob.size:
            self._send_piece()
        self._finish(b"", 0)

    def _send_piece(self) -> None:
        size = min(self._piece, self._blob.size - self._done)
        headers = {
            **_BINARY,
            "Content-Length": str(size),
            "Content-Range": f"{self._done}-{self._done + size - 1}",
        }
        call = self._call(
            "PATCH", self._location, (202, 201, 204, *_WAY_REFUSED), headers, self._body(self._done, size)
        )
        answer = self._transport.once(call)
        if answer.status not in (202, 201, 204):
            raise self._not_taken(answer)
        self._location = answer.headers.get("location") or self._location
        done = min(_received(answer) or self._done + size, self._blob.size)
        if done <= self._done:
            raise Temporary(f"{self._what} failed: {self._transport.host} has taken nothing of the last {size} bytes.")
        self._done = done
        self._tries.reached(done)

    def _finish(self, body: bytes | Callable[[], Iterator[bytes]], size: int) -> None:
        separator = "&" if "?" in self._location else "?"
        location = f"{self._location}{separator}digest={quote(self._blob.digest, safe='')}"
        headers = {**_BINARY, "Content-Length": str(size)}
        answer = self._transport.once(self._call("PUT", location, (201, 202, 204, *_WAY_REFUSED), headers, body))
        if answer.status not in (201, 202, 204):
            raise self._not_taken(answer)
        found = answer.headers.get("docker-content-digest")
        if found and found != self._blob.digest:
            raise wrong_bytes(self._what, self._transport.host, self._blob.digest, found)

    def _not_taken(self, answer: Answer) -> RegistryError:
        """Return the error for a request that was refused: ``Temporary`` where there is another way to go on."""
        error = refused(self._what, self._transport.host, answer, writing=True)
        if answer.status in _LOST and self._done:
            return _again(error)
        if answer.status == 413:
            return _again(error) if self._make_smaller() else error
        if error.code == "registry-digest" and self._resumed:
            # What it kept of the broken request was not what it said.
            self._resumed = False
        elif error.code == "registry-digest" or self._changed_way:
            return _again(error) if answer.status in _LOST else error
        else:
            # Some registries take blobs in one request only, and others only in pieces.
            self._changed_way = True
            self._whole = not self._whole
        self.abandon()
        self._done = 0
        return _again(error)

    def _make_smaller(self) -> bool:
        """Take smaller pieces, if there are any: proxies often have a limit that the registry has not."""
        size = min(self._piece, self._blob.size)
        self._piece = max(size // 4, self._least)
        self._whole = False
        return self._piece < size

    def _body(self, start: int, size: int) -> Callable[[], Iterator[bytes]]:
        def read() -> Iterator[bytes]:
            left = size
            with self._open() as file:
                file.seek(start)
                while left:
                    data = file.read(min(_READ, left))
                    if not data:
                        raise RegistryError(
                            f"{self._what} failed: there are {left} bytes fewer of it than its size says.",
                            hint="Something else changed or removed it: build it again.",
                            code="registry-digest",
                        )
                    left -= len(data)
                    yield data
                    self._tell(start + size - left)

        return read

    def _open(self) -> BinaryIO:
        if not isinstance(self._source, Path):
            return self._source()
        try:
            return self._source.open("rb")
        except OSError as error:
            why = f"{str(self._source)!r} cannot be read: {error.strerror}"
            raise StorageError(f"{self._what} failed: {why}.", hint="Was it removed meanwhile? Build again.") from error

    def _tell(self, done: int) -> None:
        self._report(Progress("push", self._name, done, self._blob.size))

    def _call(
        self,
        method: str,
        path: str,
        expect: tuple[int, ...],
        headers: dict[str, str] | None = None,
        body: bytes | Callable[[], Iterator[bytes]] = b"",
        scopes: frozenset[str] | None = None,
    ) -> Call:
        return Call(method, path, self._what, scopes or self._scopes, expect, headers or {}, body)


def _received(answer: Answer) -> int | None:
    """Return how many bytes the registry says it has, or None.

    ``0-0`` is both "none" and "one": it is taken for none.
    """
    match = _RANGE.fullmatch(answer.headers.get("range", "").strip())
    if match is None:
        return None
    last = int(match[1])
    return last + 1 if last else 0


def _again(error: RegistryError) -> Temporary:
    return Temporary(error.message, hint=error.hint, code=error.code, **error.details)

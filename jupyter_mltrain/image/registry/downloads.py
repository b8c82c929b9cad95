"""Blobs, from a registry into a file: verified, and gone on with where the connection broke."""

from __future__ import annotations

import hashlib
import re
from typing import Final, Protocol

from ...errors import RegistryError
from ..oci import Descriptor
from ..progress import Progress, Report, Step
from .auth import pull
from .failures import Temporary, wrong_bytes
from .retries import Tries
from .text import short
from .transport import Call, Transport

_CONTENT_RANGE: Final = re.compile(r"bytes (\d+)-")
_TOLD_EVERY: Final = 1 << 20  # bytes between two reports


class Writer(Protocol):
    """Takes bytes, in order."""

    def write(self, data: bytes, /) -> int:
        """Take some."""


class Download:
    """One blob on its way here. The memory that it takes does not depend on its size."""

    def __init__(
        self,
        transport: Transport,
        repository: str,
        blob: Descriptor,
        out: Writer,
        step: Step,
        name: str,
        report: Report,
    ) -> None:
        self._transport = transport
        self._repository = repository
        self._blob = blob
        self._out = out
        self._step = step
        self._name = name or short(blob.digest)
        self._report = report
        self._what = f"Pulling {short(blob.digest)} of {repository!r}"
        self._hash = hashlib.sha256()
        self._done = 0
        self._told = 0

    def run(self) -> None:
        """Write the blob. Raises ``RegistryError``; what was written then is no blob."""
        tries = Tries(self._transport.options.backoff)
        self._tell()
        while True:
            try:
                self._receive()
                break
            except Temporary as error:
                tries.reached(self._done)
                tries.failed(error)
        self._verify()
        self._tell()

    def _receive(self) -> None:
        """Write what is still missing."""
        skip = 0
        with self._transport.stream(self._call()) as response, self._transport.breaking(self._call()):
            if response.status_code == 200:
                skip = self._done
            elif _start(response.headers.get("content-range", "")) != self._done:
                raise wrong_bytes(self._what, self._transport.host, f"the bytes from {self._done} on", "others")
            for chunk in response.iter_raw():
                self._take(chunk[skip:])
                skip = max(skip - len(chunk), 0)

    def _call(self) -> Call:
        headers = {"Range": f"bytes={self._done}-"} if self._done else {}
        path = f"{self._repository}/blobs/{self._blob.digest}"
        return Call("GET", path, self._what, pull(self._repository), (200, 206) if self._done else (200,), headers)

    def _take(self, chunk: bytes) -> None:
        if self._done + len(chunk) > self._blob.size:
            raise wrong_bytes(self._what, self._transport.host, f"{self._blob.size} bytes", "more")
        self._hash.update(chunk)
        self._out.write(chunk)
        self._done += len(chunk)
        if self._done - self._told >= _TOLD_EVERY:
            self._tell()

    def _tell(self) -> None:
        self._told = self._done
        self._report(Progress(self._step, self._name, self._done, self._blob.size))

    def _verify(self) -> None:
        host, blob = self._transport.host, self._blob
        if self._done != blob.size:
            raise wrong_bytes(self._what, host, f"{blob.size} bytes", str(self._done))
        if (found := f"sha256:{self._hash.hexdigest()}") != blob.digest:
            raise wrong_bytes(self._what, host, blob.digest, found)


def _start(content_range: str) -> int | None:
    match = _CONTENT_RANGE.match(content_range)
    return int(match[1]) if match else None


def check_digest(digest: str) -> None:
    """Raise ``RegistryError`` for a digest that could not be verified."""
    if not re.fullmatch(r"sha256:[0-9a-f]{64}", digest):
        raise RegistryError(f"{digest!r} is no digest that is understood here: they are all of sha256.")

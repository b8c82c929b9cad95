"""How user code reaches the runner: a FIFO with one JSON object a line.

Any process of the replica may write: the kernel, its threads, forked workers, programs that a cell starts. A line has
at most `LINE_LIMIT` bytes, which POSIX writes to a pipe whole or not at all, so nothing needs a lock, and a write that
would have to wait is dropped and counted: reporting never stops the training.
"""

from __future__ import annotations

import fcntl
import json
import os
import select
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

LINE_LIMIT: Final = min(select.PIPE_BUF, 4096)
_CAPACITY: Final = 1 << 20  # bytes that wait while the runner is busy: some ten thousand reports


class Mailbox:
    """The runner's end. The file name is `path`; `fd` is ready to read when something came."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / "records"
        os.mkfifo(self.path, 0o600)
        # Read and write: with a writer always there, the end of one is no end of file.
        self.fd = os.open(self.path, os.O_RDWR | os.O_NONBLOCK | os.O_CLOEXEC)
        with suppress(OSError, AttributeError):  # Linux only, and only up to the user's limit
            fcntl.fcntl(self.fd, fcntl.F_SETPIPE_SZ, _CAPACITY)
        self._rest = b""

    def read(self) -> list[dict[str, Any]]:
        """Return what came; anything that is no JSON object is left out."""
        with suppress(BlockingIOError):
            self._rest += os.read(self.fd, _CAPACITY)
        *lines, self._rest = self._rest.split(b"\n")
        return [message for line in lines if (message := _parse(line)) is not None]

    def close(self) -> None:
        """Take no more."""
        os.close(self.fd)
        self.path.unlink(missing_ok=True)


def _parse(line: bytes) -> dict[str, Any] | None:
    try:
        message = json.loads(line)
    except ValueError:
        return None
    return message if isinstance(message, dict) else None


class Sender:
    """A process's end. Safe in threads and after a fork."""

    def __init__(self, path: str) -> None:
        self._path = path
        self._fd: int | None = None
        self._dropped = 0

    def send(self, message: dict[str, Any]) -> bool:
        """Send a JSON object if that is possible at once; return whether it was.

        Raises
        ------
        ValueError
            It does not fit into `LINE_LIMIT` bytes.
        """
        lost = self._dropped
        line = json.dumps({**message, "dropped": lost} if lost else message, separators=(",", ":")).encode() + b"\n"
        if len(line) > LINE_LIMIT:
            raise ValueError(f"a report of {len(line)} bytes is longer than {LINE_LIMIT}")
        try:
            if self._fd is None:
                self._fd = os.open(self._path, os.O_WRONLY | os.O_NONBLOCK | os.O_CLOEXEC)
            os.write(self._fd, line)
        except OSError:  # the runner is busy, or gone
            self._dropped += 1
            return False
        self._dropped -= lost
        return True

"""The only writer to this process's stdout and stderr."""

from __future__ import annotations

import os
import re
import select
import threading
from collections.abc import Iterable
from queue import SimpleQueue
from typing import Final

from .records import PREFIX

BACKLOG_LIMIT: Final = 4 << 20
_FORGED: Final = re.compile(rb"^" + re.escape(PREFIX.encode()), re.MULTILINE)


class Log:
    """Writes records and foreign lines, whole line after whole line, from a thread.

    A reader that stops reading must stop neither the training nor the answer to a signal, so nothing here blocks:
    `behind` tells those who write to hold back.

    Parameters
    ----------
    out, err:
        File descriptors.
    """

    def __init__(self, out: int = 1, err: int = 2) -> None:
        self.position = 0
        """Bytes taken so far."""
        self._fds = (out, err)
        self._queue: SimpleQueue[tuple[int, bytes] | None] = SimpleQueue()
        self._written = 0
        self._thread = threading.Thread(target=self._work, name="log", daemon=True)
        self._thread.start()

    @property
    def behind(self) -> bool:
        """Whether more than `BACKLOG_LIMIT` bytes wait to be written."""
        return self.position - self._written > BACKLOG_LIMIT

    def records(self, lines: Iterable[str]) -> None:
        """Take lines made by `records.encode`."""
        self._put(self._fds[0], "".join(f"{line}\n" for line in lines).encode("ascii"))

    def foreign(self, lines: bytes, *, err: bool = False) -> None:
        """Take whole lines of another program; one that looks like a record is moved one space to the right."""
        self._put(self._fds[err], _FORGED.sub(rb" \g<0>", lines))

    def close(self, timeout: float) -> bool:
        """Wait until all is written, at most ``timeout`` seconds; return whether it is."""
        self._queue.put(None)
        self._thread.join(timeout)
        return not self._thread.is_alive()

    def _put(self, fd: int, data: bytes) -> None:
        self.position += len(data)
        self._queue.put((fd, data))

    def _work(self) -> None:
        broken: set[int] = set()
        while (item := self._queue.get()) is not None:
            fd, data = item
            if fd not in broken and not _write(fd, data):
                broken.add(fd)  # nobody reads any more; the run goes on
            self._written += len(data)


def _write(fd: int, data: bytes) -> bool:
    view = memoryview(data)
    while view:
        try:
            view = view[os.write(fd, view) :]
        except BlockingIOError:  # whoever started this process made the pipe non-blocking
            select.select([], [fd], [])
        except OSError:
            return False
    return True

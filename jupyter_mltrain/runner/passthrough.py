"""What the kernel's process writes to its own stdout and stderr, but for what the notebook has as an output already.

ipykernel catches what C code and child processes write to these descriptors, publishes it as an output of the cell, and
writes it to the real descriptors too. Some things only come there: the dump of a crash, a child that was given
``sys.stdout``. So a line is held for a moment, and passed on unless it was published meanwhile.
"""

from __future__ import annotations

import asyncio
import os
import time
from collections import deque
from collections.abc import Callable
from typing import Final

HELD: Final = 1.0
"""Seconds; ipykernel publishes five times a second."""
_REMEMBERED: Final = 1 << 20  # characters of published text, of each stream
_LINE_LIMIT: Final = 64 << 10
_READS_AT_END: Final = 256  # a stray process may write for ever
_HELD_LIMIT: Final = 4 << 20  # bytes


class Passthrough:
    """Compares one stream's raw lines with what was published of it.

    Parameters
    ----------
    sink:
        Takes whole lines that are to appear in the log.
    """

    def __init__(self, sink: Callable[[bytes], None]) -> None:
        self._sink = sink
        self._held: deque[tuple[float, bytes]] = deque()
        self._size = 0
        self._published = "\n"  # what may still be found
        self._news: deque[str] = deque()  # what was published since it was last looked at
        self._news_length = 0
        self._scheduled = False

    def raw(self, lines: bytes) -> None:
        """Take whole lines from the descriptor."""
        now = time.monotonic()
        self._held.extend((now, line + b"\n") for line in lines.removesuffix(b"\n").split(b"\n"))
        self._size += len(lines)
        if self._size > _HELD_LIMIT:
            self._release(while_=lambda _: self._size > _HELD_LIMIT)
        if self._held and not self._scheduled:
            self._scheduled = True
            asyncio.get_running_loop().call_later(HELD, self._on_time)

    def published(self, text: str) -> None:
        """Take text that became an output."""
        self._news.append(text)
        self._news_length += len(text)
        while self._news_length > _REMEMBERED:
            self._news_length -= len(self._news.popleft())

    def flush(self) -> None:
        """Let go of everything that is held."""
        self._release(while_=lambda _: True)

    def _on_time(self) -> None:
        due = time.monotonic() - HELD
        self._release(while_=lambda since: since <= due)
        self._scheduled = bool(self._held)
        if self._held:
            asyncio.get_running_loop().call_later(self._held[0][0] - due, self._on_time)

    def _release(self, while_: Callable[[float], bool]) -> None:
        """Let go of the oldest lines: what was published comes in the same order."""
        self._published = (self._published + "".join(self._news))[-_REMEMBERED:]
        self._news.clear()
        self._news_length = place = 0
        passed: list[bytes] = []
        while self._held and while_(self._held[0][0]):
            _, line = self._held.popleft()
            self._size -= len(line)
            text = "\n" + line.decode(errors="replace")
            found = self._published.find(text, place)
            if found < 0:
                passed.append(line)
            else:
                place = found + len(text) - 1  # the newline may begin the next
        self._published = self._published[place:]
        if passed:
            self._sink(b"".join(passed))


class Lines:
    """Reads whole lines from a pipe as they come: at most `_LINE_LIMIT` bytes of one."""

    def __init__(self, fd: int, take: Callable[[bytes], None]) -> None:
        self._fd = fd
        self._take = take
        self._rest = b""
        os.set_blocking(fd, False)
        asyncio.get_running_loop().add_reader(fd, self._read)

    def _read(self) -> bool:
        """Pass on the whole lines of what is there; return whether there was anything."""
        try:
            data = os.read(self._fd, _LINE_LIMIT)
        except BlockingIOError:
            return False
        if not data:
            asyncio.get_running_loop().remove_reader(self._fd)
            return False
        lines, newline, self._rest = (self._rest + data).rpartition(b"\n")
        if len(self._rest) > _LINE_LIMIT:
            lines, newline, self._rest = lines + newline + self._rest, b"\n", b""
        if newline:
            self._take(lines + newline)
        return True

    def close(self) -> None:
        """Take what is there, even if a stray process still has the other end."""
        for _ in range(_READS_AT_END):
            if not self._read():
                break
        if self._rest:
            self._take(self._rest + b"\n")
        asyncio.get_running_loop().remove_reader(self._fd)
        os.close(self._fd)

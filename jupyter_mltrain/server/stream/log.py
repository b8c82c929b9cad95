"""``log/ID/REPLICA``: the newest lines of a replica's log as people read them, then the new ones."""

from __future__ import annotations

import asyncio
import itertools
from collections import deque
from collections.abc import Sequence
from typing import TYPE_CHECKING, ClassVar, Final

from ...errors import BackendUnavailable, NotFound
from ...service.logs import LogPage, LogReader, find_replica, read_end
from .. import wire
from .topic import Topic

if TYPE_CHECKING:
    from .feed import Feed
    from .hub import Hub

_LINES: Final = 1000
_LINES_KEPT: Final = 5000
_CHARACTERS_KEPT: Final = 8 << 20
_MESSAGE_CHARACTERS: Final = 1 << 20
"""Of new lines in one message; who is further behind gets the newest ones."""

_RETRY_SECONDS: Final = 2.0


class LogTopic(Topic):
    """Keeps the newest lines. A version is the number of lines so far, and one more at the end."""

    interval: ClassVar[float] = 0.1  # faster than anybody reads

    def __init__(self, name: str, hub: Hub, job: str, replica: str) -> None:
        super().__init__(name)
        self._hub = hub
        self._id = job
        self._replica = replica
        self._reader = LogReader(None)
        self._place: str | None = None  # the backend's cursor
        self._cursor: str | None = None
        self._lines: deque[str] = deque()
        self._size = 0
        self._count = 0
        self._caught_up = False
        self._truncated = False
        self._ended = False

    async def run(self) -> None:
        """Read the end of the log, then follow it until the replica is done for good."""
        async with self._hub.feed(self._id) as feed:
            replica = find_replica(feed.status, self._replica).name
            await feed.until_deleted(self._follow(feed, replica))
        self.end(wire.JobDeleted(id=self._id))

    async def _follow(self, feed: Feed, replica: str) -> None:
        while True:
            seen = feed.changes.count
            try:
                await self._read(feed, replica)
            except NotFound:  # the pod was cleaned up with its log
                self._caught_up = True
                self._end() if feed.status.finished else self._tell()
            except BackendUnavailable:
                await asyncio.sleep(_RETRY_SECONDS)
                continue
            await feed.changes.after(seen)

    async def _read(self, feed: Feed, replica: str) -> None:
        finished = feed.status.finished
        if not self._caught_up:
            end = await read_end(feed.service.backend, feed.ref, replica, _LINES_KEPT)
            self._reader, self._place = end.reader, end.place
            self._take(end.page)
            self._caught_up = True
            self._tell()
        await self._follow_on(feed, replica, follow=not finished)
        if finished:
            self._end()
        else:
            self._close_line()  # the replica may have ended before its job

    async def _follow_on(self, feed: Feed, replica: str, *, follow: bool) -> None:
        logs = feed.service.backend.logs(feed.ref, replica, after=self._place, follow=follow)
        async for chunk in logs:
            page = await self._reader.take(chunk)
            self._place = chunk.cursor
            self._take(page)

    def _take(self, page: LogPage) -> None:
        self._cursor = page.cursor
        self._truncated = self._truncated or page.truncated
        self._add(page.lines)
        if self._caught_up:
            self._tell()

    def _add(self, lines: Sequence[str]) -> None:
        self._lines.extend(lines)
        self._count += len(lines)
        self._size += sum(map(len, lines))
        while len(self._lines) > _LINES_KEPT or self._size > _CHARACTERS_KEPT:
            self._size -= len(self._lines.popleft())

    def _end(self) -> None:
        if not self._ended:
            self._ended = True
            self._close_line()
            self._tell()

    def _close_line(self) -> None:
        """Take that nothing will be added to the last line."""
        last = self._reader.close()
        if last.lines:
            self._take(last)

    def _tell(self) -> None:
        version = self._count + self._ended
        if version != self.version:
            self.changed(version)

    def snapshot(self, limit: int | None) -> wire.Wire:
        """Return the newest lines."""
        lines = self._newest(limit or _LINES, _CHARACTERS_KEPT)
        truncated = self._truncated or len(lines) < self._count
        return wire.LogSnapshot(lines=lines, cursor=self._cursor, truncated=truncated, ended=self._ended)

    def delta(self, since: int) -> wire.Wire:
        """Return the new lines; for one who is too far behind, the newest of them."""
        new = max(0, self._count - since)
        lines = self._newest(new, _MESSAGE_CHARACTERS)
        return wire.LogChanged(lines=lines, cursor=self._cursor, skipped=len(lines) < new, ended=self._ended)

    def _newest(self, count: int, characters: int) -> tuple[str, ...]:
        found: list[str] = []
        for line in itertools.islice(reversed(self._lines), count):
            characters -= len(line)
            if characters < 0 and found:
                break
            found.append(line)
        return tuple(found[::-1])

"""Where the lines of a log are, by number: read once, remembered as marks, so that any page can be had at once."""

from __future__ import annotations

import asyncio
from bisect import bisect_right
from collections import OrderedDict
from dataclasses import dataclass, field
from operator import itemgetter
from typing import Final

from ..backends.base import Backend, Cursor
from ..model.job import JobRef
from . import logs
from .logs import LogPage, find_replica

_LOGS_KEPT: Final = 64
_MARK_LINES: Final = 2000
_MARK_CHARACTERS: Final = 1 << 20


@dataclass(frozen=True, slots=True)
class NumberedPage:
    """Lines of a log, and where they are in it.

    Attributes
    ----------
    first:
        Number of the first one, counted from 0.
    total:
        Lines that there are now.
    """

    page: LogPage
    first: int
    total: int


@dataclass(slots=True)
class _Marks:
    """Numbers of some lines, in order, and the cursors before them; the first one is the log's beginning."""

    marks: list[tuple[int, Cursor | None]] = field(default_factory=lambda: [(0, None)])
    lines: int = 0
    characters: int = 0  # since the last mark
    end: Cursor | None = None
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)

    def add(self, page: LogPage) -> None:
        self.lines += len(page.lines)
        self.characters += sum(map(len, page.lines))
        self.end = page.cursor
        if self.lines - self.marks[-1][0] >= _MARK_LINES or self.characters >= _MARK_CHARACTERS:
            self.marks.append((self.lines, self.end))
            self.characters = 0

    def before(self, line: int) -> tuple[int, Cursor | None]:
        return self.marks[bisect_right(self.marks, line, key=itemgetter(0)) - 1]

    def forget(self) -> None:
        self.marks, self.lines, self.characters, self.end = [(0, None)], 0, 0, None


class LogLines:
    """Finds lines of logs by their numbers.

    A log is read to its end once, and later only where it has grown; what is kept is a mark for every few thousand
    lines, or fewer where they are long. Where a log's beginning is rotated away, its lines are counted from what is
    left.
    """

    def __init__(self, backend: Backend) -> None:
        self._backend = backend
        self._known: OrderedDict[tuple[str, str], _Marks] = OrderedDict()

    async def page(self, ref: JobRef, replica: str | None, *, line: int, limit: int) -> NumberedPage:
        """Return at most ``limit`` lines from a number on. Raises as `logs.pages` does."""
        name = find_replica(await self._backend.status(ref), replica).name
        marks = self._marks(ref.id, name)
        async with marks.lock:
            await self._read_on(marks, ref, name)
            first = min(line, marks.lines)
            number, cursor = marks.before(first)
        after = logs.advanced(cursor, first - number)
        page = await logs.page(self._backend, ref, name, after=after, limit=limit, raw=False)
        if page.truncated and cursor is not None:  # rotated away: the numbers are others now
            marks.forget()
            return await self.page(ref, name, line=line, limit=limit)
        return NumberedPage(page, first, max(marks.lines, first + len(page.lines)))

    def _marks(self, job: str, replica: str) -> _Marks:
        marks = self._known.setdefault((job, replica), _Marks())
        self._known.move_to_end((job, replica))
        if len(self._known) > _LOGS_KEPT:
            self._known.popitem(last=False)
        return marks

    async def _read_on(self, marks: _Marks, ref: JobRef, replica: str) -> None:
        async for page in logs.pages(self._backend, ref, replica, after=marks.end):
            if page.truncated and marks.end is not None:
                marks.forget()
                await self._read_on(marks, ref, replica)
                return
            marks.add(page)

"""A replica's log as people read it, page by page: from a cursor, from the end, or as it grows.

A cursor is the backend's own, of a place where the transcript held nothing back, and how many lines after that place
were handed out: ``<backend's cursor>~<lines>``. So reading can go on from it with nothing kept in between.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, replace
from itertools import accumulate, takewhile
from typing import Final

from ..backends.base import Backend, Cursor, LogChunk
from ..errors import InvalidInput, NotFound
from ..model.job import JobRef, JobStatus, Phase, ReplicaState
from .changes import changes_of
from .transcript import Transcript

ROTATED = "[the log's beginning was rotated away]"

PAGE_CHARACTERS: Final = 8 << 20
"""A page ends after these at the latest, however many lines were asked for: lines can be long."""

_TAIL_MARGIN: Final = 50  # lines of the log more than are to be shown, since some of them show nothing
_TAIL_GROWTH: Final = 8

_ENDED: Final = frozenset({"Succeeded", "Failed"})


@dataclass(frozen=True, slots=True)
class LogPage:
    """Whole lines of one replica's log.

    Attributes
    ----------
    lines:
        Without their line ends.
    cursor:
        Hand it back as ``after`` to go on; None: nothing was there.
    open:
        What the last line has so far; it is in none of the ``lines`` before it is whole, or the replica has ended.
    truncated:
        Lines before these are not shown: rotated away, or more than were asked for.
    more:
        There are more lines right now.
    """

    lines: tuple[str, ...]
    cursor: Cursor | None = None
    open: str = ""
    truncated: bool = False
    more: bool = False


class LogReader:
    """Turns the backend's chunks into pages, from a cursor on.

    Parameters
    ----------
    after:
        A page's cursor; None: from the beginning.
    raw:
        Leave the runner's records as they are.
    """

    def __init__(self, after: Cursor | None, *, raw: bool = False) -> None:
        place, self._skip = _parse(after)  # lines that were handed out before
        self.place = place  # where to read from
        self._transcript = None if raw else Transcript(resumed=place is not None)
        self._read = place  # how far that was done
        self._clean = place  # the last place where nothing was held back
        self._lines = 0  # read since then

    async def take(self, chunk: LogChunk) -> LogPage:
        """Return the lines that a chunk makes whole."""
        self._read = chunk.cursor
        # Decoding is work for the processor: an event loop has better things to do meanwhile.
        return self._page(await asyncio.to_thread(self._render, chunk.text), truncated=chunk.truncated)

    def close(self) -> LogPage:
        """Return what is left of an unfinished line as a line: the replica has ended."""
        return self._page([] if self._transcript is None else self._transcript.close())

    @property
    def repeated(self) -> int:
        """How many of the first lines the log has told before, since it was taken up within a snapshot."""
        return 0 if self._transcript is None else self._transcript.repeated

    def _render(self, text: str) -> list[str]:
        if self._transcript is None:
            return text.removesuffix("\n").split("\n")
        # A chunk has whole lines: only the last one of a program that has ended comes without its end.
        return [*self._transcript.feed(text), *self._transcript.end_line()]

    def _page(self, lines: list[str], *, truncated: bool = False) -> LogPage:
        skipped, self._skip = self._skip, max(0, self._skip - len(lines))
        self._lines += len(lines)
        if self._transcript is None or self._transcript.clean:
            self._clean, self._lines = self._read, 0
        cursor = f"{self._clean or ''}~{self._lines + self._skip}"
        rest = "" if self._transcript is None else self._transcript.open
        return LogPage(tuple(lines[skipped:]), cursor, rest, truncated)


def _parse(cursor: Cursor | None) -> tuple[Cursor | None, int]:
    place, tilde, lines = (cursor or "~0").rpartition("~")
    if not tilde or not lines.isdecimal():
        hint = "Hand back the cursor of a page as it was."
        raise InvalidInput(f"{cursor!r} is no position in a log", hint=hint, field="after")
    return place or None, int(lines)


def advanced(cursor: Cursor | None, lines: int) -> Cursor:
    """Return the cursor that is so many lines after another one; None is the beginning."""
    place, before = _parse(cursor)
    return f"{place or ''}~{before + lines}"


async def pages(
    backend: Backend,
    ref: JobRef,
    replica: str | None,
    *,
    after: Cursor | None = None,
    tail: int | None = None,
    follow: bool = False,
    raw: bool = False,
) -> AsyncIterator[LogPage]:
    """Yield a replica's log, the runner's records turned into what people read.

    Parameters
    ----------
    replica:
        Pod name, or role and index such as ``worker-0``; None: the leader.
    after:
        Go on from a page's cursor.
    tail:
        Begin with one page of the newest so many lines instead.
    follow:
        Go on until the replica is done for good.
    raw:
        Leave the runner's records as they are.

    Raises
    ------
    NotFound
        No such job or replica, or it has none yet.
    InvalidInput
        The cursor is none.
    """
    reader = LogReader(after, raw=raw)
    # Whether more will come is asked before what there is: so nothing is missed that was written in between.
    job = await _with_replicas(backend, ref) if follow else await backend.status(ref)
    found = find_replica(job, replica)
    name, place, ended = found.name, reader.place, found.phase in _ENDED
    if tail is not None:
        end = await read_end(backend, ref, name, tail, raw=raw, ended=ended and not follow)
        reader, place = end.reader, end.place
        yield end.page
    if tail is None or follow:
        async for chunk in backend.logs(ref, name, after=place, follow=follow):
            yield await reader.take(chunk)
    if (ended or follow) and (last := reader.close()).lines:
        yield last


@dataclass(frozen=True, slots=True)
class End:
    """The newest lines of a log, and what it takes to go on from there.

    Attributes
    ----------
    place:
        The backend's cursor.
    """

    page: LogPage
    reader: LogReader
    place: Cursor | None


async def read_end(
    backend: Backend, ref: JobRef, replica: str, lines: int, *, raw: bool = False, ended: bool = False
) -> End:
    """Return the newest so many lines that there are now. Of a long log only the end is read.

    Parameters
    ----------
    ended:
        The replica has ended: what the last line has is a line.
    """
    asked, start = lines + _TAIL_MARGIN, None
    while True:
        end, first = await _read_end(backend, ref, replica, asked, raw=raw, ended=ended)
        whole = first is None or not end.page.truncated or first == start
        if whole or len(end.page.lines) >= max(lines, 1):  # from the end of one on, what the last line has is known
            return replace(end, page=_newest(end.page, lines))
        asked, start = asked * _TAIL_GROWTH, first


async def _read_end(
    backend: Backend, ref: JobRef, replica: str, asked: int, *, raw: bool, ended: bool
) -> tuple[End, Cursor | None]:
    """Return what so many lines of the log show, and where they start."""
    reader, place, first = LogReader(None, raw=raw), None, None
    last, found, cut = LogPage(()), list[str](), False
    async for chunk in backend.logs(ref, replica, tail=asked):
        if first is None:
            first, cut = chunk.start, chunk.truncated
            reader = LogReader(f"{first}~0" if cut else None, raw=raw)
        last = await reader.take(chunk)
        found += last.lines
        place = chunk.cursor
    if ended and first is not None:
        last = reader.close()
        found += last.lines
    if cut and not raw:
        del found[: reader.repeated + 1]  # the first new one is perhaps the end of a line only
    return End(LogPage(tuple(found), last.cursor, last.open, cut), reader, place), first


def _newest(page: LogPage, lines: int) -> LogPage:
    """Return the last so many lines of a page, fewer where they are long."""
    wanted = page.lines[-lines:] if lines else ()
    count = _fitting(wanted[::-1], PAGE_CHARACTERS, least=1)
    left_out = len(page.lines) - count
    return replace(page, lines=page.lines[left_out:], truncated=page.truncated or left_out > 0)


async def page(
    backend: Backend, ref: JobRef, replica: str | None, *, after: Cursor | None, limit: int, raw: bool
) -> LogPage:
    """Return at most ``limit`` lines that are there now, from a cursor on. Raises as :func:`pages` does.

    A page of which there is more has at least one line, however long that one is.
    """
    lines: list[str] = []
    cursor, rest, truncated, room = after, "", False, PAGE_CHARACTERS
    async for found in pages(backend, ref, replica, after=after, raw=raw):
        truncated = truncated or found.truncated
        wanted = found.lines[: limit - len(lines)]
        kept = wanted[: _fitting(wanted, room, least=0 if lines else 1)]
        lines += kept
        if len(kept) < len(found.lines):
            return LogPage(tuple(lines), advanced(cursor, len(kept)), "", truncated, more=True)
        room -= sum(map(len, kept))
        cursor, rest = found.cursor, found.open
    return LogPage(tuple(lines), cursor, rest, truncated)


def _fitting(lines: Sequence[str], room: int, *, least: int) -> int:
    """Return how many of some lines there is room for, in characters; at least so many, if there are."""
    fitting = sum(1 for _ in takewhile(lambda size: size <= room, accumulate(map(len, lines))))
    return max(fitting, min(least, len(lines)))


async def lines(
    backend: Backend, ref: JobRef, replica: str | None, *, tail: int | None, follow: bool, raw: bool
) -> AsyncIterator[str]:
    """Yield a replica's log line by line; at the end also what the last line has so far."""
    rest = ""
    async for found in pages(backend, ref, replica, tail=tail, follow=follow, raw=raw):
        if found.truncated and tail is None:
            yield ROTATED
        for line in found.lines:
            yield line
        rest = found.open
    if rest and tail != 0:
        yield rest


async def _with_replicas(backend: Backend, ref: JobRef) -> JobStatus:
    """Return the job as soon as it has replicas or has ended."""
    async for job in changes_of(backend, ref):
        if job.replicas or job.finished:
            return job
    raise NotFound(f"Job {ref.name} ({ref.id}) is gone")


def find_replica(job: JobStatus, name: str | None) -> ReplicaState:
    """Return the replica that a pod name, or ``worker-0``, means; the leader for None. Raises ``NotFound``."""
    if name is None:
        if job.leader is None:
            hint = "It is queued." if job.phase is Phase.QUEUED else "`mltrain events` tells what happened."
            raise NotFound(f"Job {job.ref.name} has no replica yet", hint=hint)
        return job.leader
    for position, replica in enumerate(job.replicas):
        if name.lower() in (replica.name, _short_name(replica, position)):
            return replica
    raise NotFound(f"Job {job.ref.name} has no replica {name!r}", hint=f"Its replicas: {_names(job.replicas)}.")


def _short_name(replica: ReplicaState, position: int) -> str:
    """Return ``worker-0``. The pods of a batch/v1 Job have no role, and an index only where it is an indexed one."""
    return f"{replica.role.lower() or 'worker'}-{replica.index if replica.index >= 0 else position}"


def _names(replicas: Sequence[ReplicaState]) -> str:
    return ", ".join(replica.name for replica in replicas) or "none yet"

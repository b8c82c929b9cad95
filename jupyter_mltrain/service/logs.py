"""A replica's log as people read it, page by page: from a cursor, from the end, or as it grows.

A cursor is the backend's own, of a place where the transcript held nothing back, and how many lines after that place
were handed out: ``<backend's cursor>~<lines>``. So reading can go on from it with nothing kept in between.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass

from ..backends.base import Backend, Cursor, LogChunk
from ..errors import InvalidInput, NotFound
from ..model.job import JobRef, JobStatus, Phase, ReplicaState
from .transcript import Transcript

ROTATED = "[the log's beginning was rotated away]"


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
        What the last line has so far; it is in none of the ``lines`` before it is whole.
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
    tail:
        The first chunk is not the log's beginning: the backend was asked for its last lines only.
    """

    def __init__(self, after: Cursor | None, *, raw: bool = False, tail: bool = False) -> None:
        place, self._skip = _parse(after)  # lines that were handed out before
        self.place = place  # where to read from
        self._tail = tail
        self._transcript = None if raw else Transcript(resumed=tail or place is not None)
        self._clean = place  # the last place where nothing was held back
        self._lines = 0  # read since then

    async def take(self, chunk: LogChunk) -> LogPage:
        """Return the lines that a chunk makes whole."""
        # Decoding is work for the processor: an event loop has better things to do meanwhile.
        lines = await asyncio.to_thread(self._render, chunk.text)
        skipped, self._skip = self._skip, max(0, self._skip - len(lines))
        self._lines += len(lines)
        # A tail's beginning is no place that can be named; its first end will do.
        if self._transcript is None or self._transcript.clean or (self._tail and self._clean is None):
            self._clean, self._lines = chunk.cursor, 0
        cursor = f"{self._clean or ''}~{self._lines + self._skip}"
        rest = "" if self._transcript is None else self._transcript.open
        return LogPage(tuple(lines[skipped:]), cursor, rest, chunk.truncated)

    def close(self) -> list[str]:
        """Return what is left of an unfinished line."""
        return [] if self._transcript is None else self._transcript.close()

    def _render(self, text: str) -> list[str]:
        if self._transcript is None:
            return text.removesuffix("\n").split("\n")
        return self._transcript.feed(text)


def _parse(cursor: Cursor | None) -> tuple[Cursor | None, int]:
    place, tilde, lines = (cursor or "~0").rpartition("~")
    if not tilde or not lines.isdecimal():
        hint = "Hand back the cursor of a page as it was."
        raise InvalidInput(f"{cursor!r} is no position in a log", hint=hint, field="after")
    return place or None, int(lines)


def _advanced(cursor: Cursor | None, lines: int) -> Cursor:
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
    job = await _with_replicas(backend, ref) if follow else await backend.status(ref)
    name = find_replica(job, replica).name
    place = reader.place
    if tail is not None:
        newest, place = await _tail(backend, ref, name, reader, tail)
        yield newest
    if tail is None or follow:
        async for chunk in backend.logs(ref, name, after=place, follow=follow):
            yield await reader.take(chunk)


async def _tail(
    backend: Backend, ref: JobRef, replica: str, reader: LogReader, tail: int
) -> tuple[LogPage, Cursor | None]:
    """Return the last lines that there are now as one page, and the backend's cursor after them."""
    kept: deque[str] = deque(maxlen=tail)
    last, count, truncated, place = LogPage(()), 0, False, reader.place
    async for chunk in backend.logs(ref, replica, after=place):
        last = await reader.take(chunk)
        kept.extend(last.lines)
        count += len(last.lines)
        truncated = truncated or last.truncated
        place = chunk.cursor
    return LogPage(tuple(kept), last.cursor, last.open, truncated or count > len(kept)), place


async def page(
    backend: Backend, ref: JobRef, replica: str | None, *, after: Cursor | None, limit: int, raw: bool
) -> LogPage:
    """Return at most ``limit`` lines that are there now, from a cursor on. Raises as :func:`pages` does."""
    lines: list[str] = []
    cursor, rest, truncated = after, "", False
    async for found in pages(backend, ref, replica, after=after, raw=raw):
        truncated = truncated or found.truncated
        room = limit - len(lines)
        if len(found.lines) > room:
            lines += found.lines[:room]
            return LogPage(tuple(lines), _advanced(cursor, room), "", truncated, more=True)
        lines += found.lines
        cursor, rest = found.cursor, found.open
    return LogPage(tuple(lines), cursor, rest, truncated)


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
    async for change in backend.watch():
        if change.job is not None and change.job.ref.id == ref.id and (change.job.replicas or change.job.finished):
            return change.job
        if change.type == "deleted" and change.ref is not None and change.ref.id == ref.id:
            break
        if change.type == "synced":
            await backend.status(ref)  # raises where there is nothing to wait for
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

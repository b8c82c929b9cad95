"""Follow all jobs, across processes: sleep until a bell rings, then read what has changed since."""

from __future__ import annotations

import asyncio
import os
import sqlite3
import time
import uuid
from collections.abc import AsyncIterator
from dataclasses import replace
from operator import itemgetter
from typing import Final, Self

from ...model.job import JobRef, JobStatus
from ..base import Change, Cursor
from . import tables
from .bell import Bell
from .records import BACKEND
from .store import Store, counter, setting
from .upkeep import tend_if_possible
from .view import job_statuses

_POSITION_SECONDS: Final = 1.0
"""Queue positions shift with every start; a thousand waiting jobs are not sent again more often than this."""

_STARTING_SECONDS: Final = 1.0
"""A job that has its turn but shows no supervisor is looked at again after this: one starts in a tenth of it."""


async def watch(store: Store, after: Cursor | None) -> AsyncIterator[Change]:
    """Yield what there is, ``synced``, then changes as they happen, several of one job melted into its latest state."""
    follower = _Follower(store)
    with _Alarm(store) as alarm:  # before the first look, so nothing falls between
        for change in await asyncio.to_thread(follower.start, after):
            yield change
        yield Change("synced", follower.cursor)
        while True:
            alarm.follow_supervisors(await asyncio.to_thread(follower.active))
            await alarm.wait(alarm.sooner(await asyncio.to_thread(follower.seconds_to_next)))
            if alarm.needs_upkeep:
                await asyncio.to_thread(tend_if_possible, store)
            for change in await asyncio.to_thread(follower.news):
                yield change


def cursor_at(store_id: str, number: int) -> Cursor:
    """Return the position after a change."""
    return f"{store_id}.{number}"


class _Follower:
    """Reads the database from one change on."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._store_id = ""
        self._last = 0
        self._positions: dict[str, int] = {}
        self._positions_at = 0.0

    @property
    def cursor(self) -> Cursor:
        """The position after everything that was returned so far."""
        return self._cursor(self._last)

    def _cursor(self, number: int) -> Cursor:
        return cursor_at(self._store_id, number)

    def start(self, after: Cursor | None) -> list[Change]:
        """Return all jobs, or what has changed since a cursor if this database still knows that."""
        with self._store.read() as connection:
            self._store_id = setting(connection, "store")
            known = range(counter(connection, "forgotten"), counter(connection, "change") + 1)
        store_id, _, number = (after or "").rpartition(".")
        if store_id == self._store_id and number.isdigit() and int(number) in known:
            self._last = int(number)
            return self.news()
        return [replace(change, type="snapshot") for change in self.news() if change.type == "changed"]

    def news(self) -> list[Change]:
        """Return what has changed since the last look, in order."""
        with self._store.read() as connection:
            latest = counter(connection, "change")
            jobs = tables.select_jobs(connection, "change > ? AND deleted = 0 ORDER BY change", self._last)
            statuses = job_statuses(connection, self._store.home, jobs)
            found = [
                (job.change, self._changed(status, job.change)) for job, status in zip(jobs, statuses, strict=True)
            ]
            found += [(latest, self._changed(status, latest)) for status in self._moved(connection)]
            for number, *names in connection.execute("SELECT * FROM departed WHERE change > ?", (self._last,)):
                found.append((number, Change("deleted", self._cursor(number), ref=JobRef(BACKEND, *names))))
        self._last = latest
        return [change for _, change in sorted(found, key=itemgetter(0))]

    def _changed(self, status: JobStatus, number: int) -> Change:
        return Change("changed", self._cursor(number), status, status.ref)

    def _moved(self, connection: sqlite3.Connection) -> list[JobStatus]:
        """Return the waiting jobs whose place has changed since they were last sent."""
        if time.monotonic() < self._positions_at + _POSITION_SECONDS:
            return []
        self._positions_at = time.monotonic()
        waiting = connection.execute("SELECT id FROM jobs WHERE state = 'queued' ORDER BY turn").fetchall()
        before, self._positions = self._positions, {row[0]: place for place, row in enumerate(waiting, 1)}
        moved = {job for job, place in self._positions.items() if before.get(job, place) != place}
        jobs = tables.select_jobs(connection, "state = 'queued' AND change <= ? ORDER BY turn", self._last)
        return job_statuses(connection, self._store.home, [job for job in jobs if job.id in moved])

    def active(self) -> list[str]:
        """Return the jobs that should have a supervisor."""
        with self._store.read() as connection:
            return [row[0] for row in connection.execute("SELECT id FROM jobs WHERE state = 'active'")]

    def seconds_to_next(self) -> float | None:
        """Return when something is due although nobody changes anything."""
        with self._store.read() as connection:
            expires = connection.execute("SELECT min(expires) FROM jobs WHERE expires IS NOT NULL").fetchone()[0]
        waits = [] if expires is None else [max(0.0, expires - time.time())]
        if self._positions:
            waits.append(max(0.0, self._positions_at + _POSITION_SECONDS - time.monotonic()))
        return min(waits) if waits else None


class _Alarm:
    """Wakes a watch when something was changed, when a supervisor has died, or when a time has come."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._rung = asyncio.Event()
        self._supervisors: dict[str, int] = {}  # job -> descriptor that tells when its supervisor has died
        self._unseen = False
        self.needs_upkeep = False

    def __enter__(self) -> Self:
        self._loop = asyncio.get_running_loop()
        self._bell = Bell(self._store.watchers / f"{os.getpid()}-{uuid.uuid4().hex}")
        self._loop.add_reader(self._bell.fileno(), self._on_bell)
        return self

    def __exit__(self, *_: object) -> None:
        self.follow_supervisors([])
        self._loop.remove_reader(self._bell.fileno())
        self._bell.close()

    def _on_bell(self) -> None:
        self._bell.drain()
        self._rung.set()

    async def wait(self, seconds: float | None) -> None:
        """Sleep until something happens, at most so long."""
        try:
            async with asyncio.timeout(seconds):
                await self._rung.wait()
        except TimeoutError:
            self.needs_upkeep = True
        self._rung.clear()

    def sooner(self, seconds: float | None) -> float | None:
        """Return how long to wait at most, less while a job has a supervisor that is not seen yet, or none."""
        if not self._unseen:
            return seconds
        return _STARTING_SECONDS if seconds is None else min(seconds, _STARTING_SECONDS)

    def follow_supervisors(self, jobs: list[str]) -> None:
        """Be told when the supervisor of one of these jobs dies."""
        for job in self._supervisors.keys() - set(jobs):
            self._let_go(job)
        self.needs_upkeep = False
        self._unseen = False
        for job in set(jobs) - self._supervisors.keys():
            try:
                descriptor = os.open(self._store.job_folder(job) / "bell", os.O_WRONLY | os.O_NONBLOCK)
            except OSError:
                self._unseen = True
                continue
            self._supervisors[job] = descriptor
            self._loop.add_reader(descriptor, self._on_end, job)  # a pipe without readers counts as readable

    def _on_end(self, job: str) -> None:
        self._let_go(job)
        self.needs_upkeep = True
        self._rung.set()

    def _let_go(self, job: str) -> None:
        descriptor = self._supervisors.pop(job)
        self._loop.remove_reader(descriptor)
        os.close(descriptor)

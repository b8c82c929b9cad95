"""``jobs``: the list of all jobs, with progress and metrics of those that run."""

from __future__ import annotations

import asyncio
import json
import logging
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Final

from ...errors import MltrainError, NotFound
from ...model.job import JobStatus, Phase
from ...service import JobFilter, Service
from ...service.summary import notebook_job
from .table import ROWS
from .topic import Topic

if TYPE_CHECKING:
    from .hub import Hub

_log = logging.getLogger(__name__)

_PROGRESS_SECONDS: Final = 0.2
"""A row's progress is for a glance: it is sent no more often than this."""

_RETRY_SECONDS: Final = 5.0
_LOGS_AT_ONCE: Final = 20
_AT_WORK: Final = JobFilter([Phase.RUNNING, Phase.RESTARTING])


class JobsTopic(Topic):
    """The rows of the hub's table; it has them loaded and counted, and the leaders' logs read."""

    def __init__(self, name: str, hub: Hub) -> None:
        super().__init__(name)
        self._hub = hub
        self._table = hub.table
        self._read: dict[str, asyncio.Task[None]] = {}  # by job; of ended ones by backend

    async def run(self) -> None:
        """Tell each change of the table."""
        async with self._hub.watching():
            try:
                while True:
                    loaded = [await self._load(service) for service in self._hub.services]
                    seen = self._table.version
                    counted = [await self._count(service) for service in self._hub.services]
                    if self._table.loaded or not loaded:
                        self.changed(seen)
                    self._read_runs()
                    await asyncio.sleep(self.interval)  # changes in quick succession are counted once
                    await self._wait(seen, None if all(loaded + counted) else _RETRY_SECONDS)
            finally:
                for task in self._read.values():
                    task.cancel()
                await asyncio.gather(*self._read.values(), return_exceptions=True)

    async def _wait(self, seen: int, seconds: float | None) -> None:
        """Wait for a change, at most so long."""
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._table.pulse.after(seen)

    # Loading and counting

    async def _load(self, service: Service) -> bool:
        """Load a backend's newest jobs, and those that run, if that is due; say whether it can be."""
        backend = service.backend.name
        if not self._table.needs(backend):
            return True
        since, can_suspend = self._table.version, service.backend.capabilities().suspend
        try:
            page = await service.jobs(limit=ROWS)
            at_work = (await service.jobs(_AT_WORK, limit=ROWS)).jobs
        except MltrainError as error:
            _log.warning("The jobs of %s cannot be listed: %s", backend, error)
            return False
        self._table.load(backend, page.jobs, complete=page.next is None, since=since, suspend=can_suspend)
        for job in at_work:
            if job.ref.id not in self._table.running:
                self._table.put(job, suspend=can_suspend)
        self._read_ended(service, [job for job in page.jobs if job.finished])
        return True

    async def _count(self, service: Service) -> bool:
        """Count a backend's jobs; say whether they can be."""
        try:
            self._table.phases[service.backend.name] = (await service.census()).phases
        except MltrainError as error:
            _log.warning("The jobs of %s cannot be counted: %s", service.backend.name, error)
            return False
        return True

    # Logs

    def _read_ended(self, service: Service, jobs: list[JobStatus]) -> None:
        """See to it that the ends of ended jobs' logs are read, the newest first."""
        backend = service.backend.name
        if backend in self._read:
            self._read[backend].cancel()
        self._read[backend] = asyncio.create_task(self._read_ends(service, jobs), name=f"mltrain ends of {backend}")

    async def _read_ends(self, service: Service, jobs: list[JobStatus]) -> None:
        can_suspend = service.backend.capabilities().suspend
        for start in range(0, len(jobs), _LOGS_AT_ONCE):
            some = jobs[start : start + _LOGS_AT_ONCE]
            for job, run in zip(some, await service.run_states.of_all(some), strict=True):
                self._table.put_run(job, run, suspend=can_suspend)

    def _read_runs(self) -> None:
        """See to it that the log of each job that runs is read, to its end."""
        for job in [job for job, task in self._read.items() if task.done()]:
            del self._read[job]
        for job, status in self._table.running.items():
            if job not in self._read and notebook_job(status) and status.replicas:
                self._read[job] = asyncio.create_task(self._read_run(job), name=f"mltrain progress of {job}")

    async def _read_run(self, job: str) -> None:
        try:
            async with self._hub.feed(job) as feed, feed.leader() as leader:
                while not feed.deleted:
                    seen = feed.pulse.count
                    if leader.ready:
                        self._table.put_run(feed.status, leader.run, suspend=feed.suspend)
                    if leader.over:
                        return
                    await feed.pulse.after(seen)
                    await asyncio.sleep(_PROGRESS_SECONDS)
        except NotFound:
            return  # deleted just now

    # For clients

    def snapshot(self, limit: int | None) -> bytes:
        """Return the newest rows."""
        rows = self._table.newest(limit or ROWS)
        more = len(rows) < sum(self._table.counts.values())
        following = _json(rows[-1].id if rows and more else None)
        jobs = b",".join(row.json for row in rows)
        return b'{"type":"jobs","list":{"jobs":[%b],%b,"next":%b}}' % (jobs, self._numbers(), following)

    def delta(self, since: int) -> bytes | None:
        """Return the rows that changed and the ids that are gone."""
        deleted = self._table.deleted(since)
        if deleted is None:
            return None
        changed = b",".join(row.json for row in self._table.changed(since))
        gone = _json(deleted)
        return b'{"type":"jobsChanged","changed":[%b],"deleted":%b,%b}' % (changed, gone, self._numbers())

    def _numbers(self) -> bytes:
        counts = self._table.counts
        return b'"total":%d,"counts":%b' % (sum(counts.values()), _json(counts))


def _json(value: Any) -> bytes:
    return json.dumps(value, separators=(",", ":")).encode()

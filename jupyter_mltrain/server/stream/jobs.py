"""``jobs``: the list of all jobs, with progress and metrics of those that run."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING, Any, Final

from ...errors import NotFound
from ...service.summary import notebook_job
from .topic import Topic

if TYPE_CHECKING:
    from .hub import Hub

_ROWS: Final = 200
_PROGRESS_SECONDS: Final = 0.2
"""A row's progress is for a glance: it is sent no more often than this."""


class JobsTopic(Topic):
    """The rows of the hub's table; it has the leaders' logs of running jobs read."""

    def __init__(self, name: str, hub: Hub) -> None:
        super().__init__(name)
        self._hub = hub
        self._table = hub.table
        self._read: dict[str, asyncio.Task[None]] = {}

    async def run(self) -> None:
        """Tell each change of the table."""
        async with self._hub.watching():
            try:
                while True:
                    seen = self._table.version
                    self.changed(seen)
                    self._read_runs()
                    await self._table.pulse.after(seen)
            finally:
                for task in self._read.values():
                    task.cancel()
                await asyncio.gather(*self._read.values(), return_exceptions=True)

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

    def snapshot(self, limit: int | None) -> bytes:
        """Return the newest rows."""
        rows = self._table.newest(limit or _ROWS)
        more = len(rows) < len(self._table)
        following = _json(rows[-1].id if more else None)
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
        return b'"total":%d,"counts":%b' % (len(self._table), _json(self._table.counts))


def _json(value: Any) -> bytes:
    return json.dumps(value, separators=(",", ":")).encode()

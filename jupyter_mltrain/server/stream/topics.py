"""The topics of one job, but for its logs."""

from __future__ import annotations

from abc import abstractmethod
from typing import TYPE_CHECKING

from ...model.job import Event
from .. import wire
from ..views import job_view, metric_view
from .leader import Leader
from .reports import Reports
from .topic import Topic

if TYPE_CHECKING:
    from .feed import Feed
    from .hub import Hub


class _OfJob(Topic):
    """Follows a job and its leader's log until the job is deleted."""

    def __init__(self, name: str, hub: Hub, job: str) -> None:
        super().__init__(name)
        self._hub = hub
        self._id = job

    async def run(self) -> None:
        """Look again whenever something happened."""
        async with self._hub.feed(self._id) as feed, feed.leader() as leader:
            while not feed.deleted:
                seen = feed.pulse.count
                await self.look(feed, leader)
                await feed.pulse.after(seen)
        self.end(wire.JobDeleted(id=self._id))

    @abstractmethod
    async def look(self, feed: Feed, leader: Leader) -> None:
        """Take over what is new."""


class JobTopic(_OfJob):
    """``job/ID``: all but logs, cells and points; it is small, so each change sends it whole."""

    _job: wire.Job
    _events: tuple[Event, ...] = ()
    _events_at = -1

    async def look(self, feed: Feed, leader: Leader) -> None:
        """Read the events if the status has changed, and compare."""
        if self._events_at != feed.changes.count:
            self._events_at = feed.changes.count
            self._events = tuple(await feed.service.events(feed.ref))
        job = job_view(feed.status, leader.run, self._events, suspend=feed.suspend)
        if self.version is None or job != self._job:
            self._job = job
            self.changed((self.version or 0) + 1)

    def snapshot(self, limit: int | None) -> wire.Wire:
        """Return the job."""
        return wire.JobSnapshot(job=self._job)

    def delta(self, since: int) -> None:
        """Return None: there is only the whole."""


class NotebookTopic(_OfJob):
    """``notebook/ID``: the executed notebook, cell by cell."""

    _leader: Leader

    async def look(self, feed: Feed, leader: Leader) -> None:
        """Take over a new version."""
        self._leader = leader
        if leader.ready and self.version != leader.notebook.version:
            self.changed(leader.notebook.version)

    def snapshot(self, limit: int | None) -> wire.Wire:
        """Return the whole notebook."""
        return wire.NotebookSnapshot(notebook=self._leader.notebook.whole())

    def delta(self, since: int) -> wire.Wire | None:
        """Return cells, outputs and texts that are new."""
        return self._leader.notebook.changes(since)


class MetricsTopic(_OfJob):
    """``metrics/ID``: what the replicas report."""

    _reports: Reports | None = None

    async def run(self) -> None:
        """Follow the logs of all replicas, and let those go that only this topic needs."""
        try:
            await super().run()
        finally:
            if self._reports is not None:
                await self._reports.stop()

    async def look(self, feed: Feed, leader: Leader) -> None:
        """Take over new points."""
        reports = self._reports = self._reports or Reports(feed, leader)
        if reports.look() and self.version != reports.version:
            self.changed(reports.version)

    def snapshot(self, limit: int | None) -> wire.Wire:
        """Return all points."""
        assert self._reports is not None
        return wire.MetricsSnapshot(metrics=tuple(map(metric_view, self._reports.all())))

    def delta(self, since: int) -> wire.Wire | None:
        """Return the new points."""
        assert self._reports is not None
        points = self._reports.since(since)
        return None if points is None else wire.MetricsChanged(metrics=tuple(map(metric_view, points)))

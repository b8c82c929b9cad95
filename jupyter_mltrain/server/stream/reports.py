"""The metrics of all replicas of a job, for as long as somebody follows them."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from ...model.job import JobStatus, ReplicaState
from ...runner.records import Rebuilder
from ...service import Metric
from ...service.reports import points_kept, reporters
from .follower import Follower
from .points import Points, Stamped

if TYPE_CHECKING:
    from .feed import Feed
    from .leader import Leader


class ReplicaReports(Follower):
    """The points of one replica that does not lead; nothing else of its log is kept."""

    def __init__(self, feed: Feed, replica: ReplicaState) -> None:
        kept = points_kept(feed.status, replica)
        self.points = Points(kept)
        self._name = replica.name
        self._clock = feed.clock
        self._rebuilder = Rebuilder(cells=False, points=kept)
        super().__init__(feed, f"reports of {replica.name}")

    def replica(self, job: JobStatus) -> ReplicaState | None:
        """Return the replica as it is now."""
        return next((replica for replica in job.replicas if replica.name == self._name), None)

    def take(self, text: str, *, lost: bool) -> bool:
        """Take the points."""
        before, version = self.points.version, next(self._clock)
        if lost:
            self._rebuilder.lost()
        for record in self._rebuilder.steps(text):
            self.points.take(record, self._rebuilder, version)
        return self.points.version != before

    def done(self, job: JobStatus) -> bool:
        """Wait for the replica, too: it may still report while it is stopped because the others have ended the job."""
        replica = self.replica(job)
        return job.finished and (replica is None or replica.phase in ("Succeeded", "Failed"))

    async def end(self, job: JobStatus) -> None:
        """Do nothing: all points are taken."""


class Reports:
    """The points of all replicas as one list: in the order in which they came, and those of one moment by time.

    The leader's log is followed for other reasons, too; those of the others are followed from here.

    Attributes
    ----------
    version:
        Number of the newest state.
    """

    def __init__(self, feed: Feed, leader: Leader) -> None:
        self._feed = feed
        self._leader = leader
        self._others: dict[str, ReplicaReports] = {}
        self._first: int | None = None  # version that was shown first: what came until then came at one moment
        self.version = 0

    async def stop(self) -> None:
        """Follow no more."""
        await asyncio.gather(*(other.stop() for other in self._others.values()))

    def look(self) -> bool:
        """Follow replicas that are new, and say whether there is anything to be shown."""
        self._follow_others(self._feed.status)
        if self._first is None and not (self._leader.ready and all(other.ready for other in self._others.values())):
            return False
        self.version = max(self.version, *(points.version for _, points in self._sources()))
        if self._first is None:
            self._first = self.version
        return True

    def all(self) -> list[Metric]:
        """Return all points."""
        return self._merged([(name, points.all()) for name, points in self._sources()])

    def since(self, version: int) -> list[Metric] | None:
        """Return what came after a version; None: some of it is lost."""
        found: list[tuple[str, list[Stamped]]] = []
        for name, points in self._sources():
            newer = points.since(version)
            if newer is None:
                return None
            found.append((name, newer))
        return self._merged(found)

    def _follow_others(self, job: JobStatus) -> None:
        for replica in reporters(job):
            if replica != job.leader and replica.name not in self._others:
                self._others[replica.name] = ReplicaReports(self._feed, replica)

    def _sources(self) -> list[tuple[str, Points]]:
        leader = self._feed.status.leader
        leading = "" if leader is None else leader.name
        others = [(name, other.points) for name, other in self._others.items() if name != leading]
        return [(leading, self._leader.notebook.points), *others]

    def _merged(self, found: list[tuple[str, list[Stamped]]]) -> list[Metric]:
        first = self._first or 0
        stamped = [(max(version, first), point, name) for name, points in found for version, point in points]
        if len(found) > 1:
            stamped.sort(key=lambda item: (item[0], item[1]["time"]))
        return [Metric(point["values"], point["step"], point["time"], name) for _, point, name in stamped]

"""The log of one replica of a job, followed to its end."""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Final

from ...backends.base import LogChunk
from ...errors import BackendUnavailable, NotFound
from ...model.job import JobStatus, ReplicaState
from ...service.summary import notebook_job
from .pulse import Pulse

if TYPE_CHECKING:
    from .feed import Feed

_RETRY_SECONDS: Final = 2.0


class Follower(ABC):
    """Reads a replica's log from its beginning on, also when the replica is restarted, to its end.

    Attributes
    ----------
    ready:
        What was there has been read.
    over:
        The log is read to its end.
    pulse:
        Beats when something is new.
    """

    def __init__(self, feed: Feed, name: str) -> None:
        self.ready = False
        self.over = False
        self.pulse = Pulse(also=feed.pulse)
        self._feed = feed
        self._replica = ""
        self._cursor: str | None = None
        self._task = asyncio.create_task(self._guarded(), name=f"mltrain {name}")

    @abstractmethod
    def replica(self, job: JobStatus) -> ReplicaState | None:
        """Return the replica whose log it is, None while there is none."""

    @abstractmethod
    def take(self, text: str, *, lost: bool) -> bool:
        """Take the next piece of the log, ``lost``: lines before it are missing; say whether it tells anything new."""

    @abstractmethod
    async def end(self, job: JobStatus) -> None:
        """Do what is left to do when the job has ended and the log is read."""

    def done(self, job: JobStatus) -> bool:
        """Say whether nothing will be written any more that matters."""
        return job.finished

    async def stop(self) -> None:
        """Follow no more."""
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)

    async def _guarded(self) -> None:
        try:
            await self._follow()
        except Exception as error:  # noqa: BLE001 - raised again in all who wait
            self.pulse.fail(error)

    async def _follow(self) -> None:
        while not self.over:
            seen = self._feed.changes.count
            job = self._feed.status
            try:
                await self._read(job)
                if self.done(job):
                    await self.end(job)
            except BackendUnavailable:
                await asyncio.sleep(_RETRY_SECONDS)
                continue
            self.over = self.done(job) or self._feed.deleted
            if self.over:
                self.pulse.beat()
            else:
                await self._feed.changes.after(seen)

    async def _read(self, job: JobStatus) -> None:
        """Read what there is; while the job runs, go on until the replica is done for good."""
        replica = self.replica(job)
        has_log = replica is not None and replica.phase != "Pending" and notebook_job(job)
        try:
            if replica is not None and has_log:
                await self._take_all(job, replica, follow=False)
            self._set_ready()
            if replica is not None and has_log and not self.done(job):
                await self._take_all(job, replica, follow=True)
        except NotFound:  # the pod was cleaned up with its log, or the job was deleted
            self._set_ready()

    async def _take_all(self, job: JobStatus, replica: ReplicaState, *, follow: bool) -> None:
        if replica.name != self._replica:
            self._replica, self._cursor = replica.name, None
        backend = self._feed.service.backend
        async for chunk in backend.logs(job.ref, replica.name, after=self._cursor, follow=follow):
            self._take(chunk)
            await asyncio.sleep(0)  # others may have waited while a large piece was decoded

    def _take(self, chunk: LogChunk) -> None:
        news = self.take(chunk.text, lost=chunk.truncated)
        self._cursor = chunk.cursor
        if self.ready and news:
            self.pulse.beat()

    def _set_ready(self) -> None:
        if not self.ready:
            self.ready = True
            self.pulse.beat()

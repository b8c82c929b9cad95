"""A leader's log, followed once for all that is shown of it: progress, the live notebook, metrics."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final

from ...backends.base import Backend, LogChunk
from ...errors import BackendUnavailable, NotFound
from ...model.job import JobStatus
from ...service.summary import UNKNOWN, RunState, notebook_job
from .livenotebook import LiveNotebook
from .pulse import Pulse

if TYPE_CHECKING:
    from .feed import Feed

_RETRY_SECONDS: Final = 2.0


class Leader:
    """What the log of a job's leader adds up to.

    Attributes
    ----------
    notebook:
        The executed notebook so far, with metrics and progress.
    ready:
        What was there has been read.
    over:
        The job has ended and its log is read.
    pulse:
        Beats when something is new.
    """

    def __init__(self, backend: Backend, feed: Feed) -> None:
        self.notebook = LiveNotebook()
        self.ready = False
        self.over = False
        self.pulse = Pulse(also=feed.pulse)
        self._backend = backend
        self._feed = feed
        self._replica = ""
        self._cursor: str | None = None
        self._task = asyncio.create_task(self._guarded(), name=f"mltrain leader of {feed.ref.id}")

    @property
    def run(self) -> RunState:
        """What the log tells of the run."""
        return self.notebook.run if self.ready else UNKNOWN

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
            except BackendUnavailable:
                await asyncio.sleep(_RETRY_SECONDS)
                continue
            self.over = job.finished or self._feed.deleted
            if self.over:
                self.pulse.beat()
            else:
                await self._feed.changes.after(seen)

    async def _read(self, job: JobStatus) -> None:
        """Read what there is; while the job runs, go on until its leader is done for good."""
        try:
            if _has_log(job):
                await self._take_all(job, follow=False)
            self._set_ready()
            if _has_log(job) and not job.finished:
                await self._take_all(job, follow=True)
        except NotFound:  # the pod was cleaned up with its log, or the job was deleted
            self._set_ready()

    async def _take_all(self, job: JobStatus, *, follow: bool) -> None:
        assert job.leader is not None
        if job.leader.name != self._replica:
            self._replica, self._cursor = job.leader.name, None
        async for chunk in self._backend.logs(job.ref, job.leader.name, after=self._cursor, follow=follow):
            self._take(chunk)
            await asyncio.sleep(0)  # others may have waited while a large piece was decoded

    def _take(self, chunk: LogChunk) -> None:
        self.notebook.feed(chunk.text, lost=chunk.truncated)
        self._cursor = chunk.cursor
        if self.ready:
            self.pulse.beat()

    def _set_ready(self) -> None:
        if not self.ready:
            self.ready = True
            self.pulse.beat()


def _has_log(job: JobStatus) -> bool:
    return notebook_job(job) and job.leader is not None and job.leader.phase != "Pending"

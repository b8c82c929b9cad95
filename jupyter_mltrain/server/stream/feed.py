"""One job that somebody looks at: its newest status, from the one watch that all share."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager
from typing import Any

from ...errors import NotFound
from ...model.job import JobRef, JobStatus
from ...service import Service
from .leader import Leader
from .pulse import Pulse


class Feed:
    """A job's newest status, and what its leader's log tells while somebody asks for it.

    Attributes
    ----------
    suspend:
        Whether its backend can suspend jobs.
    deleted:
        The job is gone.
    changes:
        Beats when status or ``deleted`` changed.
    pulse:
        Beats with ``changes``, and when a log that is followed has something new.
    clock:
        Versions for what logs tell.
    """

    def __init__(self, service: Service, ref: JobRef) -> None:
        self.service = service
        self.ref = ref
        self.suspend = service.backend.capabilities().suspend
        self.deleted = False
        self.clock = itertools.count(1)
        self.pulse = Pulse()
        self.changes = Pulse(also=self.pulse)
        self._status: JobStatus | None = None
        self._leader: Leader | None = None
        self._followers = 0

    @property
    def status(self) -> JobStatus:
        """The job as it was seen last."""
        assert self._status is not None
        return self._status

    async def read(self) -> None:
        """Read the job for the first time, unless the watch is faster. Raises ``NotFound``."""
        status = await self.service.status(self.ref)
        if self._status is None:
            self.take(status)

    async def refresh(self) -> None:
        """Read the job again, after changes may have been missed."""
        try:
            self.take(await self.service.status(self.ref))
        except NotFound:
            self.delete()

    def take(self, job: JobStatus) -> None:
        """Take the job as it is now."""
        if job != self._status:
            self._status = job
            self.changes.beat()

    def delete(self) -> None:
        """Take that the job is gone."""
        self.deleted = True
        self.changes.beat()

    async def until_deleted(self, work: Coroutine[Any, Any, None]) -> None:
        """Do something that has no end of its own, until the job is deleted."""
        task = asyncio.create_task(work, name=f"mltrain part of {self.ref.id}")
        task.add_done_callback(lambda _: self.changes.beat())
        try:
            while not (self.deleted or task.done()):
                await self.changes.after(self.changes.count)
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
        if not task.cancelled():
            task.result()

    @asynccontextmanager
    async def leader(self) -> AsyncIterator[Leader]:
        """Follow the leader's log: it is read once, whatever the number of those who ask."""
        leader = self._leader = self._leader or Leader(self)
        self._followers += 1
        try:
            yield leader
        finally:
            self._followers -= 1
            if not self._followers:
                self._leader = None
                await leader.stop()

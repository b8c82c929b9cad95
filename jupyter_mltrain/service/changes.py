"""The changes of one job among those of all, without a look at the others."""

from __future__ import annotations

from collections.abc import AsyncIterator

from ..backends.base import Backend
from ..model.job import JobRef, JobStatus


async def changes_of(backend: Backend, ref: JobRef) -> AsyncIterator[JobStatus]:
    """Yield a job as it is, then as it becomes, until it is deleted. Raises ``NotFound`` if there is none."""
    cursor = (await backend.census()).cursor
    yield await backend.status(ref)
    async for change in backend.watch(after=cursor):
        if change.job is not None and change.job.ref.id == ref.id:
            yield change.job
        elif change.type == "deleted" and change.ref is not None and change.ref.id == ref.id:
            return

"""A page of jobs, newest first."""

from __future__ import annotations

from dataclasses import dataclass

from ..backends.base import Backend, JobFilter
from ..errors import InvalidInput
from ..model.job import JobStatus


@dataclass(frozen=True, slots=True)
class JobPage:
    """Some jobs, newest first."""

    jobs: tuple[JobStatus, ...]
    next: str | None = None
    """Hand it back as ``before`` for the next page; None: there are no more."""


async def page(backend: Backend, wanted: JobFilter, limit: int | None, before: str | None) -> JobPage:
    """Read the newest jobs that are wanted, older than ``before``; at most ``limit``.

    Raises
    ------
    NotFound
        The job ``before`` is gone.
    InvalidInput
        The limit is not at least 1.
    """
    if limit is None:
        return JobPage(tuple(await backend.jobs(wanted, before=before)))
    if limit < 1:
        raise InvalidInput(f"A page has at least 1 job, not {limit}", hint="Leave it out for all jobs.", field="limit")
    jobs = await backend.jobs(wanted, limit=limit + 1, before=before)  # one more tells whether there are any
    more = len(jobs) > limit
    return JobPage(tuple(jobs[:limit]), jobs[limit - 1].ref.id if more else None)

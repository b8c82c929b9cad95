"""Pages of jobs."""

import asyncio
from typing import Any, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jupyter_mltrain.backends.base import Backend
from jupyter_mltrain.errors import InvalidInput
from jupyter_mltrain.model.job import JobRef, JobStatus, Phase
from jupyter_mltrain.service import JobFilter, listing


def job(number: int, state: str = "Running") -> JobStatus:
    status = {"conditions": [{"type": state, "status": "True"}]}
    return JobStatus(JobRef("local", f"id-{number}", "TFJob", "default", f"Study-{number}"), {}, status)


class Jobs:
    """A backend with some jobs, the newest first, that counts how many were read."""

    def __init__(self, jobs: list[JobStatus]) -> None:
        self._jobs = jobs
        self.read = 0

    async def jobs(self, wanted: JobFilter, *, limit: int | None = None, before: str | None = None) -> list[JobStatus]:
        start = 0 if before is None else [job.ref.id for job in self._jobs].index(before) + 1
        found = [job for job in self._jobs[start:] if not wanted.states or job.phase in wanted.states][:limit]
        self.read += len(found)
        return found


def page(jobs: Jobs, wanted: JobFilter, **options: Any) -> listing.JobPage:
    return asyncio.run(listing.page(cast(Backend, jobs), wanted, options.get("limit"), options.get("before")))


@given(st.lists(st.booleans(), max_size=40), st.integers(1, 7))
def test_pages_add_up_to_all_that_is_wanted(failed: list[bool], limit: int) -> None:
    jobs = Jobs([job(n, "Failed" if bad else "Running") for n, bad in enumerate(failed)])
    wanted = JobFilter(states=[Phase.FAILED])
    found, before = [], None
    while True:
        part = page(jobs, wanted, limit=limit, before=before)
        found += part.jobs
        before = part.next
        if before is None:
            break
        assert len(part.jobs) == limit
    assert tuple(found) == page(jobs, wanted).jobs
    assert len(found) == sum(failed)


@pytest.mark.parametrize("wanted", [JobFilter(), JobFilter(states=[Phase.RUNNING])])
def test_a_page_of_thousands_reads_no_more_than_it_shows(wanted: JobFilter) -> None:
    jobs = Jobs([job(n) for n in range(5000)])
    assert [found.ref.id for found in page(jobs, wanted, limit=3).jobs] == ["id-0", "id-1", "id-2"]
    assert jobs.read == 4


def test_an_empty_page_makes_no_sense() -> None:
    with pytest.raises(InvalidInput, match="at least 1"):
        page(Jobs([]), JobFilter(), limit=0)

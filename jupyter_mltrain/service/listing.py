"""Which jobs are wanted, and a page of them, newest first."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from pathlib import PurePath
from typing import Final

from ..backends.base import Backend
from ..errors import InvalidInput
from ..model.job import JobStatus, Phase
from ..model.labels import ANNOTATION_NOTEBOOK

_READ_AT_ONCE: Final = 500


@dataclass(frozen=True, slots=True)
class JobFilter:
    """Which jobs are wanted. What is left empty lets all through.

    Attributes
    ----------
    states, kinds:
        Phases, and TFJob, PyTorchJob, Job.
    notebook:
        Path, file name or stem of the notebook, as it was submitted.
    text:
        Stands in id, name, namespace, notebook or message, in capitals or not.
    """

    states: Collection[Phase] = ()
    kinds: Collection[str] = ()
    notebook: str = ""
    text: str = ""

    @property
    def all(self) -> bool:
        """Whether every job is wanted."""
        return not (self.states or self.kinds or self.notebook or self.text)

    def matches(self, job: JobStatus) -> bool:
        """Say whether a job is wanted."""
        return (
            (not self.states or job.phase in self.states)
            and (not self.kinds or job.ref.kind in self.kinds)
            and (not self.notebook or _is_notebook(self.notebook, notebook_of(job)))
            and (not self.text or self._has_text(job))
        )

    def _has_text(self, job: JobStatus) -> bool:
        places = (job.ref.id, job.ref.name, job.ref.namespace, notebook_of(job), job.message)
        return any(self.text.casefold() in place.casefold() for place in places)


@dataclass(frozen=True, slots=True)
class JobPage:
    """Some jobs, newest first."""

    jobs: tuple[JobStatus, ...]
    next: str | None = None
    """Hand it back as ``before`` for the next page; None: there are no more."""


def notebook_of(job: JobStatus) -> str:
    """Return the path of a job's notebook as it was submitted, ``""`` for a job that runs none."""
    annotations = job.manifest.get("metadata", {}).get("annotations") or {}
    return str(annotations.get(ANNOTATION_NOTEBOOK) or "")


def _is_notebook(wanted: str, path: str) -> bool:
    return bool(path) and wanted in (path, PurePath(path).name, PurePath(path).stem)


async def page(backend: Backend, wanted: JobFilter, limit: int | None, before: str | None) -> JobPage:
    """Read the newest jobs that are wanted, older than ``before``; at most ``limit``.

    Raises
    ------
    NotFound
        The job ``before`` is gone.
    InvalidInput
        The limit is not at least 1.
    """
    if limit is not None and limit < 1:
        raise InvalidInput(f"A page has at least 1 job, not {limit}", hint="Leave it out for all jobs.", field="limit")
    if limit is None:
        return JobPage(tuple(job for job in await backend.jobs(before=before) if wanted.matches(job)))
    size = limit + 1 if wanted.all else max(limit + 1, _READ_AT_ONCE)  # one more tells whether there are any
    found: list[JobStatus] = []
    while len(found) <= limit:
        jobs = await backend.jobs(limit=size, before=before)
        found += [job for job in jobs if wanted.matches(job)]
        if len(jobs) < size:
            break
        before = jobs[-1].ref.id
    more = len(found) > limit
    return JobPage(tuple(found[:limit]), found[limit - 1].ref.id if more else None)

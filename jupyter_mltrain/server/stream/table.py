"""The rows of the list: the newest jobs and those that changed since, each kept as the JSON that is sent.

Older jobs are not here. Whoever scrolls down to them asks for a page; when they change, they come as a change does.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from heapq import merge
from itertools import islice
from typing import Final

from ...model.job import JobStatus, Phase
from ...service.summary import UNKNOWN, RunState
from ..encoding import to_json
from ..views import summary_view
from .pulse import Pulse

ROWS: Final = 200
"""Newest jobs of a backend that are loaded, and rows of a snapshot at most."""

_NEWEST_KEPT: Final = 5 * ROWS
_DELETIONS_KEPT: Final = 10_000


@dataclass(slots=True)
class Row:
    """One job.

    Attributes
    ----------
    json:
        The ``JobSummary``.
    version:
        Of the table, when it last changed.
    """

    id: str
    backend: str
    created_at: str
    json: bytes
    version: int


@dataclass(slots=True)
class _Newest:
    """The newest jobs of a backend, newest first; ``complete``: there are no others."""

    ids: list[str]
    complete: bool

    @property
    def short(self) -> bool:
        """Whether so many were deleted that more have to be read."""
        return not self.complete and len(self.ids) < ROWS // 2


class Table:
    """Rows by id, with the version at which each of them last changed.

    Attributes
    ----------
    running:
        The jobs among them that have not ended.
    phases:
        By backend, how many jobs there are in each phase, whether they have a row or not.
    """

    def __init__(self) -> None:
        self.pulse = Pulse()
        self.running: dict[str, JobStatus] = {}
        self.phases: dict[str, Mapping[Phase, int]] = {}
        self._rows: dict[str, Row] = {}  # the one that changed last stands last
        self._newest: dict[str, _Newest] = {}
        self._outdated: set[str] = set()
        self._runs: dict[str, RunState] = {}
        self._deleted: deque[tuple[int, str]] = deque(maxlen=_DELETIONS_KEPT)
        self._forgotten = 0  # version of the newest deletion that is no longer known

    @property
    def version(self) -> int:
        """Grows with each change."""
        return self.pulse.count

    @property
    def loaded(self) -> bool:
        """Whether there is anything to be shown."""
        return bool(self._newest)

    @property
    def counts(self) -> dict[str, int]:
        """How many jobs are in each phase."""
        found = {phase.value: sum(each.get(phase, 0) for each in self.phases.values()) for phase in Phase}
        return {phase: count for phase, count in sorted(found.items()) if count}

    # A backend's newest jobs

    def begin(self, backend: str) -> None:
        """Take note that changes may have been missed: a backend's jobs have to be loaded anew."""
        self._outdated.add(backend)
        self.pulse.beat()

    def needs(self, backend: str) -> bool:
        """Say whether a backend's newest jobs have to be loaded."""
        newest = self._newest.get(backend)
        return newest is None or newest.short or backend in self._outdated

    def load(self, backend: str, jobs: Sequence[JobStatus], *, complete: bool, since: int, suspend: bool) -> None:
        """Take a backend's newest jobs instead of what was known of it.

        Parameters
        ----------
        jobs:
            Newest first.
        complete:
            There are no others.
        since:
            The version before they were read: what changed after it is newer than they are.
        suspend:
            Whether the backend can suspend jobs.
        """
        self._outdated.discard(backend)
        newer = {row.id for row in self._changed(since) if row.backend == backend}
        gone = {job for version, job in self._deleted if version > since}
        for row in [row for row in self._rows.values() if row.backend == backend and row.id not in newer]:
            self._drop(row)
        self._newest[backend] = _Newest([], complete)
        for job in reversed(jobs):
            if job.ref.id not in newer | gone:
                self.put(job, suspend=suspend)
        self._newest[backend].ids = [job.ref.id for job in jobs if job.ref.id in self._rows]
        for job_id in newer.difference(self._newest[backend].ids):
            self._place(self._rows[job_id])
        self._forgotten = self.version + 1
        self.pulse.beat()

    def _drop(self, row: Row) -> None:
        del self._rows[row.id]
        self.running.pop(row.id, None)

    def _place(self, row: Row) -> None:
        """Put a row to where it stands among the newest, or nowhere if it is older than these."""
        newest = self._newest.get(row.backend)
        if newest is None:
            return
        older = (place for place, other in enumerate(newest.ids) if self._rows[other].created_at <= row.created_at)
        place = next(older, len(newest.ids))
        if place < len(newest.ids) or newest.complete:
            newest.ids.insert(place, row.id)
        if len(newest.ids) > _NEWEST_KEPT:
            del newest.ids[ROWS:]
            newest.complete = False

    # Changes

    def put(self, job: JobStatus, *, suspend: bool) -> None:
        """Take a job as it is now; ``suspend`` says whether its backend can suspend jobs."""
        json = to_json(summary_view(job, self._runs.get(job.ref.id, UNKNOWN), suspend=suspend))
        if job.finished:
            self.running.pop(job.ref.id, None)
        else:
            self.running[job.ref.id] = job
        before = self._rows.get(job.ref.id)
        if before is not None and before.json == json:
            return
        self._rows.pop(job.ref.id, None)
        row = self._rows[job.ref.id] = Row(job.ref.id, job.ref.backend, job.created_at, json, self.version + 1)
        if before is None:
            self._place(row)
        self.pulse.beat()

    def put_run(self, job: JobStatus, run: RunState, *, suspend: bool) -> None:
        """Take what a job's log tells of its run."""
        if job.ref.id in self._rows:
            self._runs[job.ref.id] = run
            self.put(job, suspend=suspend)

    def remove(self, job: str) -> None:
        """Forget a job. It may be one that only those have who scrolled down to it."""
        row = self._rows.get(job)
        if row is not None:
            self._drop(row)
            newest = self._newest.get(row.backend)
            if newest is not None and job in newest.ids:
                newest.ids.remove(job)
        self._runs.pop(job, None)
        if len(self._deleted) == _DELETIONS_KEPT:
            self._forgotten = max(self._forgotten, self._deleted[0][0])
        self._deleted.append((self.version + 1, job))
        self.pulse.beat()

    # For clients

    def newest(self, limit: int) -> list[Row]:
        """Return the rows of the newest jobs of all backends."""
        lists = ([self._rows[job] for job in newest.ids] for newest in self._newest.values())
        return list(islice(merge(*lists, key=lambda row: row.created_at, reverse=True), min(limit, ROWS)))

    def changed(self, since: int) -> list[Row]:
        """Return the rows that changed after a version, in that order."""
        return list(self._changed(since))[::-1]

    def _changed(self, since: int) -> Iterator[Row]:
        for row in reversed(self._rows.values()):
            if row.version <= since:
                return
            yield row

    def deleted(self, since: int) -> list[str] | None:
        """Return the jobs that are gone since a version; None if that is too long ago to say."""
        if since < self._forgotten:
            return None
        return [job for version, job in self._deleted if version > since and job not in self._rows]

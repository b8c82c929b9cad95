"""The rows of all jobs, each kept as the JSON that is sent: ten thousand of them take a few megabytes."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from ...model.job import JobStatus
from ...service.summary import UNKNOWN, RunState
from ..views import summary_view
from .pulse import Pulse
from .topic import to_json

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
    phase: str
    json: bytes
    version: int


class Table:
    """Rows by id, with the version at which each of them last changed.

    Attributes
    ----------
    running:
        The jobs that have not ended.
    """

    def __init__(self) -> None:
        self.pulse = Pulse()
        self.running: dict[str, JobStatus] = {}
        self._rows: dict[str, Row] = {}  # the one that changed last stands last
        self._counts: Counter[str] = Counter()
        self._runs: dict[str, RunState] = {}
        self._deleted: deque[tuple[int, str]] = deque(maxlen=_DELETIONS_KEPT)
        self._forgotten = 0  # version of the newest deletion that is no longer known

    def __len__(self) -> int:
        return len(self._rows)

    @property
    def version(self) -> int:
        """Grows with each change."""
        return self.pulse.count

    @property
    def counts(self) -> dict[str, int]:
        """How many jobs are in each phase."""
        return {phase: count for phase, count in sorted(self._counts.items()) if count}

    def put(self, job: JobStatus, *, suspend: bool) -> None:
        """Take a job as it is now; ``suspend`` says whether its backend can suspend jobs."""
        summary = summary_view(job, self._runs.get(job.ref.id, UNKNOWN), suspend=suspend)
        json = to_json(summary)
        before = self._rows.get(job.ref.id)
        self._follow_phase(before, summary.phase.value)
        if job.finished:
            self.running.pop(job.ref.id, None)
        else:
            self.running[job.ref.id] = job
        if before is not None and before.json == json:
            return
        self._rows.pop(job.ref.id, None)
        self._rows[job.ref.id] = Row(
            job.ref.id, job.ref.backend, job.created_at, summary.phase.value, json, self.version + 1
        )
        self.pulse.beat()

    def put_run(self, job: JobStatus, run: RunState, *, suspend: bool) -> None:
        """Take what a job's log tells of its run."""
        if job.ref.id in self._rows:
            self._runs[job.ref.id] = run
            self.put(job, suspend=suspend)

    def knows_run(self, job: str) -> bool:
        """Say whether a job's log was read."""
        return job in self._runs

    def remove(self, job: str) -> None:
        """Forget a job."""
        row = self._rows.pop(job, None)
        if row is None:
            return
        self._counts[row.phase] -= 1
        self.running.pop(job, None)
        self._runs.pop(job, None)
        if len(self._deleted) == _DELETIONS_KEPT:
            self._forgotten = self._deleted[0][0]
        self._deleted.append((self.version + 1, job))
        self.pulse.beat()

    def of_backend(self, backend: str) -> set[str]:
        """Return the ids of a backend's jobs."""
        return {row.id for row in self._rows.values() if row.backend == backend}

    def newest(self, limit: int) -> list[Row]:
        """Return the rows of the newest jobs."""
        import heapq

        return heapq.nlargest(limit, self._rows.values(), key=lambda row: (row.created_at, row.id))

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

    def _follow_phase(self, before: Row | None, phase: str) -> None:
        if before is not None:
            self._counts[before.phase] -= 1
        self._counts[phase] += 1

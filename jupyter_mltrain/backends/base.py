"""The seam between a manifest and the place that runs it."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Collection, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Literal

from ..model.findings import Finding
from ..model.job import Event, JobRef, JobStatus, Manifest, Phase

Cursor = str
"""An opaque position in a stream; hand it back to go on from there."""


@dataclass(frozen=True, slots=True)
class Capabilities:
    """What a backend can do, so that a front end shows only that."""

    kinds: tuple[str, ...]
    suspend: bool = True
    gpus: bool = False
    images: bool = False  # whether a container image is needed


@dataclass(frozen=True, slots=True)
class JobFilter:
    """Which jobs are wanted. What is left empty lets all through.

    Attributes
    ----------
    states, kinds:
        Phases, and TFJob, PyTorchJob, Job.
    notebook:
        Path of the notebook as it was submitted, or the path's end: ``train``, ``train.ipynb``, ``work/train.ipynb``.
    text:
        Stands in id, name, namespace, notebook, or in what is said of a failure, in capitals or not.
    """

    states: Collection[Phase] = ()
    kinds: Collection[str] = ()
    notebook: str = ""
    text: str = ""

    @property
    def all(self) -> bool:
        """Whether every job is wanted."""
        return not (self.states or self.kinds or self.notebook or self.text)


EVERY_JOB: Final = JobFilter()


@dataclass(frozen=True, slots=True)
class Census:
    """How many jobs there are.

    Attributes
    ----------
    total:
        Those that are wanted.
    phases:
        All of them, by phase; no phase has none.
    cursor:
        When this was so: what has changed since is what a watch after it tells.
    """

    total: int
    phases: Mapping[Phase, int]
    cursor: Cursor


@dataclass(frozen=True, slots=True)
class Change:
    """One step of a watch: first a ``snapshot`` for each job and one ``synced``, then deltas."""

    type: Literal["snapshot", "synced", "changed", "deleted"]
    cursor: Cursor
    job: JobStatus | None = None
    ref: JobRef | None = None


@dataclass(frozen=True, slots=True)
class LogChunk:
    """Whole lines of one replica's log."""

    replica: str
    start: Cursor  # position before this chunk
    cursor: Cursor  # position after it
    text: str
    truncated: bool = False  # lines before this chunk are gone (rotated away), or left out by ``tail``


@dataclass(frozen=True, slots=True)
class Device:
    """One group of equal accelerators."""

    product: str
    total: int
    free: int
    memory: int | None = None  # bytes each
    node: str = ""
    taints: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Inventory:
    """What the place has: accelerators, processors, memory, slots."""

    devices: tuple[Device, ...] = ()
    cpus: int | None = None
    memory: int | None = None  # bytes
    slots: int | None = None
    slots_free: int | None = None
    note: str = ""  # e.g. why no GPU is seen
    extra: dict[str, str] = field(default_factory=dict)


class Backend(ABC):
    """A place that runs jobs. One contract suite (``tests/contract``) holds every implementation to this."""

    name: str

    programs: Path
    """Folder on this machine that holds frozen programs by hash; the service stores one before it submits a job."""

    @abstractmethod
    def capabilities(self) -> Capabilities:
        """Say what this backend can do."""

    @abstractmethod
    async def preflight(self, manifest: Manifest) -> list[Finding]:
        """Check a manifest against this place without any effect."""

    @abstractmethod
    async def submit(self, manifest: Manifest, *, job_id: str) -> JobRef:
        """Create the job. Idempotent on ``job_id``.

        Raises
        ------
        ManifestError
            The API server would refuse the manifest.
        Conflict
            Another job of that kind and name exists in the namespace.
        """

    @abstractmethod
    async def status(self, ref: JobRef) -> JobStatus:
        """Read the job as it is now. Raises ``NotFound``."""

    @abstractmethod
    async def jobs(
        self, wanted: JobFilter = EVERY_JOB, *, limit: int | None = None, before: str | None = None
    ) -> list[JobStatus]:
        """Read the jobs that are wanted, newest first: all of them, or a page.

        Parameters
        ----------
        limit:
            At most so many; fewer mean that there are no more.
        before:
            Only jobs older than the one with this id, the last of the page before.

        Raises
        ------
        NotFound
            That job is gone, so nobody knows any more where its place was: begin again, or take the one above it.
        """

    @abstractmethod
    async def census(self, wanted: JobFilter = EVERY_JOB) -> Census:
        """Count jobs without reading them."""

    @abstractmethod
    async def find(self, text: str) -> list[JobRef]:
        """Find jobs by id, beginning of an id, name, or ``namespace/name``: exact matches win, then unfinished jobs."""

    @abstractmethod
    def watch(self, *, after: Cursor | None = None) -> AsyncIterator[Change]:
        """Follow all jobs: snapshot first (or what changed after a cursor), then deltas as they happen."""

    @abstractmethod
    def logs(
        self,
        ref: JobRef,
        replica: str,
        *,
        after: Cursor | None = None,
        tail: int | None = None,
        follow: bool = False,
    ) -> AsyncIterator[LogChunk]:
        """Read a replica's log from a cursor on, or its last ``tail`` lines without reading what is before them.

        With ``follow``, go on until the replica is done for good.
        """

    @abstractmethod
    async def events(self, ref: JobRef) -> list[Event]:
        """Read the job's events, oldest first."""

    @abstractmethod
    async def suspend(self, ref: JobRef) -> None:
        """Set ``spec.runPolicy.suspend`` (``spec.suspend`` for a Job). Idempotent."""

    @abstractmethod
    async def resume(self, ref: JobRef) -> None:
        """Unset it. Idempotent."""

    @abstractmethod
    async def cancel(self, ref: JobRef) -> None:
        """Stop the job's replicas and keep its record: suspend it and mark it as cancelled, for good. Idempotent.

        The operator knows no cancel, so this is the same on a cluster and here: ``suspend: true`` deletes the pods by
        the operator's own rules, and the annotation ``jupyter-mltrain/cancelled`` says that nobody will resume it.
        """

    @abstractmethod
    async def delete(self, ref: JobRef) -> None:
        """Stop and forget the job with its pods and services. Idempotent."""

    @abstractmethod
    async def prune(self, budget: int) -> list[JobRef]:
        """Delete the oldest finished runs until what runs left behind here takes at most ``budget`` bytes."""

    @abstractmethod
    async def devices(self) -> Inventory:
        """Say what accelerators, processors and memory there are and how many are free."""

    @abstractmethod
    async def recover(self) -> list[JobRef]:
        """After a restart or a crash: adopt what runs, finish what ended. Return the jobs that were looked after."""

    async def close(self) -> None:  # noqa: B027  (nothing to close is a fine default)
        """Let go of connections. Jobs go on."""

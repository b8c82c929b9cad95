"""Jobs, and what can be read about one."""

from __future__ import annotations

from typing import Any, Literal

from ...model.job import Phase
from .base import Wire


class RoleStatus(Wire):
    """How many replicas of a role are where."""

    total: int
    """How many the manifest asks for."""
    active: int = 0
    succeeded: int = 0
    failed: int = 0


class Progress(Wire):
    """How far the leader's notebook has come."""

    done: int
    """Code cells that have ended."""
    total: int
    """Code cells of the notebook."""
    running: int | None = None
    """Index of the running cell among all cells, from 0."""
    title: str = ""
    """First line of the running cell, or what the run itself says."""
    fraction: float
    """From 0 to 1: of the cells, or of what the user's code reported within the running one."""


class JobSummary(Wire):
    """A row of the list of jobs."""

    id: str
    name: str
    namespace: str
    kind: str
    """TFJob, PyTorchJob or Job."""
    backend: str
    phase: Phase
    finished: bool
    why: str = ""
    """Why it waits or failed, in words."""
    out_of_memory: bool = False
    """It failed because a replica took more memory than it was given: more may help."""
    notebook: str = ""
    """Path of the notebook as the contents manager names it, or as it was submitted."""
    created_at: str
    started_at: str = ""
    finished_at: str = ""
    queue_position: int | None = None
    """1 is next; null: not queued."""
    roles: dict[str, RoleStatus] = {}
    progress: Progress | None = None
    metrics: dict[str, float | None] = {}
    """The newest value of each metric that the leader reported; null: not finite."""
    actions: tuple[Literal["cancel", "suspend", "resume", "resubmit", "delete"], ...] = ()
    """What can be done with it now."""


class JobList(Wire):
    """A page of jobs, newest first."""

    jobs: tuple[JobSummary, ...]
    total: int
    """How many match the filter."""
    counts: dict[str, int]
    """How many jobs there are in each phase, whatever the filter."""
    next: str | None = None
    """Hand it back as ``before`` for the next page; null: there is none."""


class Condition(Wire):
    """A condition of the job, in the operator's order."""

    type: str
    status: str
    reason: str = ""
    message: str = ""
    last_update_time: str = ""
    last_transition_time: str = ""


class Replica(Wire):
    """One replica: a pod on a cluster, a process group here."""

    name: str
    role: str
    index: int
    phase: str
    restarts: int = 0
    exit_code: int | None = None
    reason: str = ""
    message: str = ""
    node: str = ""
    devices: tuple[str, ...] = ()
    started_at: str = ""
    finished_at: str = ""
    peak_memory: int | None = None
    """Bytes."""
    generation: int = 0
    leader: bool = False
    """Its executed notebook and model are the job's."""


class Metric(Wire):
    """One report of a replica."""

    step: int | None = None
    time: float
    """Seconds since the epoch."""
    values: dict[str, float | None]
    """null: not finite."""
    replica: str = ""


class Event(Wire):
    """An event on the job or one of its replicas."""

    type: Literal["Normal", "Warning"]
    reason: str
    message: str
    time: str = ""
    count: int = 1
    object: str = ""


class Job(Wire):
    """Everything about one job that changes while it runs, but for logs, metrics and the notebook's cells."""

    summary: JobSummary
    conditions: tuple[Condition, ...] = ()
    replicas: tuple[Replica, ...] = ()
    events: tuple[Event, ...] = ()
    manifest: dict[str, Any]
    status: dict[str, Any] = {}
    """As the operator writes it."""
    outputs: str = ""
    """URI of the folder with the executed notebook and the model."""
    parameters: dict[str, Any] = {}
    """The values that this run was given."""
    texts: dict[str, str] = {}
    """The same as people write them: whole numbers beyond 2**53 have all digits only here."""


class Metrics(Wire):
    """What a job has reported, oldest first."""

    metrics: tuple[Metric, ...]


class Events(Wire):
    """A job's events, oldest first."""

    events: tuple[Event, ...]


class Manifest(Wire):
    """A job's manifest."""

    manifest: dict[str, Any]
    yaml: str


class LogPage(Wire):
    """Whole lines of a replica's log, as people read them."""

    lines: tuple[str, ...]
    cursor: str | None
    """Hand it back as ``after`` to go on; null: nothing was there."""
    truncated: bool = False
    """Lines before these are gone (rotated away)."""
    more: bool = False
    """There is more to read right now."""
    first: int | None = None
    """Number of the first line, counted from 0; null: only a page that was asked for by number knows it."""
    total: int | None = None
    """Lines that there are now; null as before."""


class Provenance(Wire):
    """Where a job came from: enough to do it again."""

    program: str = ""
    """Hash of the frozen notebook."""
    notebook: str = ""
    commit: str = ""
    dirty: bool | None = None
    image: str = ""
    version: str = ""
    """Of this project."""
    parameters: dict[str, Any] = {}
    texts: dict[str, str] = {}
    """The parameters as people write them, with all digits."""
    requirements: tuple[str, ...] = ()
    channels: dict[str, str] = {}
    seeds: dict[str, Any] = {}
    """Parameters whose names say that they are seeds."""
    output_uri: str = ""

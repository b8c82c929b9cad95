"""Every body and message that crosses the wire between the server and a front end.

One place, three uses: handlers validate and dump with these models, the OpenAPI document is made of them, and so are
the front end's TypeScript types. Names are camelCase on the wire. What is Kubernetes' own (manifests, conditions)
keeps its shape. Texts that say what happened are for people and may be shown as they are - as text, never as HTML.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel

from ..model.job import Phase


class Wire(BaseModel):
    """Base of everything on the wire."""

    model_config = ConfigDict(
        alias_generator=to_camel, validate_by_name=True, extra="forbid", frozen=True, use_attribute_docstrings=True
    )


class Error(Wire):
    """What went wrong: the body of every answer from 400 on, and of an ``error`` message."""

    code: str
    """A stable word, e.g. ``not-found``."""
    message: str
    """One sentence: what was tried and what was wrong."""
    hint: str = ""
    """What to do about it."""
    details: dict[str, Any] = {}
    """``field`` points at the input that is wrong; others depend on the code."""


# Jobs


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


# Plans and submission


class Submission(Wire):
    """A notebook and how it is to be trained; the body of ``POST plans`` and ``POST jobs``."""

    notebook: str
    """Path as the contents manager names it."""
    backend: str = "local"
    spec: dict[str, Any] = {}
    """``TrainingSpec``; without ``framework`` it is found out from the imports, without ``roles`` one replica runs."""
    parameters: dict[str, Any] = {}
    """Only the values that differ from the notebook's own."""
    texts: dict[str, str] = {}
    """More of them, as people write them: read by the parameter's type; they win over ``parameters``."""
    include: tuple[str, ...] = ()
    """Globs of data files to ship, relative to the notebook."""
    requirements: dict[str, str | None] = {}
    """Changes to what the notebook was found to need: name -> ``==1.2``, ``>=1,<2``, ``""``; null leaves it out."""
    token: Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]{8,64}$")] | None = None
    """Idempotency: two submissions with one token make one job."""
    force: bool = False
    """Submit in spite of findings that are errors."""


class Finding(Wire):
    """One thing that a check noticed."""

    code: str
    severity: Literal["error", "warning", "info"]
    message: str
    hint: str = ""
    where: dict[str, Any] = {}
    fix: dict[str, Any] = {}
    """What would mend it: a field's path -> its value, null to leave it out; ``parameters.NAME`` is a parameter."""


class Plan(Wire):
    """What a submission would do, before it does anything."""

    id: str
    name: str
    """Name that the job would get."""
    parameters: dict[str, Any]
    form: tuple[dict[str, Any], ...]
    """The parameters cell as a form: name, type, default | expression | required, help, annotation.

    ``text`` is the default as people write it, with all digits.
    """
    program: str
    """Hash."""
    requirements: tuple[str, ...] = ()
    files: tuple[str, ...] = ()
    """What is shipped beside the notebook."""
    framework: str
    spec: dict[str, Any]
    """The whole ``TrainingSpec``, defaults filled in."""
    manifest: dict[str, Any]
    yaml: str
    findings: tuple[Finding, ...] = ()
    notes: tuple[str, ...] = ()
    refused: bool


class Export(Wire):
    """A notebook written as something else; the answer of ``POST plans/export``."""

    text: str
    findings: tuple[Finding, ...] = ()


class ExportRequest(Wire):
    """Which form."""

    submission: Submission
    what: Literal["script", "manifest", "dockerfile"]
    image: ImageOptions | None = None
    """Of the Dockerfile: base, environment and platforms; null: as the settings say."""


class Resubmission(Wire):
    """The body of ``POST jobs/{id}/resubmit``."""

    parameters: dict[str, Any] = {}
    """Values that differ from the old run's."""
    texts: dict[str, str] = {}
    """More of them, as people write them: read by the parameter's type; they win over ``parameters``."""
    resources: dict[str, Any] = {}
    """``cpu``, ``memory``, ``gpu`` of each replica, where they are to differ, as ``TrainingSpec`` has them."""
    name: str | None = None
    token: Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]{8,64}$")] | None = None


# Images


class ImageOptions(Wire):
    """How the image of a notebook is to be made."""

    repository: str = ""
    """Where it is pushed to, with or without a tag: ``registry.example.com/team/recommender``; empty: nowhere."""
    base: str = ""
    """Image below it; empty: the one that the settings have for framework and GPU."""
    platforms: tuple[str, ...] = ()
    """``linux/amd64``, ``linux/arm64``; empty: as the settings say, else the server's."""
    environment: str = ""
    """File beside the notebook to take the packages from, one of ``ImageSettings.environments``; empty: the kernel."""
    refresh: bool = False
    """Look again which image the base's tag means."""


class ImagePlanRequest(Wire):
    """The body of ``POST images/plan``."""

    submission: Submission
    image: ImageOptions = ImageOptions()


class ImageRequest(Wire):
    """The body of ``POST images``."""

    submission: Submission
    image: ImageOptions = ImageOptions()
    force: bool = False
    """Build in spite of findings that are errors."""
    token: Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]{8,64}$")] | None = None
    """Idempotency: two requests with one token make one build."""


class ImageSettings(Wire):
    """What a form for images starts from."""

    repository: str = ""
    """Prefix of repositories; empty: none."""
    bases: dict[str, str] = {}
    """Base images by framework: ``tensorflow``, ``tensorflow-gpu``, ``default``."""
    platforms: tuple[str, ...]
    """What images are made for where nobody says."""
    environments: tuple[str, ...] = ()
    """Files beside the notebook that tell packages, the one that tells most first."""


class ImageLayer(Wire):
    """One layer."""

    kind: Literal["base", "wheel", "wheels", "environment", "program"]
    """Of the base; of one large wheel; of all small ones; interpreter, kernel, runner; the notebook and its files."""
    title: str
    state: Literal["present", "cached", "known", "new"]
    """The registry has it; the server has its bytes; its digest is known, its bytes would be made; nobody made it."""
    digest: str = ""
    size: int | None = None
    """Bytes as they travel; null: not known before it was made."""
    contents: tuple[str, ...] = ()
    """Packages in it: ``numpy 1.26.4``."""


class PlatformPlan(Wire):
    """The image for one platform."""

    platform: str
    base: str
    base_digest: str
    python: str
    """Version of the base's interpreter."""
    lock: str
    """Digest of the resolved packages."""
    packages: tuple[str, ...]
    layers: tuple[ImageLayer, ...]
    fetch: int | None
    """Bytes that would be downloaded; null: nobody can know yet."""
    push: int | None
    """Bytes that would be pushed; null: nobody can know yet."""


class ImagePlan(Wire):
    """What a build would do, before it does anything but look."""

    name: str
    program: str
    """Hash."""
    repository: str
    platforms: tuple[PlatformPlan, ...]
    findings: tuple[Finding, ...] = ()
    notes: tuple[str, ...] = ()
    refused: bool


class ImageStep(Wire):
    """How far one piece of a build has come."""

    step: Literal["base", "lock", "fetch", "layer", "push", "write"]
    """What is done with it."""
    name: str
    """Which piece: a wheel, a layer, a reference. With ``step`` it tells pieces apart."""
    done: int = 0
    """Bytes."""
    total: int = 0
    """Bytes; 0: nobody knows."""
    state: Literal["running", "done", "cached", "mounted", "present"]
    """``cached``: it was here; ``present``: the registry had it; ``mounted``: it took it from another repository."""
    detail: str = ""
    """What another tool that does the work says just now: one line."""


class BuiltImage(Wire):
    """An image that was made."""

    digest: str
    """Of the manifest, or of the index where there are several platforms."""
    reference: str
    """``registry/repository@digest``; empty: it was not pushed."""
    platforms: dict[str, str]
    """Platform -> digest of its manifest."""
    pushed: int
    """Bytes that travelled."""
    mounted: int
    """Bytes that the registry took from another repository."""
    present: int
    """Bytes that the registry had."""
    fetched: int
    """Bytes of wheels that were downloaded."""
    seconds: float


class ImageBuild(Wire):
    """One build on this server."""

    id: str
    notebook: str
    """Path as the contents manager names it."""
    repository: str
    """Where it goes; empty: only into the server's cache."""
    state: Literal["waiting", "running", "succeeded", "failed", "cancelled"]
    cancelling: bool = False
    """It was told to stop, and will at its next step."""
    position: int | None = None
    """How many are to begin before it, and itself; null: it has begun."""
    created_at: str
    started_at: str = ""
    finished_at: str = ""
    steps: tuple[ImageStep, ...] = ()
    """In the order in which they began; of a build that has ended, none."""
    fraction: float | None = None
    """From 0 to 1, and never back; null: nothing is known yet of how much there is to do."""
    image: BuiltImage | None = None
    error: Error | None = None
    """Why it failed."""


class ImageBuilds(Wire):
    """What is built on this server, and what was lately, newest first."""

    builds: tuple[ImageBuild, ...]


# Places


class BackendInfo(Wire):
    """One place that runs jobs."""

    name: str
    title: str
    available: bool
    why: str = ""
    """Why it is not available."""
    kinds: tuple[str, ...] = ()
    suspend: bool = True
    gpus: bool = False
    images: bool = False


class Backends(Wire):
    """The places that may be used; the first is the default."""

    backends: tuple[BackendInfo, ...]


class Device(Wire):
    """One group of equal accelerators."""

    product: str
    total: int
    free: int
    memory: int | None = None
    node: str = ""
    taints: tuple[str, ...] = ()


class Inventory(Wire):
    """What a place has, and what is free."""

    devices: tuple[Device, ...] = ()
    cpus: int | None = None
    memory: int | None = None
    slots: int | None = None
    slots_free: int | None = None
    note: str = ""
    """E.g. why no GPU is seen."""


class Sample(Wire):
    """A sample notebook."""

    name: str
    title: str
    summary: str
    framework: str
    available: bool
    """Whether what it needs is installed."""
    why: str = ""


class Samples(Wire):
    """The gallery, the best one first."""

    samples: tuple[Sample, ...]


class SampleRun(Wire):
    """The body of ``POST samples/{name}/run``."""

    token: Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]{8,64}$")] | None = None
    """Of the submission, as :class:`Submission` has it."""


class SampleCopy(Wire):
    """Where a sample was put; the answer of ``POST samples/{name}/open``."""

    path: str


# The WebSocket. Topics: "jobs", "job/ID", "notebook/ID", "metrics/ID", "log/ID/REPLICA", "images".


class Subscribe(Wire):
    """Follow a topic: first comes a snapshot, then deltas. Subscribing again gives a fresh snapshot."""

    type: Literal["subscribe"] = "subscribe"
    topic: str
    limit: Annotated[int, Field(ge=1, le=5000)] | None = None
    """``jobs``: rows of the snapshot (at most 200). ``log/...``: how many of the newest lines (default 1000)."""


class Unsubscribe(Wire):
    """Follow a topic no more."""

    type: Literal["unsubscribe"] = "unsubscribe"
    topic: str


class Ping(Wire):
    """Answered with ``pong``; a client that hears nothing for 45 s takes the connection for dead."""

    type: Literal["ping"] = "ping"


class CellState(Wire):
    """A cell of the live notebook. ``cell`` is nbformat 4, outputs included: untrusted."""

    cell: dict[str, Any]
    status: Literal["pending", "running", "completed", "failed"]
    seconds: float | None = None
    started_at: float | None = None
    """Seconds since the epoch, while it runs."""


class Notebook(Wire):
    """The executed notebook as far as it has come."""

    metadata: dict[str, Any] = {}
    cells: tuple[CellState, ...] = ()
    progress: Progress | None = None
    error: str = ""
    """What ended it, in words."""


class JobsSnapshot(Wire):
    """The newest rows."""

    type: Literal["jobs"] = "jobs"
    list: JobList


class JobsChanged(Wire):
    """Rows that are new or changed since, and ids that are gone."""

    type: Literal["jobsChanged"] = "jobsChanged"
    changed: tuple[JobSummary, ...] = ()
    deleted: tuple[str, ...] = ()
    total: int
    counts: dict[str, int]


class JobSnapshot(Wire):
    """The job as it is now. Every change sends it whole: it is small."""

    type: Literal["job"] = "job"
    job: Job


class JobDeleted(Wire):
    """The job is gone; nothing more will come on this topic."""

    type: Literal["jobDeleted"] = "jobDeleted"
    id: str


class NotebookSnapshot(Wire):
    """The whole notebook."""

    type: Literal["notebook"] = "notebook"
    notebook: Notebook


class NotebookChanged(Wire):
    """Cells that changed, by index, whole; then outputs to set and texts to append to streams, in other cells."""

    type: Literal["notebookChanged"] = "notebookChanged"
    cells: dict[str, CellState] = {}
    """Index as text -> the cell, whole. An index one past the end is a new cell."""
    outputs: tuple[CellOutput, ...] = ()
    """In order; so a cell with many plots is not sent again with each of them."""
    texts: tuple[StreamText, ...] = ()
    progress: Progress | None = None
    error: str = ""


class CellOutput(Wire):
    """An output to put in the place of another, or, with an index one past the end, after the last one."""

    cell: int
    output: int
    value: dict[str, Any]
    """nbformat 4: untrusted."""


class StreamText(Wire):
    """Text to append to a stream output."""

    cell: int
    output: int
    text: str


class MetricsSnapshot(Wire):
    """All points so far, oldest first."""

    type: Literal["metrics"] = "metrics"
    metrics: tuple[Metric, ...]


class MetricsChanged(Wire):
    """New points."""

    type: Literal["metricsChanged"] = "metricsChanged"
    metrics: tuple[Metric, ...]


class LogSnapshot(Wire):
    """The newest lines. Forget all that was shown before."""

    type: Literal["log"] = "log"
    lines: tuple[str, ...]
    cursor: str | None
    truncated: bool = False
    """There are lines before these: ``GET jobs/{id}/logs`` has them as far as they were kept."""
    ended: bool = False
    """The replica is done for good; no more will come."""


class LogChanged(Wire):
    """New lines."""

    type: Literal["logChanged"] = "logChanged"
    lines: tuple[str, ...]
    cursor: str | None
    skipped: bool = False
    """Lines between the last message and this one were left out: this client is slower than the log."""
    ended: bool = False
    """The replica is done for good; no more will come."""


class ImagesSnapshot(Wire):
    """All builds that the server knows of, newest first."""

    type: Literal["images"] = "images"
    builds: tuple[ImageBuild, ...]


class ImagesChanged(Wire):
    """Builds that are new or changed since, whole. Where one was forgotten, a snapshot comes instead."""

    type: Literal["imagesChanged"] = "imagesChanged"
    changed: tuple[ImageBuild, ...] = ()


class ErrorMessage(Wire):
    """A topic cannot be followed, or a message was not understood."""

    type: Literal["error"] = "error"
    error: Error


class Pong(Wire):
    """The answer to ``ping``, and a heartbeat of its own every 15 s."""

    type: Literal["pong"] = "pong"


class Message(Wire):
    """What the server sends. ``seq`` grows by one with each message: a gap means reconnect."""

    seq: int
    topic: str = ""
    data: Annotated[
        JobsSnapshot
        | JobsChanged
        | JobSnapshot
        | JobDeleted
        | NotebookSnapshot
        | NotebookChanged
        | MetricsSnapshot
        | MetricsChanged
        | LogSnapshot
        | LogChanged
        | ImagesSnapshot
        | ImagesChanged
        | ErrorMessage
        | Pong,
        Field(discriminator="type"),
    ]


class ClientMessage(Wire):
    """What a client sends: on the wire it is ``message`` alone, e.g. ``{"type": "subscribe", "topic": "jobs"}``."""

    message: Annotated[Subscribe | Unsubscribe | Ping, Field(discriminator="type")]

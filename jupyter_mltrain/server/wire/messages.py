"""The WebSocket. Topics: "jobs", "job/ID", "notebook/ID", "metrics/ID", "log/ID/REPLICA", "images"."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field

from .base import Wire
from .errors import Error
from .images import ImageBuild
from .jobs import Job, JobList, JobSummary, Metric, Progress


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

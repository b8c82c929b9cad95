"""What a terminal shows of jobs, drawn with rich. Every state has a shape and a word, not only a colour."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from rich.console import Group, RenderableType
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from ..model.job import JobStatus, Phase, parse_timestamp
from ..service.summary import finished_at
from .jobs import counts
from .output import age

if TYPE_CHECKING:
    from ..service import RunProgress

_WIDE = 90  # columns of a terminal that has room for everything
_SHAPES = {
    Phase.QUEUED: ("○", "blue"),
    Phase.CREATED: ("○", "blue"),
    Phase.RUNNING: ("●", "green"),
    Phase.RESTARTING: ("↻", "yellow"),
    Phase.SUSPENDED: ("❚❚", "yellow"),
    Phase.SUCCEEDED: ("✓", "green"),
    Phase.FAILED: ("✕", "red"),
    Phase.CANCELLED: ("■", "yellow"),
}


def state_text(job: JobStatus) -> Text:
    """Return shape and word of a job's state."""
    shape, colour = _SHAPES[job.phase]
    word = job.phase.value if job.queue_position is None else f"Queued, number {job.queue_position}"
    return Text(f"{shape} {word}", style=colour)


def elapsed(job: JobStatus) -> str:
    """Return how long the job has run, or ran."""
    start = job.status.get("startTime")
    end = finished_at(job)
    if not start or (job.finished and not end):
        return ""
    finish = parse_timestamp(end) if end else datetime.now(UTC)
    return age((finish - parse_timestamp(start)).total_seconds())


def job_panel(job: JobStatus, progress: RunProgress | None, metrics: Sequence[str]) -> RenderableType:
    """Draw one job: state, conditions, replicas, the running cell, the last metrics."""
    head = Table.grid(padding=(0, 2))
    head.add_row(state_text(job), Text(f"{job.ref.kind} {job.ref.name}", style="bold"), Text(elapsed(job)), counts(job))
    parts: list[RenderableType] = [head]
    if job.message and job.phase is not Phase.SUCCEEDED:
        parts.append(Text(job.message, style="yellow"))
    parts.append(_conditions(job))
    if job.replicas:
        parts.append(_replicas(job))
    if progress is not None and progress.total:
        parts.append(_progress(progress))
    parts += [Text(metric, style="cyan") for metric in metrics]
    return Group(*parts)


def _conditions(job: JobStatus) -> RenderableType:
    line = Text()
    for condition in job.conditions:
        time = condition.last_transition_time[11:19]
        mark = condition.type if condition.status == "True" else f"{condition.type}={condition.status}"
        line.append(f"{mark} {time}   ", style="" if condition.status == "True" else "dim")
    return line


def _replicas(job: JobStatus) -> RenderableType:
    table = Table(box=None, pad_edge=False, header_style="dim")
    for title in ("replica", "phase", "restarts", "exit", "reason"):
        table.add_column(title)
    for replica in job.replicas:
        code = "" if replica.exit_code is None else str(replica.exit_code)
        table.add_row(replica.name, replica.phase, str(replica.restarts), code, replica.reason)
    return table


def _progress(progress: RunProgress) -> RenderableType:
    row = Table.grid(padding=(0, 1))
    bar = ProgressBar(total=progress.total, completed=progress.done, width=24)
    row.add_row(Text(f"cell {progress.number}/{progress.total}"), bar, Text(progress.title, overflow="ellipsis"))
    return row


def jobs_table(jobs: Sequence[JobStatus], width: int) -> RenderableType:
    """Draw all jobs as one table; where there is little room, without replicas: what names a job comes first."""
    wide = width >= _WIDE
    table = Table(box=None, pad_edge=False, header_style="dim")
    for title in ("id", "name", "kind", "state", *(["replicas"] if wide else []), "time"):
        # Rich takes room from the columns that may wrap.
        table.add_column(title, no_wrap=title not in ("name", "replicas"))
    for job in jobs:
        name, replicas = (Text(text, no_wrap=True, overflow="ellipsis") for text in (job.ref.name, counts(job)))
        table.add_row(job.ref.id, name, job.ref.kind, state_text(job), *([replicas] if wide else []), elapsed(job))
    return table

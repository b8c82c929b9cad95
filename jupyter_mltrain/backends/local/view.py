"""A job as others see it: rows of the database as ``JobStatus``."""

from __future__ import annotations

import socket
import sqlite3
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from ...model.job import JobStatus, ReplicaState, container_environment, timestamp
from ...model.labels import ENV_OUTPUT_URI
from ...operator import published
from . import index, scheduler, tables
from .records import Job, Pod


def job_status(connection: sqlite3.Connection, home: Path, job: Job) -> JobStatus:
    """Return a job as it is now."""
    return job_statuses(connection, home, [job])[0]


def job_statuses(connection: sqlite3.Connection, home: Path, jobs: Sequence[Job]) -> list[JobStatus]:
    """Return jobs as they are now, in the same order."""
    pods = tables.latest_pods(connection, [job.id for job in jobs])
    folders = (home / "jobs").as_uri()
    return [_status(connection, folders, job, pods[job.id]) for job in jobs]


def _status(connection: sqlite3.Connection, folders: str, job: Job, pods: list[Pod]) -> JobStatus:
    return JobStatus(
        ref=job.ref,
        manifest=job.manifest,
        status=published(job.status),
        replicas=tuple(_replica(pod) for pod in pods),
        created_at=_time(job.created),
        queue_position=tables.queue_position(connection, job),
        message=_message(connection, job, pods),
        outputs=_outputs(folders, job),
    )


def _outputs(folders: str, job: Job) -> str:
    """Return where the executed notebook and the model go: as the manifest says, else into the data folder."""
    named = [v.get("value") for v in container_environment(job.manifest) if v.get("name") == ENV_OUTPUT_URI]
    return next((value for value in named if value), f"{folders}/{job.id}/outputs")


def _time(seconds: float | None) -> str:
    return "" if seconds is None else timestamp(datetime.fromtimestamp(seconds, UTC))


def _replica(pod: Pod) -> ReplicaState:
    return ReplicaState(
        name=pod.name,
        role=pod.role,
        index=pod.idx,
        phase=pod.phase,
        restarts=pod.restarts,
        exit_code=pod.exit_code,
        reason=pod.reason,
        message=pod.message,
        node=socket.gethostname(),
        devices=tuple(pod.devices),
        started_at=_time(pod.started),
        finished_at=_time(pod.finished),
        peak_memory=pod.peak_memory,
        generation=pod.generation,
    )


def _message(connection: sqlite3.Connection, job: Job, pods: list[Pod]) -> str:
    """Say why a job waits or failed."""
    failure = index.failure(job, pods)
    if job.state == "queued" and not failure:
        return scheduler.why_it_waits(connection, job)
    return " ".join(filter(None, (failure, _odd_rest(job, pods))))


def _odd_rest(job: Job, pods: list[Pod]) -> str:
    """Say what nobody would expect of a job that has ended, or of one that has not."""
    left = sum(pod.alive and not pod.deleting for pod in pods)
    if job.finished and job.state == "active" and left:
        count = "1 replica goes on" if left == 1 else f"{left} replicas go on"
        return f"{count} running under cleanPodPolicy None and keeps its slot: delete the job to stop that."
    if job.state == "idle" and not (job.finished or job.suspended):
        return "Nothing of it runs any more, yet by the operator's rules it has neither succeeded nor failed."
    return ""

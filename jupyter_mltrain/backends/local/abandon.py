"""The end of a job whose supervisor met an error that nobody foresaw.

The next supervisor would meet it again, and a job that nobody looks after holds its slot for ever. So the job fails and
says why, its replicas are stopped, and what it held is free. No rule is asked: what failed may be the rules.
"""

from __future__ import annotations

import os
import select
import sqlite3
import time
import traceback
from datetime import UTC, datetime
from pathlib import Path

from ...errors import MltrainError
from ...operator import failed
from . import replica, tables
from .controller import delete_pods
from .ending import finish
from .kubelet import vanish
from .records import Job, Pod
from .replica import RunState
from .runspec import run_folder
from .store import Store


def abandon(store: Store, job_id: str, error: Exception) -> None:
    """End a job as failed. Its replicas have their grace; returns when they are gone.

    Raises
    ------
    StorageError
        The job could not be written; what was done can be done again.
    """
    with store.write() as connection:
        job = tables.find_job(connection, job_id)
        if job is None:
            return
        pods = tables.pods_of(connection, job_id)
        _fail(connection, job, error, store.home)
        delete_pods(connection, pods)
    _stop(store.job_folder(job_id), [pod for pod in pods if pod.stage == "launched"])
    with store.write() as connection:
        _let_go(connection, job_id, store.home)


def in_words(error: Exception) -> str:
    """Return what an error says; one that is not of this project with its kind, without which it says little."""
    return error.message if isinstance(error, MltrainError) else f"{type(error).__name__}: {error}"


def log_of(home: Path) -> Path:
    """Return the file in which the errors of supervisors are written down."""
    return home / "supervisors.log"


def write_down(home: Path) -> None:
    """Append the traceback of the error that is being handled to the log of supervisors."""
    with log_of(home).open("a", encoding="utf-8") as file:
        traceback.print_exc(file=file)


def _fail(connection: sqlite3.Connection, job: Job, error: Exception, home: Path) -> None:
    """Record the failure. A job that has ended keeps its end."""
    message = f"The supervisor met an error that nobody foresaw: {in_words(error)} (see {log_of(home)})"
    now = max(time.time(), job.clock)
    tables.record_event(connection, job.id, now, "Warning", "SupervisorFailed", message, job.name)
    job.resume = False
    if not job.finished:
        job.status = failed(job.kind, job.status, datetime.fromtimestamp(now, UTC), "SupervisorFailed", message)
    tables.save_job(connection, job)


def _stop(folder: Path, pods: list[Pod]) -> None:
    """Ask the replicas to end, all at once, and wait for it: their shims see to the grace."""
    for pod in pods:
        replica.stop(run_folder(folder, pod))
    for pod in pods:
        _wait(run_folder(folder, pod))
        run = replica.inspect(run_folder(folder, pod))
        if run.state is RunState.LOST:
            replica.reap_lost(pod.run_uid, run)


def _wait(run: Path) -> None:
    descriptor = replica.end_fd(run)
    if descriptor is not None:
        try:
            select.select([descriptor], [], [])
        finally:
            os.close(descriptor)


def _let_go(connection: sqlite3.Connection, job_id: str, home: Path) -> None:
    job = tables.find_job(connection, job_id)
    if job is None:
        return
    for pod in tables.pods_of(connection, job_id):
        vanish(pod)
        tables.save_pod(connection, pod)
    finish(connection, home, job, max(time.time(), job.clock), None)

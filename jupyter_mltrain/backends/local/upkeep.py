"""What any process does that opens the data folder, submits, or ends a job: there is no daemon that would.

It sweeps out what is over, gives turns, and finds the jobs that nobody looks after, be it that they have just got their
turn or that their supervisor was killed.
"""

from __future__ import annotations

import contextlib
import os
import sqlite3
import time

from ...errors import BackendUnavailable, StorageError
from . import children, scheduler, tables
from .devices import find_gpus
from .ending import prune, purge, remove_folder
from .liveness import start_supervisor, take_lock
from .records import Job
from .store import Store, setting

Unattended = tuple[str, int]
"""A job that needs a supervisor, and the lock on its folder, already taken."""


def tend(store: Store) -> list[Unattended]:
    """Bring the data folder up to date and return the jobs for which the caller has to start supervisors."""
    children.take_in()
    now = time.time()
    with store.read() as connection:
        due = scheduler.somebody_can_start(connection) or _expired(connection, now)
        unattended = _unattended(connection)
        gpus_matter = scheduler.gpus_matter(connection)
    if due:
        gpus = find_gpus()[0] if gpus_matter else ()
        with store.write() as connection:
            for job in _expired(connection, now):
                tables.mark_deleted(connection, job)
            scheduler.dispatch(connection, gpus)
            unattended = _unattended(connection)
    return [found for job in unattended if (found := _attend(store, job))]


def tend_and_start(store: Store) -> list[str]:
    """Bring the data folder up to date, start what supervisors are needed and return their jobs."""
    pending = tend(store)
    for job, lock in pending:
        start_supervisor(store.home, job, lock)
    return [job for job, _ in pending]


def tend_if_possible(store: Store) -> None:
    """Do the same on the way to a look at the jobs, which a full or read-only disk or machine must not prevent."""
    with contextlib.suppress(StorageError, BackendUnavailable):
        tend_and_start(store)


def keep_budget(store: Store) -> None:
    """Delete the oldest ended jobs if the user has set a limit for what they may take of the disk."""
    with store.read() as connection:
        budget = setting(connection, "disk_budget")
    if budget is not None:
        prune(store, budget)


def _expired(connection: sqlite3.Connection, now: float) -> list[Job]:
    return tables.select_jobs(connection, "expires <= ?", now)


def _unattended(connection: sqlite3.Connection) -> list[str]:
    """Return the jobs that run, and the deleted ones that have left traces."""
    return [row[0] for row in connection.execute("SELECT id FROM jobs WHERE state = 'active' OR deleted = 1")]


def _attend(store: Store, job_id: str) -> Unattended | None:
    """Take the job's lock unless somebody has it. What needs no supervisor is done here."""
    lock = take_lock(store.job_folder(job_id))
    if lock is None:
        return None
    with store.read() as connection:
        job = tables.find_job(connection, job_id)
    if job is not None and job.state == "active":
        return job_id, lock
    try:
        if job is None:
            remove_folder(store.job_folder(job_id))  # purged a moment ago; taking the lock has made it again
        elif job.deleted:
            purge(store, job)
    finally:
        os.close(lock)
    return None

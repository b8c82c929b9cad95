"""What is done when nothing of a job runs any more: give back what it held, and clear away what nobody wants."""

from __future__ import annotations

import shutil
import sqlite3
from pathlib import Path

from . import leases, tables
from .records import Job
from .runspec import release_ports
from .store import Store, storage_errors


def finish(connection: sqlite3.Connection, home: Path, job: Job, now: float, requeue_after: float | None) -> None:
    """Take a job out of the running: its slot, devices and ports are free for the next one."""
    release_ports(home, job)
    leases.release(connection, job)
    job.state, job.message, job.clock = "idle", "", now
    if job.finished:
        job.ended = now
        # For a finished job the rules only ask to be called again for the time to live.
        job.expires = None if requeue_after is None else now + requeue_after
    tables.save_job(connection, job)


def purge(store: Store, job: Job) -> None:
    """Remove the folder and the record of a deleted job of which nothing runs. Begun again, it goes on where it was."""
    release_ports(store.home, job)
    remove_folder(store.job_folder(job.id))
    with store.write() as connection:
        tables.forget_job(connection, job.id)


def remove_folder(folder: Path) -> None:
    """Remove a folder with everything in it. Raises ``StorageError``; a folder that is not there is fine."""
    with storage_errors(folder):
        try:
            shutil.rmtree(folder)
        except FileNotFoundError:
            if folder.exists():  # somebody else removed something below it meanwhile
                remove_folder(folder)

"""What is done when nothing of a job runs any more: give back what it held, and clear away what nobody wants."""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import sqlite3
from itertools import accumulate
from pathlib import Path
from typing import Final

from . import leases, scheduler, tables
from .records import KEPT_RUNS, Job, Pod
from .runspec import pod_folder, release_ports
from .store import Store, storage_errors

_RUN: Final = re.compile(r"\d+-\d+")


def finish(connection: sqlite3.Connection, home: Path, job: Job, now: float, requeue_after: float | None) -> None:
    """Take a job out of the running: its slot, devices and ports are free for the next one."""
    release_ports(home, job)
    leases.release(connection, job)
    job.state, job.message, job.clock = "idle", "", now
    note_end(job, now, requeue_after)
    if job.resume:
        scheduler.resume(connection, job)
    tables.save_job(connection, job)


def note_end(job: Job, now: float, requeue_after: float | None) -> None:
    """Note when a job of which nothing runs ended, if it did, and when its time to live is over."""
    if job.finished or job.cancelled:
        job.ended = now
    if job.finished and requeue_after is not None:  # a finished job's rules only wait for its time to live
        job.expires = now + requeue_after


def purge(store: Store, job: Job) -> None:
    """Remove the folder and the record of a deleted job of which nothing runs. Begun again, it goes on where it was."""
    release_ports(store.home, job)
    remove_folder(store.job_folder(job.id))
    with store.write() as connection:
        tables.forget_job(connection, job.id)


def discard_old_runs(job_folder: Path, pod: Pod) -> None:
    """Remove the folders of a replica's runs but for the latest, and the emptied volumes of pods that are gone."""
    folder = pod_folder(job_folder, pod.name)
    with storage_errors(folder):
        names = [path.name for path in folder.iterdir()] if folder.exists() else []
    runs = sorted(tuple(map(int, name.split("-"))) for name in names if _RUN.fullmatch(name))
    old = [f"{generation}-{run}" for generation, run in runs[: -KEPT_RUNS + 1]]
    old += [name for name in names if name.startswith("volumes-") and name != f"volumes-{pod.generation}"]
    for name in old:
        remove_folder(folder / name)


def prune(store: Store, budget: int) -> list[Job]:
    """Mark the oldest ended jobs as deleted, as many as take the folders of all ended jobs below a budget in bytes."""
    with store.read() as connection:
        ended = tables.select_jobs(connection, "ended IS NOT NULL AND deleted = 0 ORDER BY ended DESC")
    sizes = {job.id: folder_size(store.job_folder(job.id)) if job.size is None else job.size for job in ended}
    kept = accumulate(sizes.values())
    surplus = {job.id for job, size in zip(ended, kept, strict=True) if size > budget}
    with store.write() as connection:
        for job in reversed(ended):
            if job.size is None:
                tables.note_size(connection, job.id, sizes[job.id])
            if job.id in surplus and (present := tables.find_job(connection, job.id)) and not present.deleted:
                tables.mark_deleted(connection, present)
    return [job for job in reversed(ended) if job.id in surplus]


def folder_size(folder: Path) -> int:
    """Return the bytes that a folder takes on the disk, links not followed; what vanishes meanwhile is not counted."""
    size = 0
    for path, _, names in os.walk(folder):
        for name in names:
            with contextlib.suppress(OSError):
                size += os.lstat(f"{path}/{name}").st_blocks * 512
    return size


def remove_folder(folder: Path) -> None:
    """Remove a folder with everything in it. Raises ``StorageError``; a folder that is not there is fine."""
    with storage_errors(folder):
        try:
            shutil.rmtree(folder)
        except FileNotFoundError:
            if folder.exists():  # somebody else removed something below it meanwhile
                remove_folder(folder)

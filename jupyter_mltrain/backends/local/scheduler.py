"""Whose turn it is: N jobs on M slots, first in, first out, all replicas of a job or none.

A job takes one slot and all GPUs that its replicas ask for, or nothing. A job whose GPUs are taken waits without a
slot: those behind it that need none of these GPUs may pass, those that do must not, so it cannot starve. A job that
asks for more than the machine has holds up nobody.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from typing import Final

from ...model.job import Manifest
from . import leases, tables
from .devices import Gpu
from .records import Job, run_policy
from .store import count_up, setting

DEFAULT_SLOTS: Final = 2


def slots(connection: sqlite3.Connection) -> int:
    """Return how many jobs may run at once."""
    count: int = setting(connection, "slots", DEFAULT_SLOTS)
    return count


def slots_used(connection: sqlite3.Connection) -> int:
    """Return how many jobs have a slot now."""
    count: int = connection.execute("SELECT count(*) FROM jobs WHERE state = 'active'").fetchone()[0]
    return count


def why_it_waits(connection: sqlite3.Connection, job: Job) -> str:
    """Say why a queued job waits."""
    if job.message:
        return job.message
    used, there = slots_used(connection), slots(connection)
    return f"Waits for a slot: {used} of {there} in use." if used >= there else "Its turn is next."


def enqueue(connection: sqlite3.Connection, job: Job) -> None:
    """Put a job at the end of the queue; the caller saves it."""
    job.state, job.turn = "queued", count_up(connection, "turn")


def resume(connection: sqlite3.Connection, job: Job) -> None:
    """Let a suspended job of which nothing runs queue again; the caller saves it."""
    run_policy(job.manifest)["suspend"] = False
    job.resume = False
    enqueue(connection, job)


def somebody_can_start(connection: sqlite3.Connection) -> bool:
    """Return whether :func:`dispatch` may have something to do."""
    waiting = connection.execute("SELECT EXISTS (SELECT 1 FROM jobs WHERE state = 'queued')").fetchone()[0]
    return bool(waiting) and slots_used(connection) < slots(connection)


def gpus_matter(connection: sqlite3.Connection) -> bool:
    """Return whether a queued job asks for accelerators, so that :func:`dispatch` has to know them."""
    row = connection.execute("SELECT EXISTS (SELECT 1 FROM jobs WHERE state = 'queued' AND gpus > 0)").fetchone()
    return bool(row[0])


def dispatch(connection: sqlite3.Connection, gpus: Sequence[Gpu]) -> None:
    """Give free slots to the jobs whose turn it is. Called in one transaction, so a job gets its turn once."""
    free = slots(connection) - slots_used(connection)
    taken = leases.leased(connection)
    turn = 0
    while free > 0 and (job := _next_waiting(connection, turn)):
        turn = job.turn or 0
        chosen = leases.assign(job.manifest, gpus, taken) if job.gpus else []
        if chosen is None:
            _keep_waiting(connection, job, gpus)
            taken |= leases.could_use(job.manifest, gpus) if _fits(job, gpus) else set()
            continue
        taken |= {lease.device for lease in chosen}
        leases.lease(connection, job, chosen)
        job.state, job.turn, job.message = "active", None, ""
        tables.save_job(connection, job)
        free -= 1


def _next_waiting(connection: sqlite3.Connection, turn: int) -> Job | None:
    found = tables.select_jobs(connection, "state = 'queued' AND turn > ? ORDER BY turn LIMIT 1", turn)
    return found[0] if found else None


def _fits(job: Job, gpus: Sequence[Gpu]) -> bool:
    return leases.assign(job.manifest, gpus, ()) is not None


def _keep_waiting(connection: sqlite3.Connection, job: Job, gpus: Sequence[Gpu]) -> None:
    if _fits(job, gpus):
        message = f"Waits for {leases.describe(job.manifest)}: in use by other jobs."
    else:
        message = too_much(job.manifest, gpus)
    if job.message != message:
        job.message = message
        tables.save_job(connection, job)


def too_much(manifest: Manifest, gpus: Sequence[Gpu]) -> str:
    """Say that a job can never run here."""
    there = ", ".join(gpu.product for gpu in gpus) or "none"
    return f"Asks for {leases.describe(manifest)}, which this machine cannot give (it has {there})."

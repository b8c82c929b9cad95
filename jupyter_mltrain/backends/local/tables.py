"""The statements that read and write jobs, pods, services and events. Each works inside the caller's transaction."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any, Final

from ...model.job import Event, Manifest, Phase, timestamp
from ..base import JobFilter
from . import index
from .records import Job, Pod
from .store import count_up


def dumps(value: Any) -> str:
    """Return compact JSON."""
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False)


_JSON: Final = frozenset({"manifest", "status", "context", "ports", "devices"})
_FLAGS: Final = frozenset({"deleted", "resume", "deleting", "gone"})


def _values(row: sqlite3.Row) -> dict[str, Any]:
    values: dict[str, Any] = dict(row)
    for name, text in values.items():
        if name in _JSON:
            values[name] = json.loads(text)
        elif name in _FLAGS:
            values[name] = bool(text)
    return values


def _columns(record: Job | Pod) -> dict[str, Any]:
    return {name: dumps(getattr(record, name)) if name in _JSON else getattr(record, name) for name in record.__slots__}


def _insert(connection: sqlite3.Connection, table: str, columns: dict[str, Any]) -> None:
    names, marks = ", ".join(columns), ", ".join(f":{name}" for name in columns)
    connection.execute(f"INSERT INTO {table} ({names}) VALUES ({marks})", columns)  # noqa: S608 - our own names


def _update(connection: sqlite3.Connection, table: str, key: str, columns: dict[str, Any]) -> None:
    settings = ", ".join(f"{name} = :{name}" for name in columns if name != key)
    connection.execute(f"UPDATE {table} SET {settings} WHERE {key} = :{key}", columns)  # noqa: S608 - our own names


# Jobs


def insert_job(connection: sqlite3.Connection, job: Job) -> None:
    """Add a job; ``sqlite3.IntegrityError`` if its id or its name is taken."""
    _bring_along(connection, job)
    _insert(connection, "jobs", _columns(job))


def save_job(connection: sqlite3.Connection, job: Job) -> None:
    """Write a job back as a change that watchers see."""
    _bring_along(connection, job)
    _update(connection, "jobs", "id", _columns(job))


def _bring_along(connection: sqlite3.Connection, job: Job) -> None:
    job.change = count_up(connection, "change")
    index.bring_along(job, latest_pods(connection, [job.id])[job.id])


def find_job(connection: sqlite3.Connection, job: str) -> Job | None:
    """Return a job by its id."""
    row = connection.execute("SELECT * FROM jobs WHERE id = ?", (job,)).fetchone()
    return None if row is None else Job(**_values(row))


def find_named(connection: sqlite3.Connection, kind: str, namespace: str, name: str) -> Job | None:
    """Return the job that has a name now."""
    row = connection.execute(
        "SELECT * FROM jobs WHERE kind = ? AND namespace = ? AND name = ? AND deleted = 0", (kind, namespace, name)
    ).fetchone()
    return None if row is None else Job(**_values(row))


def select_jobs(connection: sqlite3.Connection, condition: str, *arguments: Any, **named: Any) -> list[Job]:
    """Return the jobs of a condition in SQL, which may end in ORDER BY and LIMIT."""
    rows = connection.execute(f"SELECT * FROM jobs WHERE {condition}", named or arguments)  # noqa: S608 - our own
    return [Job(**_values(row)) for row in rows]


_NEWEST_FIRST: Final = "ORDER BY created DESC, id DESC"
_OLDER: Final = "(:before IS NULL OR (created, id) < (SELECT created, id FROM jobs WHERE id = :before))"
# Two steps: the first reads nothing but an index, the second only the rows that are wanted.
_NEWEST: Final = f"""
id IN (SELECT id FROM jobs WHERE {index.WANTED} AND {_OLDER} {_NEWEST_FIRST} LIMIT :limit) {_NEWEST_FIRST}
"""  # noqa: S608 - our own names


def newest_jobs(connection: sqlite3.Connection, wanted: JobFilter, limit: int | None, before: str | None) -> list[Job]:
    """Return jobs, newest first, at most so many and only those older than one that there is (it may be deleted)."""
    named = {"before": before, "limit": -1 if limit is None else limit, **index.arguments(wanted)}
    return select_jobs(connection, _NEWEST, **named)


def count_jobs(connection: sqlite3.Connection, wanted: JobFilter) -> int:
    """Return how many jobs are wanted."""
    row = connection.execute(f"SELECT count(*) FROM jobs WHERE {index.WANTED}", index.arguments(wanted))  # noqa: S608
    number: int = row.fetchone()[0]
    return number


def count_phases(connection: sqlite3.Connection) -> dict[Phase, int]:
    """Return how many jobs are in each phase."""
    rows = connection.execute("SELECT phase, count(*) FROM jobs WHERE deleted = 0 GROUP BY phase")
    return {Phase(phase): number for phase, number in rows}


def index_jobs(connection: sqlite3.Connection) -> None:
    """Set what each job is found by, after a migration: not a change that anybody is told of."""
    for job in select_jobs(connection, "1"):
        index.bring_along(job, latest_pods(connection, [job.id])[job.id])
        found_by = {"id": job.id, "phase": job.phase, "notebook": job.notebook, "words": job.words}
        _update(connection, "jobs", "id", found_by)


def queue_position(connection: sqlite3.Connection, job: Job) -> int | None:
    """Return a job's place in the queue, 1 for the next, ``None`` for a job that does not wait."""
    if job.state != "queued":
        return None
    row = connection.execute("SELECT count(*) FROM jobs WHERE state = 'queued' AND turn <= ?", (job.turn,))
    position: int = row.fetchone()[0]
    return position


def note_size(connection: sqlite3.Connection, job: str, size: int) -> None:
    """Keep what an ended job's folder takes, in bytes: not a change that anybody is told of."""
    connection.execute("UPDATE jobs SET size = ? WHERE id = ?", (size, job))


def forget_job(connection: sqlite3.Connection, job: str) -> None:
    """Drop a job with everything of it."""
    connection.execute("DELETE FROM jobs WHERE id = ?", (job,))


REMEMBERED_DEPARTURES: Final = 10_000


def mark_deleted(connection: sqlite3.Connection, job: Job) -> None:
    """Take a job out of sight and free its name; it stays in the database until nothing of it runs."""
    job.deleted, job.turn, job.expires = True, None, None
    if job.state == "queued":
        job.state = "idle"
    save_job(connection, job)
    connection.execute(
        "INSERT INTO departed VALUES (?, ?, ?, ?, ?)", (job.change, job.id, job.kind, job.namespace, job.name)
    )
    _trim_departures(connection)


def _trim_departures(connection: sqlite3.Connection) -> None:
    row = connection.execute(
        "SELECT change FROM departed ORDER BY change DESC LIMIT 1 OFFSET ?", (REMEMBERED_DEPARTURES,)
    ).fetchone()
    if row is not None:
        connection.execute("DELETE FROM departed WHERE change <= ?", (row[0],))
        connection.execute("UPDATE counters SET value = ? WHERE name = 'forgotten'", (row[0],))


# Pods


def insert_pod(connection: sqlite3.Connection, pod: Pod) -> None:
    """Add a pod."""
    _insert(connection, "pods", _columns(pod))


def save_pod(connection: sqlite3.Connection, pod: Pod) -> None:
    """Write a pod back."""
    _update(connection, "pods", "uid", _columns(pod))


def pods_of(connection: sqlite3.Connection, job: str) -> list[Pod]:
    """Return the pods of a job that are not gone, oldest first."""
    rows = connection.execute("SELECT * FROM pods WHERE job = ? AND gone = 0 ORDER BY rowid", (job,))
    return [Pod(**_values(row)) for row in rows]


# Beside a single max(), SQLite takes the other columns from the row that has it (lang_select.html, "bare columns").
_REPLICA_COLUMNS: Final = ", ".join(name for name in Pod.__slots__ if name != "manifest")
_LATEST: Final = f"SELECT {_REPLICA_COLUMNS}, max(generation) FROM pods"  # noqa: S608 - our own names


def latest_pods(connection: sqlite3.Connection, jobs: Iterable[str]) -> dict[str, list[Pod]]:
    """Return by job the last pod of each name, gone or not: what is known of each replica.

    Without their manifests, which are most of a row and are not looked at.
    """
    wanted = list(jobs)
    found: dict[str, list[Pod]] = {job: [] for job in wanted}
    query = f"{_LATEST} WHERE job IN (SELECT value FROM json_each(?)) GROUP BY job, name ORDER BY role, idx, name"  # noqa: S608
    for row in connection.execute(query, (dumps(wanted),)):
        values = _values(row)
        del values["max(generation)"]
        found[values["job"]].append(Pod(manifest={}, **values))
    return found


def last_pod(connection: sqlite3.Connection, job: str, name: str) -> Pod | None:
    """Return the latest pod of that name, gone or not."""
    row = connection.execute(
        "SELECT * FROM pods WHERE job = ? AND name = ? ORDER BY generation DESC LIMIT 1", (job, name)
    ).fetchone()
    return None if row is None else Pod(**_values(row))


def forget_pods(connection: sqlite3.Connection, pod: Pod, kept: int) -> None:
    """Drop what is known of the pods of that name before the latest ones."""
    oldest = pod.generation - kept
    connection.execute("DELETE FROM pods WHERE job = ? AND name = ? AND generation <= ?", (pod.job, pod.name, oldest))


# Services and events


def put_service(connection: sqlite3.Connection, job: str, name: str, manifest: Manifest) -> None:
    """Keep a service; making one again changes nothing."""
    connection.execute("INSERT OR IGNORE INTO services VALUES (?, ?, ?)", (job, name, dumps(manifest)))


def service_names(connection: sqlite3.Connection, job: str) -> list[str]:
    """Return the names of the job's services."""
    return [row[0] for row in connection.execute("SELECT name FROM services WHERE job = ?", (job,))]


def remove_service(connection: sqlite3.Connection, job: str, name: str) -> None:
    """Remove a service. Idempotent."""
    connection.execute("DELETE FROM services WHERE job = ? AND name = ?", (job, name))


def record_event(
    connection: sqlite3.Connection, job: str, now: float, kind: str, reason: str, message: str, about: str
) -> None:
    """Record an event on a job or one of its pods; equal ones are folded into one with a count."""
    connection.execute(
        "INSERT INTO events VALUES (?, ?, ?, ?, ?, ?, ?, 1) "
        "ON CONFLICT (job, object, type, reason, message) DO UPDATE SET last = excluded.last, count = count + 1",
        (job, about, kind, reason, message, now, now),
    )


def events_of(connection: sqlite3.Connection, job: str) -> list[Event]:
    """Return the events of a job and its pods, oldest first."""
    rows = connection.execute("SELECT * FROM events WHERE job = ? ORDER BY first, rowid", (job,))
    return [
        Event(row["type"], row["reason"], row["message"], _time(row["last"]), row["count"], row["object"])
        for row in rows
    ]


def _time(seconds: float) -> str:
    return timestamp(datetime.fromtimestamp(seconds, UTC))

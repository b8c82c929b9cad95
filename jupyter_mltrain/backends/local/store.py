"""The database that all processes on this machine share: the only truth about jobs.

Servers, command lines and supervisors open the same file at the same time. Each change is one short transaction that
takes the write lock first (``BEGIN IMMEDIATE``), so what it reads stays true until it has written. In WAL mode readers
never wait. ``synchronous=NORMAL``: a killed process loses nothing that was committed; after a power cut the last
moments may be missing, never half of a transaction. On a full disk a reserve (:mod:`.disk`) makes room for the changes
that lead to more of it.
"""

from __future__ import annotations

import fcntl
import json
import os
import sqlite3
import threading
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from ...errors import StorageError
from . import schema
from .disk import Reserve, is_full
from .shim import ring_all  # bell.py would do, but every import counts when a supervisor starts

BUSY_SECONDS: Final = 30.0
"""How long a transaction waits for others before it gives up."""

_HINTS: Final = {
    sqlite3.SQLITE_READONLY: "Make the data folder writable, or set MLTRAIN_HOME to one that is.",
    sqlite3.SQLITE_CANTOPEN: "The data folder must exist, be writable and have a path of less than 500 bytes; "
    "MLTRAIN_HOME names another.",
    sqlite3.SQLITE_BUSY: "Another process holds the database for too long; try again.",
    sqlite3.SQLITE_LOCKED: "Another process holds the database for too long; try again.",
    sqlite3.SQLITE_CORRUPT: "Move the file away and start afresh; the folders of the jobs stay as they are.",
    sqlite3.SQLITE_NOTADB: "Move the file away and start afresh; the folders of the jobs stay as they are.",
    sqlite3.SQLITE_IOERR: "Check the disk, or set MLTRAIN_HOME to a local one: network disks often lack locks.",
    sqlite3.SQLITE_PROTOCOL: "The file system lacks proper locks; set MLTRAIN_HOME to a folder on a local disk.",
}

_FULL: Final = (sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR, sqlite3.SQLITE_CANTOPEN)
"""What SQLite reports of a disk without room for the database or for the files beside it."""


def disk_is_full(path: Path) -> StorageError:
    """Return what to tell of a file in the data folder that a full disk keeps from being written."""
    return StorageError(
        f"The disk of the data folder {path.parent} is full",
        hint="Free some space on the disk, e.g. by deleting jobs; nothing that was recorded is lost.",
        path=str(path),
    )


@contextmanager
def storage_errors(path: Path) -> Iterator[None]:
    """Turn what SQLite and the file system raise into ``StorageError``."""
    try:
        yield
    except sqlite3.Error as error:
        code = getattr(error, "sqlite_errorcode", 0) & 0xFF  # the low byte is the primary code
        if code == sqlite3.SQLITE_FULL or (code in _FULL and is_full(path.parent)):
            raise disk_is_full(path) from error
        raise StorageError(
            f"Cannot use the database {path}: {error}", hint=_HINTS.get(code, ""), path=str(path)
        ) from error
    except OSError as error:
        raise StorageError(
            f"Cannot use the data folder {path.parent}: {error.strerror or error}",
            hint="The data folder must be writable and have space; MLTRAIN_HOME names another.",
            path=str(path),
        ) from error


@contextmanager
def lock(path: Path) -> Iterator[None]:
    """Hold a lock among processes, waiting for it; only for what SQLite cannot guard itself."""
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


class Store:
    """The data folder and its database. May be shared by the threads of a process, not across a fork.

    Raises
    ------
    StorageError
        The folder cannot be written, the disk is full, the file is damaged or of a newer version, or its file system
        has no working locks.
    """

    def __init__(self, home: Path) -> None:
        self.home = home
        self.path = home / "jobs.sqlite3"
        self.watchers = home / "watchers"
        self._lock = threading.RLock()
        self._reserve = Reserve(home)
        with storage_errors(self.path):
            self.watchers.mkdir(parents=True, exist_ok=True)
            self._reserve.give_way()
            self._connection = sqlite3.connect(
                self.path, timeout=BUSY_SECONDS, isolation_level=None, check_same_thread=False
            )
            try:
                self._connection.row_factory = sqlite3.Row
                self._prepare()
            except BaseException:
                self._connection.close()
                raise
        self._reserve.restore()

    def _prepare(self) -> None:
        connection = self._connection
        connection.execute("PRAGMA synchronous = NORMAL")
        connection.execute("PRAGMA foreign_keys = ON")
        connection.execute("PRAGMA temp_store = MEMORY")
        found = schema.version(connection)
        if found > len(schema.MIGRATIONS):
            raise StorageError(
                f"The database {self.path} was written by a newer version (schema {found})",
                hint="Update jupyter_mltrain, or set MLTRAIN_HOME to another folder.",
                path=str(self.path),
            )
        if found < len(schema.MIGRATIONS):
            with lock(self.home / "create.lock"):
                self._create()

    def _create(self) -> None:
        mode = self._connection.execute("PRAGMA journal_mode = WAL").fetchone()[0]
        if mode != "wal":
            raise StorageError(
                f"The file system of {self.home} cannot hold the database in WAL mode",
                hint="Set MLTRAIN_HOME to a folder on a local disk.",
                path=str(self.path),
            )
        self._connection.execute("BEGIN IMMEDIATE")
        try:
            schema.migrate(self._connection)
            self._connection.execute("INSERT OR IGNORE INTO settings VALUES ('store', ?)", (f'"{uuid.uuid4().hex}"',))
            self._connection.execute("COMMIT")
        except BaseException:
            self._connection.rollback()
            raise

    @contextmanager
    def read(self) -> Iterator[sqlite3.Connection]:
        """Read a consistent picture, without waiting for writers."""
        with self._transaction("BEGIN") as connection:
            yield connection

    @contextmanager
    def write(self, *, growing: bool = False) -> Iterator[sqlite3.Connection]:
        """Read and change in one transaction, alone; wake the watchers when it has changed a job.

        ``growing``: it is the beginning of more, which a full disk refuses; anything else may use the reserve.
        """
        if growing and not self._reserve.is_whole():
            raise disk_is_full(self.path)
        with self._transaction("BEGIN IMMEDIATE") as connection:
            if not growing:
                self._reserve.give_way()
            before = counter(connection, "change")
            yield connection
            changed = counter(connection, "change") != before
        self._reserve.restore()
        if changed:
            ring_all(str(self.watchers))

    @contextmanager
    def _transaction(self, begin: str) -> Iterator[sqlite3.Connection]:
        with self._lock, storage_errors(self.path):
            self._connection.execute(begin)
            try:
                yield self._connection
                self._connection.execute("COMMIT")
            except BaseException:
                self._connection.rollback()
                raise

    def close(self) -> None:
        """Close the connection. Idempotent."""
        with self._lock:
            self._connection.close()
        self._reserve.restore()

    def job_folder(self, job: str) -> Path:
        """Return the folder of a job: outputs, replicas, the supervisor's lock and bell."""
        return self.home / "jobs" / job


def counter(connection: sqlite3.Connection, name: str) -> int:
    """Return a counter: ``change`` is the number of the latest change of any job."""
    number: int = connection.execute("SELECT value FROM counters WHERE name = ?", (name,)).fetchone()[0]
    return number


def count_up(connection: sqlite3.Connection, name: str) -> int:
    """Advance a counter (``change``, ``turn``) and return its new value."""
    row = connection.execute("UPDATE counters SET value = value + 1 WHERE name = ? RETURNING value", (name,))
    number: int = row.fetchone()[0]
    return number


def setting(connection: sqlite3.Connection, name: str, default: Any = None) -> Any:
    """Return a setting's value, kept as JSON."""
    row = connection.execute("SELECT value FROM settings WHERE name = ?", (name,)).fetchone()
    return default if row is None else json.loads(row[0])


def put_setting(connection: sqlite3.Connection, name: str, value: Any) -> None:
    """Keep a setting for all processes that use this data folder."""
    connection.execute("INSERT OR REPLACE INTO settings VALUES (?, ?)", (name, json.dumps(value)))

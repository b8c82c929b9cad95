"""One run of one replica: start it, see what it does, stop it, whoever asks and whatever has died meanwhile."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path


@dataclass(frozen=True, slots=True)
class ReplicaSpec:
    """What to run and how.

    Attributes
    ----------
    uid:
        Unique to this run; every process of it carries it as ``MLTRAIN_REPLICA_UID``.
    argv:
        Command and arguments, ready to run (variables expanded, paths and hosts rewritten).
    env:
        The whole environment, nothing is inherited; the uid is added.
    cwd:
        Working directory.
    grace_seconds:
        Time between SIGTERM and SIGKILL on :func:`stop`.
    memory_limit:
        Bytes for the whole process tree, or ``None``.
    cpus:
        Processor numbers that it may use, or ``None`` for all.
    log_max_bytes, log_backups:
        A log segment ends at the first line boundary after this size; so many full segments are kept beside it.
    bells:
        Bells to ring when the replica has started and when it has ended. Followers of its log are rung on their own.
    """

    uid: str
    argv: tuple[str, ...]
    env: Mapping[str, str]
    cwd: Path
    grace_seconds: float = 30.0
    memory_limit: int | None = None
    cpus: tuple[int, ...] | None = None
    log_max_bytes: int = 10 * 2**20
    log_backups: int = 4
    bells: tuple[Path, ...] = ()


class RunState(StrEnum):
    """Where a run is."""

    ABSENT = "absent"  # never launched in this folder
    LAUNCHING = "launching"  # the shim is alive, the command not yet started
    RUNNING = "running"
    EXITED = "exited"  # with an exit record
    LOST = "lost"  # the shim was killed and left no record: call reap_lost, then treat it as a SIGKILL (137)


@dataclass(frozen=True, slots=True)
class ExitRecord:
    """How a run ended. Times are seconds since the epoch."""

    exit_code: int  # 0-255; 128 + signal number where a signal ended it
    signal: int | None
    reason: str  # Completed, Error, OOMKilled, StartError
    message: str
    peak_memory: int | None  # bytes
    cpu_seconds: float
    started_at: float
    finished_at: float


@dataclass(frozen=True, slots=True)
class ReplicaRun:
    """What is known of a run. ``pid`` is the command's process."""

    state: RunState
    pid: int | None = None
    shim_pid: int | None = None
    started_at: float | None = None
    exit: ExitRecord | None = None


def launch(folder: Path, spec: ReplicaSpec) -> None:
    """Start a run in ``folder`` (made if need be) and return at once. ``Conflict`` if one was launched there before."""
    raise NotImplementedError


def inspect(folder: Path) -> ReplicaRun:
    """Say where the run in ``folder`` is. Cheap: no process is listed."""
    raise NotImplementedError


def end_fd(folder: Path) -> int | None:
    """Return a descriptor that becomes readable when the run's shim has ended, ``None`` if it has. The caller closes it."""
    raise NotImplementedError


def stop(folder: Path) -> bool:
    """Ask the run to end: SIGTERM, grace, SIGKILL. Idempotent; ``False`` if there is nothing to stop."""
    raise NotImplementedError


def kill(folder: Path) -> bool:
    """End the run at once, without grace. Idempotent; ``False`` if there is nothing to kill."""
    raise NotImplementedError


def reap_lost(uid: str) -> int:
    """Kill every process that carries the uid, shim included; return how many there were once they are gone."""
    raise NotImplementedError

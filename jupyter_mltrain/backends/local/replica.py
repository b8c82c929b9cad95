"""One run of one replica: start it, see what it does, stop it, whoever asks and whatever has died meanwhile.

The client's side of :mod:`.shim`. A run is a folder, and everything that is known of it is read from there, so any
process of the user can look after a run that another one has launched.
"""

from __future__ import annotations

import contextlib
import errno
import json
import os
import signal
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from ...errors import Conflict, InvalidInput, StorageError
from ...model.labels import ENV_REPLICA_UID
from . import children, memory, shim

if TYPE_CHECKING:
    import psutil


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
        Processor numbers that it may use, or ``None`` for all. Linux only.
    log_max_bytes, log_backups:
        A log segment ends at the first line boundary after this size; so many full segments are kept beside it.
    bells:
        Bells to ring when the replica has started and when it has ended. Followers of its log are rung on their own.
    kernel_limit:
        Whether a control group may be made; ``False`` leaves a memory limit to the shim's own measuring.
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
    kernel_limit: bool = True


class RunState(StrEnum):
    """Where a run is."""

    ABSENT = "absent"  # never launched in this folder, or its launcher was killed before there was a shim
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
    peak_memory: int | None  # bytes; of the tree where a limit was set, else of its largest process
    cpu_seconds: float
    started_at: float
    finished_at: float


@dataclass(frozen=True, slots=True)
class ReplicaRun:
    """What is known of a run. ``pid`` is the command's process, and only worth something while it is running."""

    state: RunState
    pid: int | None = None
    shim_pid: int | None = None
    started_at: float | None = None
    exit: ExitRecord | None = None


_BLOCKED: Final = (signal.SIGTERM, signal.SIGUSR1)
_DEFAULT: Final = (signal.SIGHUP, signal.SIGINT, signal.SIGQUIT, signal.SIGTERM, signal.SIGUSR1, signal.SIGCHLD)


def log_folder(folder: Path) -> Path:
    """Return where the log of the run in ``folder`` is."""
    return folder / "log"


def followers_folder(folder: Path) -> Path:
    """Return where those who follow the pod hang their bells: beside the run, for there may be a next one."""
    return folder.parent / "followers"


def launch(folder: Path, spec: ReplicaSpec) -> None:
    """Start a run in ``folder`` (made if need be) and return at once, without waiting for the command to start.

    If somebody began to launch here and was killed before there was a shim, this goes on with it. Only one process at a
    time may launch in a folder.

    Raises
    ------
    InvalidInput
        There is no command.
    Conflict
        A run was launched in this folder before.
    StorageError
        The folder cannot be written. Nothing was started, and it can be tried again.
    """
    if not spec.argv:
        raise InvalidInput("The replica has no command to run.", hint="Give the container a command.")
    try:
        _launch(folder, spec)
    except OSError as error:
        raise StorageError(
            f"The replica could not be launched in {folder}: {error.strerror}",
            hint="Check that there is space left and that the data folder is writable.",
            path=str(folder),
        ) from error


def _launch(folder: Path, spec: ReplicaSpec) -> None:
    children.take_in()
    log_folder(folder).mkdir(parents=True, exist_ok=True)
    followers_folder(folder).mkdir(exist_ok=True)
    control = folder / "control"
    if _abandoned(folder):
        control.unlink()
    try:
        os.mkfifo(control, 0o600)
    except FileExistsError:
        raise Conflict(f"A run was launched in {folder} before.", hint="Give each run a folder of its own.") from None
    group = None
    try:
        fd = os.open(control, os.O_RDWR | os.O_NONBLOCK)
        try:
            if spec.kernel_limit:
                group = memory.make_group(spec.uid, spec.memory_limit)
            _write_spec(folder, spec, group)
            _spawn(folder, spec.uid, fd)
        finally:
            os.close(fd)
    except BaseException:
        control.unlink()
        if group:
            group.remove()
        raise


def _abandoned(folder: Path) -> bool:
    """Return whether a launch came as far as the control FIFO, but not to a shim that took the specification."""
    control = _open_control(folder)
    if control is not None:
        os.close(control)
        return False
    return (folder / "control").exists() and not any(
        (folder / name).exists() for name in ("started.json.reserve", "started.json", "exit.json")
    )


def _write_spec(folder: Path, spec: ReplicaSpec, group: memory.Group | None) -> None:
    content = {
        "argv": list(spec.argv),
        "env": {**spec.env, ENV_REPLICA_UID: spec.uid},
        "cwd": str(spec.cwd),
        "grace_seconds": spec.grace_seconds,
        "memory_limit": spec.memory_limit,
        "cgroup": group.files() if group else None,
        "cpus": list(spec.cpus or ()),
        "log": {
            "folder": str(log_folder(folder)),
            "followers": str(followers_folder(folder)),
            "max_bytes": spec.log_max_bytes,
            "backups": spec.log_backups,
        },
        "bells": [str(bell) for bell in spec.bells],
    }
    path = folder / "spec.json"
    path.touch(mode=0o600)
    path.write_text(json.dumps(content), encoding="utf-8")


def _spawn(folder: Path, uid: str, control: int) -> None:
    """Start the shim with the control FIFO open, so that there is no moment at which it lives unnoticed."""
    inherited = 3 if control != 3 else 4
    pid = os.posix_spawn(
        sys.executable,
        [sys.executable, "-I", "-S", shim.__file__, str(folder), str(inherited)],
        {ENV_REPLICA_UID: uid},
        file_actions=[
            (os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0),
            (os.POSIX_SPAWN_OPEN, 1, os.devnull, os.O_WRONLY, 0),
            (os.POSIX_SPAWN_OPEN, 2, str(folder / "shim.err"), os.O_CREAT | os.O_WRONLY | os.O_APPEND, 0o600),
            (os.POSIX_SPAWN_DUP2, control, inherited),
        ],
        setsid=True,
        setsigmask=_BLOCKED,  # the shim lets them in once it knows what to do with them
        setsigdef=_DEFAULT,
    )
    children.adopt(pid)


def inspect(folder: Path) -> ReplicaRun:
    """Say where the run in ``folder`` is. Cheap: a few small files, no process is looked at."""
    children.take_in()
    # In this order: if the shim is gone before the records are read, they are final.
    control = _open_control(folder)
    if control is not None:
        os.close(control)
    ended, started = _read(folder / "exit.json"), _read(folder / "started.json")
    if ended:
        record = ExitRecord(**ended)
        state = RunState.EXITED
    else:
        record = None
        state = _unfinished_state(folder, alive=control is not None, started=bool(started))
    return ReplicaRun(state, started.get("pid"), started.get("shim_pid"), started.get("started_at"), record)


def _unfinished_state(folder: Path, *, alive: bool, started: bool) -> RunState:
    if alive:
        return RunState.RUNNING if started else RunState.LAUNCHING
    return RunState.LOST if (folder / "control").exists() and not _abandoned(folder) else RunState.ABSENT


def end_fd(folder: Path) -> int | None:
    """Return a descriptor that becomes readable when the run's shim has ended, ``None`` if it has by now.

    For ``select``, ``poll`` and ``loop.add_reader`` on Linux: it is the writer's side of a FIFO whose reader is the
    shim, so its end is an error condition. Nothing is to be read from it. The caller closes it.
    """
    return _open_control(folder)


def stop(folder: Path) -> bool:
    """Ask the run to end: SIGTERM, grace, SIGKILL. Idempotent; ``False`` if there is nothing to stop."""
    return _request(folder, b"t")


def kill(folder: Path) -> bool:
    """End the run at once, without grace. Idempotent; ``False`` if there is nothing to kill."""
    return _request(folder, b"k")


def _request(folder: Path, request: bytes) -> bool:
    fd = None if (folder / "exit.json").exists() else _open_control(folder)
    if fd is None:
        return False
    try:
        os.write(fd, request)
    except BrokenPipeError:
        return False
    finally:
        os.close(fd)
    return True


def _open_control(folder: Path) -> int | None:
    """Open the control FIFO for writing; ``None`` when no shim has it open for reading."""
    try:
        return os.open(folder / "control", os.O_WRONLY | os.O_NONBLOCK)
    except OSError as error:
        if error.errno in (errno.ENXIO, errno.ENOENT):
            return None
        raise  # too many open files, say: that must not pass for the shim's death


def _read(path: Path) -> dict[str, Any]:
    try:
        content: dict[str, Any] = json.loads(path.read_bytes())
    except (FileNotFoundError, ValueError):  # cut short by a loss of power
        return {}
    return content


def reap_lost(uid: str, run: ReplicaRun) -> int:
    """Kill every process of a run, its shim included, and return how many there were once they are all gone.

    For a run whose shim was killed: the kernel takes the command down with the shim (Linux), but not what the command
    has started. Found by the uid in their environment, by the shim's session, by the run's control group where there
    is one, and below what was found so.
    """
    import psutil

    groups = memory.find_groups(uid)
    seen: set[psutil.Process] = set()
    while processes := _stopped(uid, run, groups):
        seen |= processes
        for process in processes:
            with contextlib.suppress(psutil.NoSuchProcess):
                process.kill()
        psutil.wait_procs(processes, timeout=1)
    for group in groups:
        group.remove()
    return len(seen)


def _stopped(uid: str, run: ReplicaRun, groups: list[memory.Group]) -> set[psutil.Process]:
    """Return the processes of a run, all stopped: none starts another one and is gone before that one is seen."""
    import psutil

    stopped: set[psutil.Process] = set()
    while fresh := _processes(uid, run, groups) - stopped:
        for process in fresh:
            with contextlib.suppress(psutil.NoSuchProcess):
                process.suspend()
        stopped |= fresh
    return stopped


def _processes(uid: str, run: ReplicaRun, groups: list[memory.Group]) -> set[psutil.Process]:
    import psutil

    asked = ["environ", "status", "ppid", "create_time"]
    alive = (process for process in psutil.process_iter(asked) if process.info["status"] != psutil.STATUS_ZOMBIE)
    there = [process for process in alive if process.pid != os.getpid()]
    marked = {p for p in there if (p.info["environ"] or {}).get(ENV_REPLICA_UID) == uid}
    found = marked | _in_session(run, there, marked) | set(_members(groups))
    while below := {p for p in there if p.info["ppid"] in {each.pid for each in found}} - found:
        found |= below
    return found


def _in_session(run: ReplicaRun, there: list[psutil.Process], marked: set[psutil.Process]) -> set[psutil.Process]:
    """Return the processes of the shim's session, which children are in whatever environment they were given.

    The kernel gives no number away again while a session has it. Where another process has it by now, or the machine
    was started anew, or the clock set back, nothing can be told by it.
    """
    import psutil

    if run.shim_pid is None or run.started_at is None or run.started_at < psutil.boot_time():
        return set()
    if any(process.pid == run.shim_pid for process in there if process not in marked):
        return set()
    return {p for p in there if _session(p.pid) == run.shim_pid and p.info["create_time"] >= run.started_at - 1}


def _session(pid: int) -> int | None:
    try:
        return os.getsid(pid)
    except OSError:
        return None


def _members(groups: list[memory.Group]) -> list[psutil.Process]:
    import psutil

    found = []
    for pid in (pid for group in groups for pid in group.members()):
        with contextlib.suppress(psutil.NoSuchProcess):
            found.append(psutil.Process(pid))
    return found

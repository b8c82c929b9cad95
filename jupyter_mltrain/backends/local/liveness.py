"""Which jobs have a living supervisor, and starting one for those that have not.

A supervisor lives as long as the lock on its job's folder is held: the kernel lets go of a lock at the very death of
its holder, so there is no process id to mistrust. Whoever starts a supervisor takes the lock and hands it over, so
between decision and first step no second one can start.
"""

from __future__ import annotations

import fcntl
import os
import sys
from pathlib import Path
from typing import Final

from ...errors import StorageError

_PACKAGE_ROOT: Final = str(Path(__file__).parents[3])
_MAIN: Final = (
    f"import sys; sys.path.insert(0, {_PACKAGE_ROOT!r}); "
    "from jupyter_mltrain.backends.local.supervisor import main; main(sys.argv[1:])"
)


def take_lock(folder: Path) -> int | None:
    """Take the supervisor's lock of a job; ``None`` when it is held. Close the descriptor to let go."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(folder / "supervisor.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(descriptor)
            return None
        except BaseException:
            os.close(descriptor)
            raise
    except OSError as error:
        raise StorageError(
            f"Cannot lock {folder}: {error.strerror}",
            hint="The data folder must be writable, have space, and lie on a file system with locks.",
            path=str(folder),
        ) from error
    return descriptor


def start_supervisor(home: Path, job: str, lock: int) -> None:
    """Start a detached supervisor that owns the lock from now on; the descriptor is closed here."""
    command = [sys.executable, "-I", "-S", "-c", _MAIN, str(home), job, str(lock)]
    try:
        _detach(command, lock)
    finally:
        os.close(lock)


def _detach(command: list[str], keep: int) -> None:
    """Start a command as nobody's child, in a session of its own, through a shell that ends at once."""
    null = os.open(os.devnull, os.O_RDWR | os.O_CLOEXEC)
    try:
        shell = os.posix_spawn(
            "/bin/sh",
            ["sh", "-c", '"$@" &', "sh", *command],
            {"PATH": os.defpath, "LC_ALL": "C.UTF-8"},
            file_actions=[(os.POSIX_SPAWN_DUP2, null, number) for number in (0, 1, 2)]
            + [(os.POSIX_SPAWN_DUP2, keep, keep)],
            setsid=True,
        )
    finally:
        os.close(null)
    os.waitpid(shell, 0)

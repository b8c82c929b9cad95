"""Which jobs have a living supervisor, and starting one for those that have not.

A supervisor lives as long as the lock on its job's folder is held: the kernel lets go of a lock at the very death of
its holder, so there is no process id to mistrust. Whoever starts a supervisor takes the lock and hands it over, so
between decision and first step no second one can start.
"""

from __future__ import annotations

import errno
import fcntl
import os
import signal
import sys
from pathlib import Path
from typing import Final

from ...errors import BackendUnavailable, StorageError
from . import children

_PACKAGE_ROOT: Final = str(Path(__file__).parents[3])

_DEFAULT_SIGNALS: Final = (signal.SIGHUP, signal.SIGINT, signal.SIGTERM, signal.SIGCHLD, signal.SIGPIPE)

_PATIENCE: Final = 100  # tries

_KEPT: Final = ("HOME", "LANG", "LD_LIBRARY_PATH", "PATH", "TMPDIR")
"""All that a supervisor needs of the environment: the job's own surroundings are kept in the database."""


def take_lock(folder: Path) -> int | None:
    """Take the supervisor's lock of a job; ``None`` when it is held. Close the descriptor to let go."""
    try:
        descriptor = _open_lock(folder / "supervisor.lock")
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            os.close(descriptor)
            if isinstance(error, BlockingIOError):
                return None
            raise
    except OSError as error:
        raise StorageError(
            f"Cannot lock {folder}: {error.strerror}",
            hint="The data folder must be writable, have space, and lie on a file system with locks.",
            path=str(folder),
        ) from error
    return descriptor


def _open_lock(path: Path) -> int:
    for _ in range(_PATIENCE):
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            return os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except FileNotFoundError:
            continue  # the folder of a deleted job has just been removed under our hands
    raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT))


def start_supervisor(home: Path, job: str, lock: int) -> None:
    """Start a detached supervisor that owns the lock from now on; the descriptor is closed here."""
    children.take_in()
    nowhere = [(os.POSIX_SPAWN_OPEN, number, os.devnull, os.O_RDWR, 0) for number in (0, 1, 2)]
    try:
        pid = os.posix_spawn(
            sys.executable,
            [sys.executable, "-I", "-S", "-c", _program(), str(home), job, str(lock)],
            {name: os.environ[name] for name in _KEPT if name in os.environ},
            file_actions=[*nowhere, (os.POSIX_SPAWN_DUP2, lock, lock)],
            setsid=True,
            setsigmask=(),
            setsigdef=_DEFAULT_SIGNALS,
        )
    except OSError as error:
        raise BackendUnavailable(
            f"No process could be started to look after job {job}: {error.strerror}",
            hint="The job is kept and goes on once the machine has room for processes again: end some.",
            job=job,
        ) from error
    finally:
        os.close(lock)
    children.adopt(pid)


def _program() -> str:
    """Return what a supervisor's interpreter runs: it has our packages, without the time that ``site`` takes."""
    paths = [_PACKAGE_ROOT, *(path for path in sys.path if Path(path).is_absolute())]
    return (
        f"import sys; sys.path += {list(dict.fromkeys(paths))}; "
        "from jupyter_mltrain.backends.local.supervisor import main; main(sys.argv[1:])"
    )

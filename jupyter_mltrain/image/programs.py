"""Runs other programs to their end, and ends them when somebody cancels."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

_PR_SET_PDEATHSIG: Final = 1  # linux/prctl.h
_TELL: Final = 0.2  # seconds between two looks at whether somebody has cancelled


@dataclass(frozen=True, slots=True)
class Done:
    """How a program ended: its exit code, and what it wrote to both streams."""

    code: int
    output: str


def run(command: Sequence[str], folder: Path, env: Mapping[str, str], waiting: Callable[[], object]) -> Done:
    """Run a program that is given no input.

    Parameters
    ----------
    command:
        The program and its arguments; none of them may hold a password, for everybody can see them.
    folder:
        Where it runs.
    env:
        All of its variables.
    waiting:
        Called several times a second; what it raises ends the program and those that it started.

    Raises
    ------
    FileNotFoundError
        There is no such program.
    """
    with subprocess.Popen(
        command,
        cwd=folder,
        env=env,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        start_new_session=True,
        preexec_fn=_die_with_parent(),
    ) as process:
        try:
            output = _output(process, waiting)
        except BaseException:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            raise
    return Done(process.returncode, output.decode("utf-8", "replace"))


def _die_with_parent() -> Callable[[], None] | None:
    """Have the program end also where this process is killed (Linux: ``PR_SET_PDEATHSIG``)."""
    if sys.platform != "linux":
        return None
    import ctypes

    prctl = ctypes.CDLL(None).prctl
    return lambda: prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)


def _output(process: subprocess.Popen[bytes], waiting: Callable[[], object]) -> bytes:
    while True:
        try:
            return process.communicate(timeout=_TELL)[0]
        except subprocess.TimeoutExpired:
            waiting()

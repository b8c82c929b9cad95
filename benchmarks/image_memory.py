"""How much memory programs have at most, with all that they start."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from threading import Event, Thread

import psutil

_EVERY = 0.02  # seconds between two looks


def peak(commands: Iterable[Sequence[str]], variables: Mapping[str, str] | None = None) -> float:
    """Run programs one after another; return the most memory that one of them had with its children, in MiB.

    It is the sum of their resident memory; pages that two of them share count twice.
    """
    return max(_peak(command, variables or {}) for command in commands) / (1 << 20)


def _peak(command: Sequence[str], variables: Mapping[str, str]) -> int:
    with tempfile.TemporaryFile("w+") as output:
        environment = {**os.environ, **variables}
        process = psutil.Popen(
            command, env=environment, stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT
        )
        ended, seen = Event(), [0]
        watcher = Thread(target=_watch, args=(process, ended, seen))
        watcher.start()
        code = process.wait()
        ended.set()
        watcher.join()
        output.seek(0)
        if code:
            sys.exit(f"{' '.join(command)}\n{output.read()}")
        return max(seen)


def _watch(process: psutil.Process, ended: Event, seen: list[int]) -> None:
    while not ended.wait(_EVERY):
        seen[0] = max(seen[0], _resident(process))


def _resident(process: psutil.Process) -> int:
    total = 0
    with suppress(psutil.Error):
        for each in (process, *process.children(recursive=True)):
            with suppress(psutil.Error):
                total += each.memory_info().rss
    return total

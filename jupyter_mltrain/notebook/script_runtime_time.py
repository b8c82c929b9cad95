"""How an exported script measures and captures. ``script_preamble`` copies these definitions into it, as text."""

import contextlib
import io
import math
import os
import sys
import time
import timeit as stopwatch
from collections.abc import Callable, Iterator
from typing import Any

from .script_runtime_display import Output, captured


def duration(seconds: float, digits: int = 3) -> str:
    """Return a time as text, such as ``12.3 ms`` or ``1min 5s``."""
    if seconds < 60:
        order = min(-int(math.floor(math.log10(seconds)) // 3), 3) if seconds > 0 else 3
        return f"{seconds * 1000**order:.{digits}g} {('s', 'ms', 'μs', 'ns')[order]}"
    parts = []
    for unit, size in (("d", 86400), ("h", 3600), ("min", 60), ("s", 1)):
        count, rest = divmod(seconds, size)
        if count:
            parts.append(f"{count:.0f}{unit}")
            seconds = rest
        if seconds < 1:
            break
    return " ".join(parts)


@contextlib.contextmanager
def timed(raise_error: bool = True) -> Iterator[None]:
    """Print how long a block took: ``%time`` and ``%%time``."""
    start, before = time.time(), os.times()
    try:
        yield
    except Exception:
        if raise_error:
            raise
    finally:
        wall, after = time.time() - start, os.times()
        user, system = after.user - before.user, after.system - before.system
        print(f"CPU times: user {duration(user)}, sys: {duration(system)}, total: {duration(user + system)}")
        print(f"Wall time: {duration(wall)}")


class Timing:
    """What ``%timeit -o`` returns; times are in seconds."""

    def __init__(self, loops: int, runs: list[float], precision: int) -> None:
        self.loops, self.repeat, self.all_runs, self.precision = loops, len(runs), runs, precision
        self.timings = [run / loops for run in runs]
        self.best, self.worst = min(self.timings), max(self.timings)
        self.average = math.fsum(self.timings) / self.repeat
        self.stdev = math.sqrt(math.fsum((each - self.average) ** 2 for each in self.timings) / self.repeat)

    def __str__(self) -> str:
        mean, deviation = duration(self.average, self.precision), duration(self.stdev, self.precision)
        runs = f"{self.repeat} run{'s' * (self.repeat != 1)}, {self.loops:,} loop{'s' * (self.loops != 1)}"
        return f"{mean} ± {deviation} per loop (mean ± std. dev. of {runs} each)"

    def __repr__(self) -> str:
        return f"<TimeitResult : {self}>"


def timeit(
    statement: str,
    setup: str = "pass",
    *,
    number: int = 0,
    repeat: int = 7,
    precision: int = 3,
    quiet: bool = False,
    timer: Callable[[], float] = time.perf_counter,
) -> Timing:
    """Measure a statement among the caller's variables and print the result: ``%timeit``."""
    frame = sys._getframe(1)
    at_top = frame.f_locals is frame.f_globals
    names = frame.f_globals if at_top else {**frame.f_globals, **frame.f_locals}
    watch = stopwatch.Timer(statement, setup, timer, names)
    if not number:
        number = next((10**power for power in range(9) if watch.timeit(10**power) >= 0.2), 10**9)
    result = Timing(number, watch.repeat(repeat, number), precision)
    if not quiet:
        if result.worst > 4 * result.best > 0 and result.worst > 1e-6:
            print(f"The slowest run took {result.worst / result.best:.2f} times longer than the fastest.", end=" ")
            print("This could mean that an intermediate result is being cached.")
        print(result)
    return result


class Captured:
    """What ``%%capture`` kept of a cell: ``stdout`` and ``stderr`` are texts, ``outputs`` what was displayed."""

    def __init__(self, out: Any, err: Any) -> None:
        self.streams = out, err
        self.outputs: list[Output] = []

    stdout = property(lambda self: self.streams[0].getvalue() if self.streams[0] else "")
    stderr = property(lambda self: self.streams[1].getvalue() if self.streams[1] else "")

    def __str__(self) -> str:
        return str(self.stdout)

    def show(self) -> None:
        """Print and display it now."""
        sys.stdout.write(self.stdout)
        sys.stderr.write(self.stderr)
        for output in self.outputs:
            output.display()

    __call__ = show


@contextlib.contextmanager
def capture(stdout: bool = True, stderr: bool = True, display: bool = True) -> Iterator[Captured]:
    """Keep what a block prints and displays: ``%%capture``."""
    kept = Captured(io.StringIO() if stdout else None, io.StringIO() if stderr else None)
    streams = sys.stdout, sys.stderr
    sys.stdout, sys.stderr = kept.streams[0] or sys.stdout, kept.streams[1] or sys.stderr
    if display:
        captured.append(kept.outputs)
    try:
        yield kept
    finally:
        sys.stdout, sys.stderr = streams
        if display:
            captured.pop()

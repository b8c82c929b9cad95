"""What every benchmark prints alike: the machine, and a table of figures with their ratio."""

from __future__ import annotations

import os
import platform
import statistics
import sys
from collections.abc import Callable, Sequence
from time import perf_counter


def heading(title: str, *peers: str) -> None:
    """Print the benchmark's title, the machine, and what it is measured against."""
    print(f"# {title}")
    print(
        f"{platform.machine()}, {os.cpu_count()} CPU, Python {platform.python_version()}; {', '.join(peers)}".rstrip(
            "; "
        )
    )


def row(name: str, value: float, unit: str = "s", *, peer: float | None = None, target: str = "") -> None:
    """Print one figure, the peer's, how many times better ours is, and what was aimed at."""
    ratio = f"   peer {peer:10.3f} {unit}   ratio {peer / value:8.2f}x" if peer is not None else ""
    print(f"{name:<52} {value:10.3f} {unit}{ratio}   {target}".rstrip())
    sys.stdout.flush()


def median_time(work: Callable[[], object], repeat: int = 5) -> float:
    """Return the median of some runs, in seconds."""
    return statistics.median(timed(work) for _ in range(repeat))


def timed(work: Callable[[], object]) -> float:
    """Return the time of one run, in seconds."""
    start = perf_counter()
    work()
    return perf_counter() - start


def interleaved(ours: Callable[[], float], peer: Callable[[], float], repeat: int) -> tuple[float, float]:
    """Run both by turns, so that a noisy machine is unfair to neither; return the medians of what they return."""
    pairs: Sequence[tuple[float, float]] = [(ours(), peer()) for _ in range(repeat)]
    return statistics.median(a for a, _ in pairs), statistics.median(b for _, b in pairs)

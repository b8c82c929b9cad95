"""Time that never goes back: for one job, whatever is done to the machine's clock."""

from __future__ import annotations

import time


def _steady() -> float:
    """Return seconds that no one can set back and that go on while the machine sleeps (Linux)."""
    return time.clock_gettime(getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC))


class Clock:
    """Seconds since the epoch, never before ``floor`` and never less than it said before.

    The machine's clock is asked once; from then on a steady clock counts, so setting the time does nothing to deadlines
    and to the order of transition times.
    """

    def __init__(self, floor: float = 0.0) -> None:
        self._zero = max(time.time(), floor) - _steady()

    def __call__(self) -> float:
        """Return the time now."""
        return self._zero + _steady()

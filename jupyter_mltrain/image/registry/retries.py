"""Once more, after a pause."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from .failures import Temporary
from .options import Backoff

T = TypeVar("T")


class Tries:
    """Counts failures in a row, and waits after each."""

    def __init__(self, backoff: Backoff) -> None:
        self._backoff = backoff
        self._failures = 0
        self._furthest = 0

    def reached(self, position: int) -> None:
        """Note how far it came: where it got further than ever, failures before do not count."""
        if position > self._furthest:
            self._furthest = position
            self._failures = 0

    def failed(self, error: Temporary) -> None:
        """Wait before the next try. Raises the error where there is to be none."""
        self._failures += 1
        if self._failures >= self._backoff.attempts or (error.retry_after or 0) > self._backoff.patience:
            raise error
        self._backoff.pause(self._failures, error.retry_after)


def retried(work: Callable[[], T], backoff: Backoff) -> T:
    """Return what a work gives; where that fails for a while only, do it again. It must bear being done twice."""
    tries = Tries(backoff)
    while True:
        try:
            return work()
        except Temporary as error:
            tries.failed(error)

"""Points of metrics that wait to be written: all of them while there is room, then evenly fewer."""

from __future__ import annotations

from collections import OrderedDict
from typing import Any, Final

ROOM: Final = 40_000
"""Points and their values that wait at most, counted together: some 15 MiB."""

_Series = tuple[str, ...]  # the names of a point's metrics


class Backlog:
    """Points in the order in which they came.

    When there is no room, every second point of each series is left out, then every second one of those that are left,
    and so on, until all that waited is taken; the points of a series have the same metrics. So a curve becomes coarser
    instead of losing a piece, a metric that is reported now and then does not vanish beside one that is reported at
    each step, and the newest point of a series is always there.

    Parameters
    ----------
    room:
        For points and their values, counted together.

    Attributes
    ----------
    left_out:
        Points that are not here for want of room.
    """

    def __init__(self, room: int = ROOM) -> None:
        self.left_out = 0
        self._room = room
        self._used = 0
        self._stride = 1  # of a series, the points whose number it divides are kept
        self._next: dict[_Series, int] = {}  # number of a series' next point
        self._points: OrderedDict[tuple[_Series, int], dict[str, Any]] = OrderedDict()

    def __len__(self) -> int:
        return len(self._points)

    def add(self, point: dict[str, Any]) -> None:
        """Take a point that has ``values``."""
        series = tuple(point["values"])
        number = self._next.get(series, 0)
        self._next[series] = number + 1
        if (number - 1) % self._stride:  # it was here as the newest one only
            self._leave_out((series, number - 1))
        self._points[series, number] = point
        self._used += 1 + len(series)
        if self._used > self._room:
            self._thin()

    def take(self) -> dict[str, Any]:
        """Remove the oldest point and return it."""
        (series, _), point = self._points.popitem(last=False)
        self._used -= 1 + len(series)
        if not self._points:
            self._stride = 1
            self._next.clear()
        return point

    def _thin(self) -> None:
        self._stride *= 2
        newest = dict(self._points.keys())
        for series, number in list(self._points):
            if number % self._stride and number != newest[series]:
                self._leave_out((series, number))
        while self._used > self._room * 3 // 4:  # very many series
            self._leave_out(next(iter(self._points)))
        self._next = {series: number + 1 for series, number in newest.items()}

    def _leave_out(self, key: tuple[_Series, int]) -> None:
        if self._points.pop(key, None) is not None:
            self._used -= 1 + len(key[0])
            self.left_out += 1

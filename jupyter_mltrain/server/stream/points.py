"""Points that a replica has reported, and the versions with which they came."""

from __future__ import annotations

import itertools
from collections import deque
from typing import Any

from ...runner.records import Rebuilder, Record, unpack_metric
from ...runner.records.rebuild import METRICS_KEPT
from ...service.summary import finite, newest_metrics

Stamped = tuple[int, dict[str, Any]]
"""A point as a ``Rebuilder`` has it, and the version with which it came."""


class Points:
    """The newest points that a run reported, oldest first, and the versions with which they came.

    Parameters
    ----------
    kept:
        How many of them.

    Attributes
    ----------
    version:
        With which the newest came.
    newest:
        The newest value of each metric; None: not finite.
    """

    def __init__(self, kept: int = METRICS_KEPT) -> None:
        self.version = 0
        self.newest: dict[str, float | None] = {}
        self._points: deque[Stamped] = deque(maxlen=kept)
        self._complete = 0  # since this version nothing was lost

    def take(self, record: Record, rebuilder: Rebuilder, version: int) -> None:
        """Take what a record tells of points; the rebuilder has taken it before."""
        if record.type == "metrics":
            values = {name: unpack_metric(value) for name, value in record.data["values"].items()}
            self.add({**record.data, "values": values}, version)
        elif record.type in ("run", "synced"):
            self.replace(rebuilder.metrics, version)

    def add(self, point: dict[str, Any], version: int) -> None:
        """Take the next point."""
        if len(self._points) == self._points.maxlen:
            self._complete = self._points[0][0]
        self.version = version
        self._points.append((version, point))
        self.newest |= finite(point["values"])

    def replace(self, points: list[dict[str, Any]], version: int) -> None:
        """Take other points instead."""
        self.version = self._complete = version
        self._points.clear()
        self._points.extend((version, point) for point in points)
        self.newest = newest_metrics(points)

    def all(self) -> list[Stamped]:
        """Return what there is, each with its version."""
        return list(self._points)

    def since(self, version: int) -> list[Stamped] | None:
        """Return what came after a version; None: some of it is lost."""
        if version < self._complete:
            return None
        newer = itertools.takewhile(lambda item: item[0] > version, reversed(self._points))
        return list(newer)[::-1]

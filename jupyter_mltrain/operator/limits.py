"""Limits in seconds: a deadline, a time to live."""

from __future__ import annotations

from datetime import datetime

from ..model.job import parse_timestamp


def seconds_left(limit: int, since: str, now: datetime) -> float:
    """Return the seconds that are left of a limit; 0 or less: it is over.

    The API server takes any int64, and neither a ``datetime`` nor a ``timedelta`` reaches that far: a limit beyond the
    calendar never comes. (The controllers count nanoseconds in an int64, so past 292 years theirs wraps around; that is
    not followed here.)
    """
    return limit - (now - parse_timestamp(since)).total_seconds()

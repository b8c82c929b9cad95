"""What went wrong."""

from __future__ import annotations

from typing import Any

from .base import Wire


class Error(Wire):
    """What went wrong: the body of every answer from 400 on, and of an ``error`` message."""

    code: str
    """A stable word, e.g. ``not-found``."""
    message: str
    """One sentence: what was tried and what was wrong."""
    hint: str = ""
    """What to do about it."""
    details: dict[str, Any] = {}
    """``field`` points at the input that is wrong; others depend on the code."""

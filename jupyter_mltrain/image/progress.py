"""What a build tells while it works."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

Step = Literal["base", "lock", "fetch", "layer", "push", "write"]
State = Literal["running", "done", "cached", "mounted", "present"]


@dataclass(frozen=True, slots=True)
class Progress:
    """How far one piece of work has come.

    Attributes
    ----------
    step:
        What is done with it.
    name:
        Which piece, for people: a wheel, a layer, a reference. With ``step`` it tells pieces apart.
    done, total:
        Bytes; ``total`` is 0 where nobody knows it.
    state:
        ``cached``: it was here; ``present``: the registry had it; ``mounted``: the registry took it from elsewhere.
    detail:
        What another tool that does the work says just now: one line.
    """

    step: Step
    name: str
    done: int = 0
    total: int = 0
    state: State = "running"
    detail: str = ""


Report = Callable[[Progress], None]
"""Takes progress, from any thread, and returns at once. What it raises ends the build: so a build is cancelled."""


def ignore(progress: Progress) -> None:
    """Take progress and do nothing."""

"""Findings: what a check noticed before anything was done."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from enum import StrEnum
from typing import Any


class Severity(StrEnum):
    """How much a finding matters."""

    ERROR = "error"  # would fail: submit refuses unless told otherwise
    WARNING = "warning"  # likely not what the user wants
    INFO = "info"


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that a check noticed.

    Attributes
    ----------
    code:
        A stable word, e.g. ``"undefined-name"``.
    message:
        One sentence: what is wrong and where.
    hint:
        What to do about it, or ``""``.
    where:
        ``{"cell": 3, "line": 2}`` (cell counted from 0 in the notebook as it is, line from 1),
        ``{"file": "lib/a.py", "line": 2}`` for a module that is shipped with it,
        ``{"field": "roles.Worker.memory"}`` or ``{}``.
    fix:
        What would mend it, where that is a field's value: ``{"roles.Worker.replicas": 1}``, or
        ``{"parameters.batch_size": 64}``; None leaves the field out.
    """

    code: str
    severity: Severity
    message: str
    hint: str = ""
    where: dict[str, Any] = field(default_factory=dict)
    fix: dict[str, Any] = field(default_factory=dict)

    @property
    def place(self) -> str:
        """``"cell 2, line 3"`` as people count, ``"lib/a.py, line 3"``, or ``""``."""
        cell = f"cell {self.where['cell'] + 1}" if "cell" in self.where else ""
        line = f"line {self.where['line']}" if "line" in self.where else ""
        return ", ".join(filter(None, [self.where.get("file") or cell, line]))

    def to_dict(self) -> dict[str, Any]:
        """Return the finding as a JSON object; ``fix`` is there if there is one."""
        found = asdict(self)
        return found if self.fix else {name: value for name, value in found.items() if name != "fix"}

"""What a submission would do, and what was noticed about it."""

from __future__ import annotations

from typing import Any, Literal

from .base import Wire


class Finding(Wire):
    """One thing that a check noticed."""

    code: str
    severity: Literal["error", "warning", "info"]
    message: str
    hint: str = ""
    where: dict[str, Any] = {}
    fix: dict[str, Any] = {}
    """What would mend it: a field's path -> its value, null to leave it out; ``parameters.NAME`` is a parameter."""


class Plan(Wire):
    """What a submission would do, before it does anything."""

    id: str
    name: str
    """Name that the job would get."""
    parameters: dict[str, Any]
    form: tuple[dict[str, Any], ...]
    """The parameters cell as a form: name, type, default | expression | required, help, annotation.

    ``text`` is the default as people write it, with all digits.
    """
    program: str
    """Hash."""
    requirements: tuple[str, ...] = ()
    files: tuple[str, ...] = ()
    """What is shipped beside the notebook."""
    framework: str
    spec: dict[str, Any]
    """The whole ``TrainingSpec``, defaults filled in."""
    manifest: dict[str, Any]
    yaml: str
    findings: tuple[Finding, ...] = ()
    notes: tuple[str, ...] = ()
    refused: bool


class Export(Wire):
    """A notebook written as something else; the answer of ``POST plans/export``."""

    text: str
    findings: tuple[Finding, ...] = ()

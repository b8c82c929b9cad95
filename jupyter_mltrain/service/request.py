"""What a caller asks for, and what the service answers: plain values, no effects."""

from __future__ import annotations

import math
import re
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..errors import InvalidInput
from ..model.findings import Finding, Severity
from ..model.job import JobStatus, Manifest
from ..notebook.program import Program

if TYPE_CHECKING:
    from ..model.spec import TrainingSpec

_GPU = re.compile(r"(?:(?P<product>[A-Za-z][\w.+-]*)(?::(?P<count>[1-9]\d*))?|(?P<only>[1-9]\d*))", re.ASCII)


def new_job_id() -> str:
    """Return a fresh id: 12 hex digits."""
    return uuid.uuid4().hex[:12]


def parse_gpu(text: str) -> dict[str, Any]:
    """Read ``NVIDIA-H200:2``, ``NVIDIA-H200`` or ``2`` as the spec's ``gpu``. Raises ``InvalidInput``."""
    match = _GPU.fullmatch(text)
    if match is None:
        raise InvalidInput(f"GPU {text!r} is neither COUNT nor PRODUCT:COUNT", hint="For example NVIDIA-H200:1")
    return {"product": match["product"], "count": int(match["only"] or match["count"] or 1)}


@dataclass(frozen=True, slots=True)
class Request:
    """A notebook and how it is to be trained.

    Attributes
    ----------
    notebook:
        The file. It is read once, when the plan is made.
    spec:
        ``TrainingSpec`` as a JSON object; without ``framework`` it is found out from the notebook's imports.
    roles:
        Replica counts and resources that every role gets: see ``planning.make_roles``.
    parameters, parameter_texts:
        Typed values, and texts as a command line gives them, which win.
    requirements:
        Changes to what the notebook is found to need: see ``Requirements.changed``.
    include, root, python:
        As ``notebook.freeze`` takes them.
    base:
        Folder that relative paths among the parameter values start from; None: the current one.
    noted_as:
        Path of the notebook that the job notes down, where the file has another name for its user; "": the file's own.
    """

    notebook: Path
    spec: Mapping[str, Any] = field(default_factory=dict)
    roles: Mapping[str, Any] = field(default_factory=dict)
    parameters: Mapping[str, Any] = field(default_factory=dict)
    parameter_texts: Mapping[str, str] = field(default_factory=dict)
    requirements: Mapping[str, str | None] = field(default_factory=dict)
    include: Sequence[str] = ()
    root: Path | None = None
    python: str | None = None
    base: Path | None = None
    noted_as: str = ""


@dataclass(frozen=True, slots=True)
class Plan:
    """Everything that a submit would do, before it does anything."""

    job_id: str
    program: Program
    blobs: Mapping[str, Path | bytes]
    provenance: Mapping[str, Any]
    parameters: Mapping[str, Any]
    manifest: Manifest
    findings: tuple[Finding, ...]
    spec: TrainingSpec
    notes: tuple[str, ...] = ()
    """What was done to the input, in words: a path made absolute, a framework found out."""

    @property
    def refused(self) -> bool:
        """Whether a finding is an error."""
        return any(finding.severity is Severity.ERROR for finding in self.findings)

    def summary(self) -> str:
        """Return one line: what would run, and how it looks."""
        errors = sum(finding.severity is Severity.ERROR for finding in self.findings)
        warnings = sum(finding.severity is Severity.WARNING for finding in self.findings)
        kind, name = self.manifest["kind"], self.manifest["metadata"]["name"]
        return f"{kind} {name}, program {self.program.digest[:19]}: {errors} error(s), {warnings} warning(s)"

    def to_dict(self) -> dict[str, Any]:
        """Return the plan as a JSON object."""
        return {
            "id": self.job_id,
            "program": self.program.to_dict(),
            "provenance": dict(self.provenance),
            "parameters": dict(self.parameters),
            "spec": self.spec.model_dump(mode="json"),
            "manifest": self.manifest,
            "findings": [finding.to_dict() for finding in self.findings],
            "notes": list(self.notes),
            "refused": self.refused,
        }


@dataclass(frozen=True, slots=True)
class Export:
    """A notebook written as something else."""

    text: str
    findings: tuple[Finding, ...] = ()
    path: Path | None = None

    @property
    def incomplete(self) -> bool:
        """Whether something of the notebook could not be turned."""
        return any(finding.severity is Severity.ERROR for finding in self.findings)

    def to_dict(self) -> dict[str, Any]:
        """Return the export as a JSON object."""
        return {
            "path": None if self.path is None else str(self.path),
            "text": self.text,
            "findings": [finding.to_dict() for finding in self.findings],
        }


@dataclass(frozen=True, slots=True)
class RunProgress:
    """How far the leader's notebook has come."""

    done: int
    total: int
    running: int | None = None  # index of the cell, from 0
    title: str = ""  # first line of the running cell, or how the run ended
    fraction: float = 0.0  # from 0 to 1: cells, and the part of the running one that the run itself reports

    @property
    def number(self) -> int:
        """The running cell as people count, or the number of cells done."""
        return self.done if self.running is None else self.done + 1


@dataclass(frozen=True, slots=True)
class Metric:
    """One report of the run: ``{"loss": 0.0105}`` at a step."""

    values: Mapping[str, float]
    step: int | None = None
    time: float | None = None  # seconds since the epoch
    replica: str = ""  # name of its pod; "" where only the leader's are meant

    def to_dict(self) -> dict[str, Any]:
        """Return ``{"step": 3, "loss": 0.0078}``. JSON knows no infinity and no NaN: they become null."""
        return {"step": self.step, **{k: v if math.isfinite(v) else None for k, v in self.values.items()}}

    def __str__(self) -> str:
        """Return ``step 3  loss 0.0078``."""
        step = [] if self.step is None else [f"step {self.step}"]
        return "  ".join([*step, *(f"{name} {value:.6g}" for name, value in self.values.items())])


@dataclass(frozen=True, slots=True)
class Update:
    """One step of following a job."""

    job: JobStatus
    progress: RunProgress | None = None
    metrics: tuple[Metric, ...] = ()  # new since the update before
    error: str = ""  # what ended the leader's notebook, in words

    def to_dict(self) -> dict[str, Any]:
        """Return the update as a JSON object."""
        return {
            "job": self.job.to_dict(),
            "progress": None if self.progress is None else asdict(self.progress),
            "metrics": [metric.to_dict() for metric in self.metrics],
            "error": self.error,
        }


@dataclass(frozen=True, slots=True)
class Output:
    """One thing that a job left behind."""

    word: str  # notebook, model or outputs
    path: str


@dataclass(frozen=True, slots=True)
class Recovery:
    """The ids of the jobs that were looked after, and of those that were deleted for want of space."""

    recovered: tuple[str, ...]
    pruned: tuple[str, ...]

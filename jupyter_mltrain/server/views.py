"""What the service says, as what crosses the wire."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import asdict
from typing import Any

from ..manifests import parameters_of
from ..model.findings import Finding
from ..model.job import Event, JobStatus, ReplicaState
from ..service import Metric, Plan
from ..service.summary import UNKNOWN, RunState, finite, summarize
from . import wire


def job_summary(job: JobStatus, run: RunState = UNKNOWN, *, suspend: bool = True) -> wire.JobSummary:
    """Return the row of a job; ``suspend`` says whether its backend can suspend jobs."""
    return wire.JobSummary.model_validate(summarize(job, run, suspend=suspend), from_attributes=True)


def job(status: JobStatus, run: RunState, events: Iterable[Event], *, suspend: bool = True) -> wire.Job:
    """Return everything about a job that changes while it runs."""
    return wire.Job(
        summary=job_summary(status, run, suspend=suspend),
        conditions=tuple(wire.Condition(**asdict(condition)) for condition in status.conditions),
        replicas=tuple(replica(state, leader=state == status.leader) for state in status.replicas),
        events=tuple(map(event, events)),
        manifest=status.manifest,
        status=status.status,
        outputs=status.outputs,
        parameters=parameters_of(status.manifest),
    )


def replica(state: ReplicaState, *, leader: bool) -> wire.Replica:
    """Return one replica."""
    return wire.Replica(**asdict(state), leader=leader)


def event(found: Event) -> wire.Event:
    """Return one event; whatever is no warning is normal."""
    kind = "Warning" if found.type == "Warning" else "Normal"
    return wire.Event.model_validate({**asdict(found), "type": kind})


def metric(report: Metric, replica: str) -> wire.Metric:
    """Return one report of metrics."""
    return wire.Metric(step=report.step, time=report.time or 0.0, values=finite(report.values), replica=replica)


def finding(found: Finding) -> wire.Finding:
    """Return one finding of a check."""
    return wire.Finding.model_validate(found.to_dict())


def plan(made: Plan, spec: dict[str, Any], text: str) -> wire.Plan:
    """Return a plan.

    Parameters
    ----------
    spec:
        The whole ``TrainingSpec`` as JSON.
    text:
        The manifest as YAML.
    """
    return wire.Plan(
        id=made.job_id,
        name=made.manifest["metadata"]["name"],
        parameters=dict(made.parameters),
        form=tuple(made.program.parameters.to_dict()),
        program=made.program.digest,
        requirements=tuple(made.program.requirements.lines()),
        files=tuple(file.path for file in made.program.files),
        framework=spec["framework"],
        spec=spec,
        manifest=made.manifest,
        yaml=text,
        findings=findings(made.findings),
        notes=made.notes,
        refused=made.refused,
    )


def findings(found: Sequence[Finding]) -> tuple[wire.Finding, ...]:
    """Return findings, in the same order."""
    return tuple(map(finding, found))

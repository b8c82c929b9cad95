"""What the service says, as what crosses the wire."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from ..errors import MltrainError
from ..manifests import parameters_of
from ..model.findings import Finding
from ..model.job import Event, JobStatus, ReplicaState
from ..service import Metric, Plan
from ..service.summary import UNKNOWN, RunState, finite, summarize
from . import wire

if TYPE_CHECKING:
    from ..service.images import BuiltImage, ImagePlan


def error_view(error: MltrainError) -> wire.Error:
    """Return an error."""
    return wire.Error.model_validate(error.to_dict())


def summary_view(job: JobStatus, run: RunState = UNKNOWN, *, suspend: bool = True) -> wire.JobSummary:
    """Return the row of a job; ``suspend`` says whether its backend can suspend jobs."""
    return wire.JobSummary.model_validate(summarize(job, run, suspend=suspend), from_attributes=True)


def job_view(
    job: JobStatus, run: RunState = UNKNOWN, events: Iterable[Event] = (), *, suspend: bool = True
) -> wire.Job:
    """Return everything about a job that changes while it runs."""
    parameters = parameters_of(job.manifest)
    return wire.Job(
        summary=summary_view(job, run, suspend=suspend),
        conditions=tuple(wire.Condition(**asdict(condition)) for condition in job.conditions),
        replicas=tuple(_replica(state, leader=state == job.leader) for state in job.replicas),
        events=tuple(map(event_view, events)),
        manifest=job.manifest,
        status=job.status,
        outputs=job.outputs,
        parameters=parameters,
        texts=texts_view(parameters),
    )


def texts_view(values: Mapping[str, Any]) -> dict[str, str]:
    """Return values as people write them: texts as they are, all else as JSON, None as Python has it.

    JavaScript's numbers are doubles: of a whole number beyond 2**53 a browser knows the digits only from here.
    """
    return {name: _written(value) for name, value in values.items()}


def _written(value: Any) -> str:
    if value is None:
        return "None"
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _replica(state: ReplicaState, *, leader: bool) -> wire.Replica:
    return wire.Replica(**asdict(state), leader=leader)


def event_view(event: Event) -> wire.Event:
    """Return one event; whatever is no warning is normal."""
    kind = "Warning" if event.type == "Warning" else "Normal"
    return wire.Event.model_validate({**asdict(event), "type": kind})


def metric_view(report: Metric) -> wire.Metric:
    """Return one report of metrics."""
    values = finite(report.values)
    return wire.Metric(step=report.step, time=report.time or 0.0, values=values, replica=report.replica)


def findings_view(findings: Iterable[Finding]) -> tuple[wire.Finding, ...]:
    """Return findings, in the same order."""
    return tuple(wire.Finding.model_validate(finding.to_dict()) for finding in findings)


def _with_text(field: dict[str, Any]) -> dict[str, Any]:
    return field | ({"text": _written(field["default"])} if "default" in field else {})


def plan_view(plan: Plan) -> wire.Plan:
    """Return a plan."""
    from ..manifests import to_yaml

    return wire.Plan(
        id=plan.job_id,
        name=plan.manifest["metadata"]["name"],
        parameters=dict(plan.parameters),
        form=tuple(map(_with_text, plan.program.parameters.to_dict())),
        program=plan.program.digest,
        requirements=tuple(plan.program.requirements.lines()),
        files=tuple(file.path for file in plan.program.files),
        framework=plan.spec.framework.value,
        spec=plan.spec.model_dump(mode="json"),
        manifest=plan.manifest,
        yaml=to_yaml(plan.manifest),
        findings=findings_view(plan.findings),
        notes=plan.notes,
        refused=plan.refused,
    )


def image_plan_view(plan: ImagePlan) -> wire.ImagePlan:
    """Return the plan of an image."""
    return wire.ImagePlan.model_validate(plan.to_dict())


def built_view(image: BuiltImage) -> wire.BuiltImage:
    """Return an image that was made."""
    found = asdict(image)
    return wire.BuiltImage.model_validate({name: found[name] for name in wire.BuiltImage.model_fields})

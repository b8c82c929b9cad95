"""The rules of the Training Operator and of Kubernetes' Job controller as pure functions: no clock, no I/O.

What the real controllers do with a job is said by :func:`reconcile`, what the API server and its webhooks say of a
manifest by :func:`validate`. Sources: kubeflow/training-operator v1.9.4 and Kubernetes 1.36.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any

from ..errors import ManifestError
from .types import (
    Action,
    CreatePod,
    CreateService,
    Decision,
    DeleteJob,
    DeletePod,
    DeleteService,
    OperatorEvent,
    Pod,
)

if TYPE_CHECKING:
    from ..model.findings import Finding
    from .validation import Verdict

__all__ = [
    "Action",
    "CreatePod",
    "CreateService",
    "Decision",
    "DeleteJob",
    "DeletePod",
    "DeleteService",
    "OperatorEvent",
    "Pod",
    "check_manifest",
    "failed",
    "findings",
    "published",
    "reconcile",
    "validate",
]


def reconcile(
    manifest: Mapping[str, Any],
    pods: Sequence[Pod],
    now: datetime,
    status: Mapping[str, Any],
    *,
    services: Collection[str] | None = None,
) -> Decision:
    """Return what the controller of a job would do now.

    Call it when the job is created, after any change of the manifest or a pod, after carrying out the actions of the
    last decision, and when ``requeue_after`` has passed; the job is at rest once a decision changes nothing.

    Parameters
    ----------
    manifest:
        A valid TFJob, PyTorchJob (``kubeflow.org/v1``) or Job (``batch/v1``), defaults left out or not.
    pods:
        All pods of the job that still exist, in any order.
    now:
        The time, with a time zone.
    status:
        The job's status as the last decision left it, ``{}`` at first.
    services:
        Names of the job's services; ``None`` where services are not kept, then none is made or removed.

    Raises
    ------
    ManifestError
        Jobs of that kind have no rules here.
    """
    kind = manifest.get("kind")
    if kind == "Job":
        from . import job

        return job.reconcile(manifest, pods, now, status)
    from .kubeflow import reconcile as kubeflow_reconcile
    from .pytorchjob import PyTorchJob
    from .tfjob import TFJob

    frameworks = {"TFJob": TFJob, "PyTorchJob": PyTorchJob}
    if kind not in frameworks:
        raise ManifestError(
            f"There are no rules for a job of kind {kind!r}.",
            hint="Use kind TFJob, PyTorchJob (kubeflow.org/v1) or Job (batch/v1).",
            field="kind",
        )
    return kubeflow_reconcile(frameworks[kind](), manifest, pods, now, status, services)


def validate(manifest: Mapping[str, Any]) -> Verdict:
    """Return the verdict of the API server and its webhooks on a manifest: accepted, or why not."""
    from . import validation

    return validation.validate(manifest)


def check_manifest(manifest: Mapping[str, Any]) -> None:
    """Let an acceptable manifest pass. Raises ``ManifestError`` with the server's words and what to do about it."""
    from . import validation

    validation.check_manifest(manifest)


def findings(manifest: Mapping[str, Any]) -> list[Finding]:
    """Return why a manifest that :func:`validate` accepts would nevertheless never run; empty where it would."""
    from . import preflight

    return preflight.findings(manifest)


def failed(kind: str, status: Mapping[str, Any], now: datetime, reason: str, message: str) -> dict[str, Any]:
    """Return the status of a job that had not ended, failed for a reason of which the rules know nothing."""
    from . import conditions

    return conditions.failed(kind, status, now, reason, message)


def published(status: Mapping[str, Any]) -> dict[str, Any]:
    """Return a status as Kubernetes would show it: without what the rules of batch/v1 Jobs keep in it."""
    from . import job_tracking

    return job_tracking.published(status)

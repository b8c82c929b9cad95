"""No framework that an operator knows: a plain Job, ``batch/v1``."""

from __future__ import annotations

from typing import Any

from ..model.job import Manifest
from ..model.spec import TrainingSpec
from .kubeflow import backoff_limit
from .pod import pod_template, present
from .run import Run, metadata


def build(spec: TrainingSpec, run: Run) -> Manifest:
    """Return the Job that runs a program; several replicas become an Indexed Job, all at once.

    Kubernetes would run a failed notebook six times more; here once is enough unless the spec says otherwise.
    """
    policy = spec.run_policy
    return {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": metadata(spec, run),
        "spec": present(
            {
                **_completions(spec.replicas),
                "backoffLimit": backoff_limit(spec) or 0,
                "activeDeadlineSeconds": policy.active_deadline_seconds,
                "ttlSecondsAfterFinished": policy.ttl_seconds_after_finished,
                "suspend": policy.suspend or None,
                "template": _template(spec, run),
            }
        ),
    }


def _completions(replicas: int) -> dict[str, Any]:
    if replicas == 1:
        return {}
    return {"completions": replicas, "parallelism": replicas, "completionMode": "Indexed"}


def _template(spec: TrainingSpec, run: Run) -> dict[str, Any]:
    template = pod_template(spec, run, "Worker", container="main")
    return {**template, "spec": {"restartPolicy": spec.restart_policy("Worker"), **template["spec"]}}

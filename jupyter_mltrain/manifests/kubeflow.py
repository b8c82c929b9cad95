"""What TFJob and PyTorchJob have in common: replica specs and the run policy."""

from __future__ import annotations

from typing import Any, Final

from ..model.spec import ROLES, Scheduling, TrainingSpec
from .pod import pod_template, present
from .run import Run

API_VERSION: Final = "kubeflow.org/v1"

_RESTARTS_PER_REPLICA: Final = 3


def replica_specs(spec: TrainingSpec, run: Run, *, container: str) -> dict[str, Any]:
    """Return ``{role: {replicas, restartPolicy, template}}``, the roles in a fixed order."""
    return {
        role: {
            "replicas": spec.roles[role].replicas,
            "restartPolicy": spec.restart_policy(role),
            "template": pod_template(spec, run, role, container=container),
        }
        for role in ROLES[spec.framework]
        if role in spec.roles
    }


def run_policy(spec: TrainingSpec) -> dict[str, Any]:
    """Return ``spec.runPolicy``; nothing of it may stand at the top level, where it would be dropped."""
    policy = spec.run_policy
    return present(
        {
            "cleanPodPolicy": policy.clean_pod_policy,
            "ttlSecondsAfterFinished": policy.ttl_seconds_after_finished,
            "activeDeadlineSeconds": policy.active_deadline_seconds,
            "backoffLimit": backoff_limit(spec),
            "suspend": policy.suspend or None,
            "schedulingPolicy": _scheduling_policy(policy.scheduling),
        }
    )


def backoff_limit(spec: TrainingSpec) -> int | None:
    """Return the limit asked for; else three for each replica that restarts in place, ``None`` where none does.

    The operator has no limit by default, so a notebook with an error would be restarted for ever. Restarts of all
    replicas add up, and one lost worker makes its peers fail too: hence for each replica.
    """
    if spec.run_policy.backoff_limit is not None:
        return spec.run_policy.backoff_limit
    restarting = [role for name, role in spec.roles.items() if spec.restart_policy(name) in ("OnFailure", "Always")]
    return sum(role.replicas for role in restarting) * _RESTARTS_PER_REPLICA or None


def _scheduling_policy(scheduling: Scheduling | None) -> dict[str, Any] | None:
    if scheduling is None:
        return None
    return present(
        {
            "minAvailable": scheduling.min_available,
            "queue": scheduling.queue,
            "priorityClass": scheduling.priority_class,
            "scheduleTimeoutSeconds": scheduling.schedule_timeout_seconds,
        }
    )

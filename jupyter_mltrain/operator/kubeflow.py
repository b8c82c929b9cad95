"""What TFJob and PyTorchJob have in common: one sync of the operator (``pkg/controller.v1/common/job.go``)."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections import defaultdict
from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import datetime
from typing import Any, ClassVar

from . import conditions as cond
from . import pods as templates
from .limits import seconds_left
from .spec import Conventions, JobSpec, Replica
from .sync import Aborted, Sync, begin
from .types import Decision, DeleteJob, Manifest, Pod

_RETRYABLE = 128
"""Exit codes from here on (signals) are worth another try under ExitCode."""

Walk = Callable[[Sequence[str]], Sequence[str]]
"""The order in which roles are visited, where the operator walks a Go map and so takes any order."""


class Framework(ABC):
    """One kind of job: its names, what its pods get, and when it runs, succeeds or fails."""

    conventions: ClassVar[Conventions]

    @abstractmethod
    def read(self, manifest: Mapping[str, Any]) -> JobSpec:
        """Return the job with its defaults."""

    @abstractmethod
    def is_master(self, job: JobSpec, role: str, index: int) -> bool:
        """Whether the pod carries the label ``job-role=master``."""

    @abstractmethod
    def add_environment(self, job: JobSpec, pod: Manifest, role: str, index: int) -> None:
        """Append to the pod's containers the variables by which the replicas find each other."""

    @abstractmethod
    def update_status(self, sync: Sync, walk: Walk) -> None:
        """Set conditions and times from the counts."""


def reconcile(
    framework: Framework,
    manifest: Mapping[str, Any],
    pods: Sequence[Pod],
    now: datetime,
    status: Mapping[str, Any],
    services: Collection[str] | None = None,
    walk: Walk = tuple,
) -> Decision:
    """Return what the operator would do now. See :func:`jupyter_mltrain.operator.reconcile`."""
    job = framework.read(manifest)
    if job.managed_elsewhere:
        return Decision(dict(status))
    sync = begin(job, pods, now, status, services)
    try:
        _sync(framework, sync, walk)
    except Aborted:
        sync.status = dict(status)
    if not sync.status.get("replicaStatuses"):
        sync.status.pop("replicaStatuses", None)
    return Decision(sync.status, tuple(sync.actions), tuple(sync.events), _requeue_after(sync))


def _sync(framework: Framework, sync: Sync, walk: Walk) -> None:
    if sync.finished:
        _clean_up(sync)
        if sync.is_true(cond.SUCCEEDED):
            _count_active_as_succeeded(sync)
    elif sync.job.suspended:
        _suspend(sync)
    else:
        if sync.is_true(cond.SUSPENDED):
            _resume(sync)
        excess = _limit_exceeded(sync)
        if excess:
            sync.fail(f"Job {sync.job.name} has failed because {excess}")
            _clean_up(sync)
        else:
            for role in walk(list(sync.job.roles)):
                _reconcile_pods(framework, sync, role)
                _reconcile_services(sync, role)
            framework.update_status(sync, walk)


def _clean_up(sync: Sync) -> None:
    _delete_pods_and_services(sync)
    ttl = _time_to_live(sync)
    if ttl is not None and ttl < 0:
        sync.actions.append(DeleteJob())
        reason = "SuccessfulDeleteJob" if sync.job.kind == "TFJob" else "SuccessfulDeletePod"
        sync.record("Normal", reason, f"Deleted job: {sync.job.name}")


def _delete_pods_and_services(sync: Sync) -> None:
    # The policy is only for jobs that have ended: a suspended one loses all its pods.
    policy = sync.job.clean_pod_policy if sync.finished else "All"
    if policy == "None":
        return
    for pod in sync.pods:
        # A pending pod would start once there is room, so Running takes it along.
        if policy != "Running" or pod.phase in ("Running", "Pending"):
            sync.delete_pod(pod)
            sync.delete_service(pod.name)


def _time_to_live(sync: Sync) -> float | None:
    """Return how many seconds a finished job has still to live; ``None``: for ever."""
    ttl = sync.job.run_policy.get("ttlSecondsAfterFinished")
    if ttl is None or sync.job.suspended:
        return None
    if "completionTime" not in sync.status:
        # A permanent exit code under ExitCode leaves no completion time: the operator then fails at each sync.
        raise Aborted
    return seconds_left(ttl, sync.status["completionTime"], sync.now)


def _count_active_as_succeeded(sync: Sync) -> None:
    for counts in sync.replica_statuses.values():
        succeeded = counts.get("succeeded", 0) + counts.pop("active", 0)
        if succeeded:
            counts["succeeded"] = succeeded


def _suspend(sync: Sync) -> None:
    _delete_pods_and_services(sync)
    for counts in sync.replica_statuses.values():
        counts.pop("active", None)
    message = f"{sync.job.kind} {sync.job.name} is suspended."
    reason = f"{sync.job.kind}{cond.SUSPENDED}"
    if sync.is_true(cond.RUNNING):
        sync.set_condition(cond.RUNNING, message, status="False", reason=reason)
    sync.set_condition(cond.SUSPENDED, message)
    sync.announce(cond.SUSPENDED, message)


def _resume(sync: Sync) -> None:
    message = f"{sync.job.kind} {sync.job.name} is resumed."
    reason = f"{sync.job.kind}Resumed"
    sync.set_condition(cond.SUSPENDED, message, status="False", reason=reason)
    sync.status.pop("startTime", None)
    sync.start()
    sync.record("Normal", reason, message)


def _limit_exceeded(sync: Sync) -> str:
    """Return which limit the job has passed, in the operator's words, or ``""``."""
    limit = sync.job.run_policy.get("backoffLimit")
    if limit is not None and (_has_new_failure(sync, limit) or _has_restarted_too_often(sync, limit)):
        return "it has reached the specified backoff limit"
    remaining = _until_deadline(sync)
    if remaining is not None and remaining <= 0:
        return "it was active longer than specified deadline"
    return ""


def _has_new_failure(sync: Sync, limit: int) -> bool:
    # The operator compares with the retries of its work queue, which it has replaced by one that always says 0.
    # So this rule only bites at limit 0, and then before the counts are taken: they stay as they were.
    failed = sum(pod.phase == "Failed" for pod in sync.pods)
    known = sum(counts.get("failed", 0) for counts in sync.replica_statuses.values())
    active = sum(not pod.finished and not pod.deleting for pod in sync.pods)
    return failed > known and active != sync.job.total_replicas and limit < 1


def _has_restarted_too_often(sync: Sync, limit: int) -> bool:
    restarts = sum(
        pod.restart_count
        for role, replica in sync.job.roles.items()
        if replica.restart_policy in ("OnFailure", "Always", "ExitCode")
        for pod in sync.pods_of(role)
        if pod.phase == "Running"
    )
    return restarts > 0 if limit == 0 else restarts >= limit


def _until_deadline(sync: Sync) -> float | None:
    deadline = sync.job.run_policy.get("activeDeadlineSeconds")
    if deadline is None or "startTime" not in sync.status:
        return None
    return seconds_left(deadline, sync.status["startTime"], sync.now)


def _reconcile_pods(framework: Framework, sync: Sync, role: str) -> None:
    job, replica = sync.job, sync.job.roles[role]
    sync.replica_statuses[role] = {}
    by_index = defaultdict(list)
    for pod in sync.pods_of(role):
        by_index[pod.index].append(pod)
    for index in _indices(list(by_index), replica.replicas):
        found = by_index[index]
        if not found:
            manifest = templates.pod(job, role, index, master=framework.is_master(job, role, index))
            framework.add_environment(job, manifest, role, index)
            _warn_of_template_policy(sync, replica)
            sync.create_pod(role, index, manifest)
        elif len(found) == 1:
            _look_at(sync, role, replica, found[0])


def _indices(found: Sequence[int], replicas: int) -> range:
    # Never empty: with 0 replicas the operator makes pod 0, then finds that it is one too many, and so on.
    return range(max([1, replicas, *(index + 1 for index in found)]))


def _warn_of_template_policy(sync: Sync, replica: Replica) -> None:
    if replica.template["spec"].get("restartPolicy"):
        message = "Restart policy in pod template will be overwritten by restart policy in replica spec"
        sync.record("Warning", "SetPodTemplateRestartPolicy", message)


def _look_at(sync: Sync, role: str, replica: Replica, pod: Pod) -> None:
    if pod.index >= replica.replicas:
        sync.delete_pod(pod)
    if pod.exit_code is not None:
        message = f"Pod: {sync.job.namespace}.{pod.name} exited with code {pod.exit_code}"
        sync.record("Normal", "ExitedWithCode", message)
    if pod.phase == "Failed":
        _restart_or_give_up(sync, role, replica, pod)
    _count(sync, role, pod)


def _restart_or_give_up(sync: Sync, role: str, replica: Replica, pod: Pod) -> None:
    policy = replica.restart_policy
    # Without a container status (evicted) there is no code to hold against the pod: it counts as retryable.
    retryable = pod.exit_code is None or pod.exit_code >= _RETRYABLE
    if policy in ("OnFailure", "Always") or (policy == "ExitCode" and retryable):
        sync.delete_pod(pod)
        message = f"job {sync.job.name} is restarting because {role} replica(s) failed."
        sync.announce(cond.RESTARTING, message, type_="Warning")
        sync.set_condition(cond.RESTARTING, message)
    elif policy == "ExitCode":
        message = f'job "{sync.job.name}" is failing because "{role}" replica(s) failed.'
        sync.announce(cond.FAILED, message, type_="Warning")
        sync.set_condition(cond.FAILED, message)


def _count(sync: Sync, role: str, pod: Pod) -> None:
    # A running pod that is being deleted may never come to say how it ended: it counts as failed. Pending counts not.
    key = {"Running": "failed" if pod.deleting else "active", "Succeeded": "succeeded", "Failed": "failed"}.get(
        pod.phase
    )
    if key:
        counts = sync.replica_statuses[role]
        counts[key] = counts.get(key, 0) + 1


def _reconcile_services(sync: Sync, role: str) -> None:
    if sync.services is None:
        return
    prefix = templates.replica_name(sync.job.name, role, 0)[:-1]
    suffixes = [name.removeprefix(prefix) for name in sync.services if name.startswith(prefix)]
    found = [int(suffix) for suffix in suffixes if suffix.isdecimal()]
    replicas = sync.job.roles[role].replicas
    for index in _indices(found, replicas):
        name = templates.replica_name(sync.job.name, role, index)
        if index not in found:
            sync.create_service(name, templates.service(sync.job, role, index))
        elif index >= replicas:
            sync.delete_service(name)


def _requeue_after(sync: Sync) -> float | None:
    try:
        due = _time_to_live(sync) if sync.finished else _until_deadline(sync)
    except Aborted:
        return None
    if due is None or (sync.job.suspended and not sync.finished):
        return None
    # The operator itself looks at the deadline only when something else wakes it up.
    return max(due, 0.0)

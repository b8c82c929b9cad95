"""batch/v1 Job: what Kubernetes' own controllers (job, ttl-after-finished) make of a job and its pods.

Source of the rules: Kubernetes 1.36, ``pkg/controller/job/job_controller.go`` (``syncJob``, ``manageJob``,
``trackJobStatusAndRemoveFinalizers``) and ``pkg/controller/ttlafterfinished``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from ..model.job import timestamp
from .job_pods import (
    first_pending,
    has_index,
    is_active,
    is_failed,
    is_terminating,
    new_pod,
    pods_to_remove,
)
from .job_policies import judge_failure, success_rule_met
from .job_spec import JobSpec, format_indexes, parse_indexes
from .job_tracking import TRACKING, Tracking, backoff, pod_key
from .limits import seconds_left
from .types import Action, Decision, DeleteJob, DeletePod, OperatorEvent, Pod

_FINAL = ("Complete", "Failed")


def reconcile(manifest: Mapping[str, Any], pods: Sequence[Pod], now: datetime, status: Mapping[str, Any]) -> Decision:
    """Look once at a batch/v1 Job and its pods and say what follows.

    Parameters
    ----------
    manifest:
        The Job as the API server accepted it.
    pods:
        Its pods that still exist, ended ones included.
    now:
        The time, with a time zone.
    status:
        The status of the decision before, ``{}`` at first. It holds one key beside Kubernetes' own, see
        ``job_tracking``; ``published`` takes it out.

    Nothing that is passed in is changed.
    """
    spec = JobSpec.from_manifest(manifest)
    for condition in status.get("conditions") or ():
        if condition["type"] in _FINAL and condition["status"] == "True":
            return _after_the_end(spec, status, condition["lastTransitionTime"], now)
    return _Sync(manifest, spec, pods, now, status).run()


def _after_the_end(spec: JobSpec, status: Mapping[str, Any], ended: str, now: datetime) -> Decision:
    if spec.ttl is None:
        return Decision(deepcopy(dict(status)))
    left = seconds_left(spec.ttl, ended, now)
    if left <= 0:
        return Decision(deepcopy(dict(status)), actions=(DeleteJob(),))
    return Decision(deepcopy(dict(status)), requeue_after=left)


@dataclass(frozen=True, slots=True)
class _End:
    """How the job ends."""

    success: bool
    reason: str
    message: str

    @property
    def interim(self) -> str:
        """Condition that says so while pods are still terminating."""
        return "SuccessCriteriaMet" if self.success else "FailureTarget"

    @property
    def final(self) -> str:
        return "Complete" if self.success else "Failed"


class _Sync:
    """One look at one unfinished job. The steps of ``run`` share what they have counted so far."""

    def __init__(
        self,
        manifest: Mapping[str, Any],
        spec: JobSpec,
        pods: Sequence[Pod],
        now: datetime,
        status: Mapping[str, Any],
    ) -> None:
        self.manifest, self.spec, self.pods, self.now = manifest, spec, pods, now
        self.status: dict[str, Any] = deepcopy(dict(status))
        self.tracking = Tracking.from_status(status)
        self.conditions: list[dict[str, Any]] = self.status.get("conditions") or []
        self.actions: list[Action] = []
        self.events: list[OperatorEvent] = []
        self.due: list[float] = []

        self.active = [pod for pod in pods if is_active(pod)]
        self.terminating = sum(map(is_terminating, pods))
        self.new = [pod for pod in pods if pod_key(pod) not in self.tracking.released]
        counted = [pod for pod in self.new if has_index(spec, pod)]
        self.new_succeeded = [pod for pod in counted if pod.phase == "Succeeded"]
        self.new_failed = [pod for pod in counted if is_failed(spec, pod)]
        self.failed = self.status.get("failed", 0) + sum(judge_failure(spec, p).counts for p in self.new_failed)
        self.succeeded_indexes = parse_indexes(self.status.get("completedIndexes", ""), spec.index_count)
        self.failed_indexes = parse_indexes(self.status.get("failedIndexes", ""), spec.index_count)
        self.succeeded: int = self.status.get("succeeded", 0) + len(self.new_succeeded)
        self.waiting: dict[int, Pod] = {}
        """By index the failed pod whose replacement was not there yet (``backoffLimitPerIndex`` only)."""

    def run(self) -> Decision:
        if "startTime" not in self.status and not self.spec.suspended:
            self.status["startTime"] = timestamp(self.now)
        self.tracking.note_deletions(self.pods, self.now)
        self.tracking.count_failures(self.new_succeeded, self._fresh_failures())
        end = self._earlier_end() or self._failure_by_policy() or self._failure_by_limit()
        if self.spec.indexed:
            end = self._count_indexes(end)
        if end is None:
            end = self._manage()
        else:
            self._delete(self.active)
        self._count_pods(end)
        if end is not None:
            self._finish(end)
        return self._decision()

    # -- how it ends ----------------------------------------------------------------------------------------------

    def _earlier_end(self) -> _End | None:
        for name, success in (("SuccessCriteriaMet", True), ("FailureTarget", False)):
            condition = self._condition(name)
            if condition is not None and condition["status"] == "True":
                return _End(success, condition["reason"], condition["message"])
        return None

    def _failure_by_policy(self) -> _End | None:
        for pod in self.pods:
            if is_failed(self.spec, pod) and (message := judge_failure(self.spec, pod).fails_job):
                return _End(False, "PodFailurePolicy", message)
        return None

    def _failure_by_limit(self) -> _End | None:
        if self.failed > self.spec.backoff_limit or self._restarted_too_often():
            return _End(False, "BackoffLimitExceeded", "Job has reached the specified backoff limit")
        if self.spec.active_deadline is None or self.spec.suspended:
            return None
        left = seconds_left(self.spec.active_deadline, self.status["startTime"], self.now)
        if left <= 0:
            return _End(False, "DeadlineExceeded", "Job was active longer than specified deadline")
        self.due.append(left)
        return None

    def _restarted_too_often(self) -> bool:
        if self.spec.restart_policy != "OnFailure":
            return False
        restarts = sum(pod.restart_count for pod in self.pods if pod.phase in ("Pending", "Running"))
        return restarts >= max(self.spec.backoff_limit, 1)

    def _count_indexes(self, end: _End | None) -> _End | None:
        self.succeeded_indexes |= {pod.index for pod in self.new_succeeded}
        self.succeeded = len(self.succeeded_indexes)
        if self.spec.backoff_limit_per_index is not None:
            self.failed_indexes |= {pod.index for pod in self.new_failed if self._index_failed(pod)}
            end = end or self._failure_by_index()
            self.waiting = self._pods_awaiting_replacement()
        if end is None and (rule := success_rule_met(self.spec, self.succeeded_indexes)) is not None:
            end = _End(True, "SuccessPolicy", f"Matched rules at index {rule}")
        return end

    def _index_failed(self, pod: Pod) -> bool:
        failure = judge_failure(self.spec, pod)
        if failure.fails_index:
            return True
        limit = self.spec.backoff_limit_per_index or 0
        return failure.counts and self.tracking.index_failures.get(pod.name, 0) >= limit

    def _failure_by_index(self) -> _End | None:
        failed, limit = len(self.failed_indexes), self.spec.max_failed_indexes
        if limit is not None and failed > limit:
            message = "Job has exceeded the specified maximal number of failed indexes"
            return _End(False, "MaxFailedIndexesExceeded", message)
        if failed and failed + len(self.succeeded_indexes) >= self.spec.index_count:
            return _End(False, "FailedIndexes", "Job has failed indexes")
        return None

    # -- pods -----------------------------------------------------------------------------------------------------

    def _fresh_failures(self) -> list[Pod]:
        # With backoffLimitPerIndex a failed pod stays uncounted until it is replaced, but its failure is known before.
        return self.new_failed if self.spec.backoff_limit_per_index is None else []

    def _pods_awaiting_replacement(self) -> dict[int, Pod]:
        settled = self.succeeded_indexes | self.failed_indexes | {pod.index for pod in self.active}
        failed = sorted(self.new_failed, key=self.tracking.finish_time)
        return {pod.index: pod for pod in failed if pod.index not in settled}

    def _manage(self) -> _End | None:
        """Bring the number of pods to what is wanted; return success if nothing is left to do."""
        if self.spec.suspended:
            self._remove(self.active)
        else:
            self._scale()
        completions = self.spec.completions
        enough = self.succeeded > 0 if completions is None else self.succeeded >= completions
        if enough and not self.active:
            return _End(True, "CompletionsReached", "Reached expected number of succeeded pods")
        self._note_suspension()
        return None

    def _scale(self) -> None:
        wanted = self._wanted()
        surplus = pods_to_remove(self.spec, self.active, max(len(self.active) - wanted, 0))
        if surplus:
            self._remove(surplus)
            return
        held = self.terminating if self.spec.replace_only_failed else 0
        missing = wanted - held - len(self.active)
        if missing > 0:
            self._create(missing)

    def _wanted(self) -> int:
        if self.spec.completions is None:
            return len(self.active) if self.succeeded else self.spec.parallelism
        return max(min(self.spec.completions - self.succeeded, self.spec.parallelism), 0)

    def _create(self, count: int) -> None:
        indexes = first_pending(self.spec, self._taken_indexes(), count) if self.spec.indexed else [-1] * count
        if self.spec.backoff_limit_per_index is None:
            wait = self.tracking.remaining_backoff(self.now)
            if wait > timedelta(0):
                self.due.append(wait.total_seconds())
                return
        else:
            indexes = self._indexes_past_backoff(indexes)
        for index in indexes:
            self._create_one(index)

    def _create_one(self, index: int) -> None:
        action = new_pod(self.manifest, self.spec, self.tracking.created, index)
        self.tracking.created += 1
        if (failed := self.waiting.get(index)) is not None:
            self.tracking.replace_failed(failed, judge_failure(self.spec, failed).counts, action.name)
        self.actions.append(action)
        self.active.append(Pod(action.name, "", index, created_at=self.now))
        self._event("Normal", "SuccessfulCreate", f"Created pod: {action.name}")

    def _taken_indexes(self) -> frozenset[int]:
        taken = self.succeeded_indexes | self.failed_indexes | {pod.index for pod in self.active}
        if self.spec.replace_only_failed:
            taken |= {pod.index for pod in self.pods if is_terminating(pod)}
        return taken

    def _indexes_past_backoff(self, indexes: list[int]) -> list[int]:
        waits = {index: self._index_backoff(index) for index in indexes}
        ready = [index for index, wait in waits.items() if not wait]
        if waits and not ready:
            self.due.append(min(waits.values()).total_seconds())
        return ready

    def _index_backoff(self, index: int) -> timedelta:
        failed = self.waiting.get(index)
        if failed is None:
            return timedelta(0)
        return backoff(self.tracking.index_attempts(failed) + 1, self.tracking.finish_time(failed), self.now)

    def _delete(self, pods: Sequence[Pod]) -> None:
        for pod in list(pods):
            self.actions.append(DeletePod(pod.name))
            self._event("Normal", "SuccessfulDelete", f"Deleted pod: {pod.name}")
        self.terminating += len(pods)
        self.active = [pod for pod in self.active if pod not in pods]

    def _remove(self, pods: Sequence[Pod]) -> None:
        """Delete pods that are not wanted any more; they count neither as failed nor as succeeded."""
        self.tracking.released.update(map(pod_key, pods))
        self._delete(pods)

    # -- what is written ------------------------------------------------------------------------------------------

    def _count_pods(self, end: _End | None) -> None:
        """Count each pod that has ended once; with the job's failure those that still ran count as failed too."""
        failed = self.status.get("failed", 0)
        for pod in self.new:
            ended_badly = is_failed(self.spec, pod)
            if pod_key(pod) in self.tracking.released or not self._countable(pod, ended_badly, end):
                continue
            self.tracking.released.add(pod_key(pod))
            if pod.phase != "Succeeded" and (ended_badly or (end is not None and not end.success)):
                failed += has_index(self.spec, pod) and judge_failure(self.spec, pod).counts
        self.status["failed"] = failed

    def _countable(self, pod: Pod, ended_badly: bool, end: _End | None) -> bool:
        if end is not None or pod.phase == "Succeeded":
            return True
        return ended_badly and self.waiting.get(pod.index) is not pod

    def _note_suspension(self) -> None:
        if self.spec.suspended:
            if self._set_condition("Suspended", "True", "JobSuspended", "Job suspended"):
                self._event("Normal", "Suspended", "Job suspended")
                self.status.pop("startTime", None)
        elif self._condition("Suspended") and self._set_condition("Suspended", "False", "JobResumed", "Job resumed"):
            self._event("Normal", "Resumed", "Job resumed")
            self.status["startTime"] = timestamp(self.now)

    def _finish(self, end: _End) -> None:
        if self._condition(end.interim) is None:
            self._set_condition(end.interim, "True", end.reason, end.message)
        if self.terminating:
            return
        self._set_condition(end.final, "True", end.reason, end.message)
        if not end.success:
            self._event("Warning", end.reason, end.message)
            return
        self.status["completionTime"] = timestamp(self.now)
        if self.spec.completions is not None and self.succeeded > self.spec.completions:
            message = "Too many succeeded pods running after completion count reached"
            self._event("Warning", "TooManySucceededPods", message)
        self._event("Normal", "Completed", "Job completed")

    def _condition(self, name: str) -> dict[str, Any] | None:
        return next((c for c in self.conditions if c["type"] == name), None)

    def _set_condition(self, name: str, status: str, reason: str, message: str) -> bool:
        """Set a condition where it stands, else at the end. Return whether that changed anything."""
        old = self._condition(name)
        if old is not None and (old["status"], old["reason"], old["message"]) == (status, reason, message):
            return False
        moment = timestamp(self.now)
        new = {"type": name, "status": status, "lastProbeTime": moment, "lastTransitionTime": moment}
        new |= {"reason": reason, "message": message}
        if old is None:
            self.conditions.append(new)
        else:
            old.update(new)
        return True

    def _event(self, kind: str, reason: str, message: str) -> None:
        self.events.append(OperatorEvent(kind, reason, message))

    def _decision(self) -> Decision:
        per_index = self.spec.indexed and self.spec.backoff_limit_per_index is not None
        counts = {"active": len(self.active), "succeeded": self.succeeded, "failed": self.status["failed"]}
        self.status |= counts
        self.status["completedIndexes"] = format_indexes(self.succeeded_indexes) if self.spec.indexed else ""
        self.status["conditions"] = self.conditions
        for name in (*counts, "completedIndexes", "conditions"):
            if not self.status[name]:
                del self.status[name]
        if per_index:
            self.status["failedIndexes"] = format_indexes(self.failed_indexes)
        self.status["terminating"] = self.terminating
        self.status["ready"] = sum(pod.ready for pod in self.active)
        self.status["uncountedTerminatedPods"] = {}
        self.status[TRACKING] = self.tracking.to_dict([*self.pods, *self.active])
        return Decision(self.status, tuple(self.actions), tuple(self.events), min(self.due, default=None))

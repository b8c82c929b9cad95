"""One look at a job: the status under change, and what is to be done about it."""

from __future__ import annotations

import copy
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from ..model.job import timestamp
from . import conditions as cond
from .pods import pod_refusal, replica_name, service_refusal
from .spec import JobSpec
from .types import Action, CreatePod, CreateService, DeletePod, DeleteService, Manifest, OperatorEvent, Pod, Status


class Aborted(Exception):
    """The operator's sync fails here: what it did so far stays done, the status is not written."""


@dataclass(slots=True)
class Sync:
    """The state of one sync, with the operator's verbs."""

    job: JobSpec
    pods: Sequence[Pod]
    now: datetime
    status: Status
    """A copy of the status, changed as the sync goes on."""
    services: Collection[str] | None
    """Names of the services there are; ``None``: nobody keeps services, so none is made or removed."""
    actions: list[Action] = field(default_factory=list)
    events: list[OperatorEvent] = field(default_factory=list)

    @property
    def conditions(self) -> list[cond.Condition]:
        """The conditions as they are now."""
        return list(self.status.get("conditions") or [])

    @property
    def replica_statuses(self) -> dict[str, dict[str, Any]]:
        """Counts by role; zeros are left out."""
        statuses: dict[str, dict[str, Any]] = self.status.setdefault("replicaStatuses", {})
        return statuses

    @property
    def finished(self) -> bool:
        """Whether the job has succeeded or failed."""
        return cond.is_finished(self.conditions)

    def is_true(self, type_: str) -> bool:
        """Whether the condition is true now."""
        return cond.is_true(self.conditions, type_)

    def pods_of(self, role: str) -> list[Pod]:
        """Return the pods of a role."""
        return [pod for pod in self.pods if pod.role.lower() == role.lower()]

    def set_condition(self, type_: str, message: str, *, status: str = "True", reason: str | None = None) -> None:
        """Set a condition; the reason is by default the kind and the type, such as TFJobRunning."""
        full_reason = self.job.kind + type_ if reason is None else reason
        self.status["conditions"] = cond.updated(self.conditions, self.now, type_, status, full_reason, message)

    def record(self, type_: str, reason: str, message: str) -> None:
        """Record an event on the job."""
        self.events.append(OperatorEvent(type_, reason, message))

    def announce(self, condition: str, message: str, *, type_: str = "Normal") -> None:
        """Record an event whose reason is the kind and a condition, such as TFJobFailed."""
        self.record(type_, self.job.kind + condition, message)

    def start(self) -> None:
        """Set the start time where there is none."""
        self.status.setdefault("startTime", timestamp(self.now))

    def succeed(self, message: str) -> None:
        """End the job well."""
        self._end(cond.SUCCEEDED, message)

    def fail(self, message: str) -> None:
        """End the job badly."""
        self._end(cond.FAILED, message)

    def _end(self, condition: str, message: str) -> None:
        self.announce(condition, message)
        self.status.setdefault("completionTime", timestamp(self.now))
        self.set_condition(condition, message)

    def create_pod(self, role: str, index: int, manifest: Manifest) -> None:
        """Make the pod of a replica."""
        name = replica_name(self.job.name, role, index)
        self._give_up_if_refused("FailedCreatePod", pod_refusal(manifest))
        self.actions.append(CreatePod(name, role, index, manifest))
        self.record("Normal", "SuccessfulCreatePod", f"Created pod: {name}")

    def delete_pod(self, pod: Pod) -> None:
        """Ask a pod to go, unless it is going already."""
        if not pod.deleting and DeletePod(pod.name) not in self.actions:
            self.actions.append(DeletePod(pod.name))
            self.record("Normal", "SuccessfulDeletePod", f"Deleted pod: {pod.name}")

    def create_service(self, name: str, manifest: Manifest) -> None:
        """Make a service."""
        self._give_up_if_refused("FailedCreateService", service_refusal(manifest))
        self.actions.append(CreateService(name, manifest))
        self.record("Normal", "SuccessfulCreateService", f"Created service: {name}")

    def _give_up_if_refused(self, reason: str, refusal: str) -> None:
        if refusal:
            self.record("Warning", reason, f"Error creating: {refusal}")
            raise Aborted

    def delete_service(self, name: str) -> None:
        """Remove a service, if it is there."""
        if self.services is not None and name in self.services:
            self.actions.append(DeleteService(name))
            self.record("Normal", "SuccessfulDeleteService", f"Deleted service: {name}")


def begin(
    job: JobSpec, pods: Sequence[Pod], now: datetime, status: Mapping[str, Any], services: Collection[str] | None
) -> Sync:
    """Start a sync on a copy of the status; a job seen for the first time gets its condition Created.

    The operator adds Created to its cached copy of a new job. A job whose status could not be written before its spec
    was changed never gets it: ``{"conditions": []}`` says so.
    """
    sync = Sync(job, pods, now, copy.deepcopy(dict(status)), services)
    if "conditions" not in sync.status:
        sync.set_condition(cond.CREATED, f"{job.kind} {job.name} is created.")
    return sync

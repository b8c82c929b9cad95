"""What goes into the rules and what comes out: observed pods, the decision, its actions and events."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

Manifest = dict[str, Any]
Status = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Pod:
    """One pod of the job as it is observed now.

    The caller leaves out pods that are gone for good; a pod that was asked to go but still lives has ``deleting``.
    """

    name: str
    role: str
    """Replica type, in any case (``Worker`` or ``worker``); ``""`` for a batch/v1 Job."""
    index: int
    """Replica index; for an Indexed Job its completion index, else -1."""
    phase: str = "Pending"
    """``Pending``, ``Running``, ``Succeeded`` or ``Failed``."""
    deleting: bool = False
    """Whether it has a deletionTimestamp."""
    exit_code: int | None = None
    """Exit code of the main container, once terminated. ``None`` while it runs, and for an evicted pod."""
    restart_count: int = 0
    """Restarts in place, of init and main containers together."""
    restart_policy: str = "Never"
    """``spec.restartPolicy`` of the pod itself: ``Always``, ``OnFailure`` or ``Never``."""
    scheduled: bool = False
    """Whether it was ever bound to a node: a pod that was not vanishes as soon as it is deleted."""
    ready: bool = False
    """Condition Ready, only counted by a batch/v1 Job."""
    created_at: datetime | None = None
    started_at: datetime | None = None
    finished_at: datetime | None = None
    """When the last container ended."""
    reason: str = ""
    """``status.reason``, e.g. ``Evicted``."""
    uid: str = ""
    generation: int = 0
    """0 for the first pod of that name, 1 for the one made again ..."""
    conditions: tuple[str, ...] = ()
    """Types of the pod's true conditions, e.g. ``DisruptionTarget``: read by a Job's podFailurePolicy."""

    @property
    def finished(self) -> bool:
        """Whether the pod has ended."""
        return self.phase in ("Succeeded", "Failed")


@dataclass(frozen=True, slots=True)
class CreatePod:
    """Make a pod. ``manifest`` is complete, as the operator would post it."""

    name: str
    role: str
    """Replica type as the operator spells it (``Worker``); ``""`` for a batch/v1 Job."""
    index: int
    manifest: Manifest


@dataclass(frozen=True, slots=True)
class DeletePod:
    """Ask a pod to go (SIGTERM, grace, SIGKILL); it is ``deleting`` until it has gone."""

    name: str


@dataclass(frozen=True, slots=True)
class CreateService:
    """Make a headless service."""

    name: str
    manifest: Manifest


@dataclass(frozen=True, slots=True)
class DeleteService:
    """Remove a service."""

    name: str


@dataclass(frozen=True, slots=True)
class DeleteJob:
    """Remove the job itself with all that it owns: its time to live after the end is over."""


Action = CreatePod | DeletePod | CreateService | DeleteService | DeleteJob


@dataclass(frozen=True, slots=True)
class OperatorEvent:
    """An event that the operator records on the job."""

    type: str
    """``Normal`` or ``Warning``."""
    reason: str
    message: str


@dataclass(frozen=True, slots=True)
class Decision:
    """What one look at the job and its pods leads to.

    ``status`` is to be written, ``actions`` are to be carried out in order. The caller calls again after any change of
    a pod, and after its own actions, until a decision changes nothing.
    """

    status: Status
    actions: tuple[Action, ...] = ()
    events: tuple[OperatorEvent, ...] = ()
    requeue_after: float | None = None
    """Seconds until a limit falls due (deadline, time to live, back-off); ``None``: only a change matters."""

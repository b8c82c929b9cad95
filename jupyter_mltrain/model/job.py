"""A job and its status, in the shape of the Kubernetes object. Standard library only: the supervisor imports this."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any

from .labels import ANNOTATION_CANCELLED, ANNOTATION_NOTEBOOK

Manifest = dict[str, Any]
"""A TFJob, PyTorchJob or Job as parsed YAML."""


class Phase(StrEnum):
    """One word for the state of a job, derived from its conditions."""

    QUEUED = "Queued"
    CREATED = "Created"
    RUNNING = "Running"
    RESTARTING = "Restarting"
    SUSPENDED = "Suspended"
    SUCCEEDED = "Succeeded"
    FAILED = "Failed"
    CANCELLED = "Cancelled"  # suspended for good by a user: see labels.ANNOTATION_CANCELLED

    @property
    def finished(self) -> bool:
        """Whether the state is final."""
        return self in (Phase.SUCCEEDED, Phase.FAILED, Phase.CANCELLED)


# Which true condition decides, first match wins. Complete is batch/v1's word for Succeeded.
_DECIDING = (
    ("Failed", Phase.FAILED),
    ("Succeeded", Phase.SUCCEEDED),
    ("Complete", Phase.SUCCEEDED),
    ("Suspended", Phase.SUSPENDED),
    ("Restarting", Phase.RESTARTING),
    ("Running", Phase.RUNNING),
)


def timestamp(moment: datetime) -> str:
    """Return a moment as Kubernetes writes it: RFC 3339, UTC, whole seconds."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def parse_timestamp(text: str) -> datetime:
    """Return the moment that an RFC 3339 text names."""
    return datetime.fromisoformat(text.replace("Z", "+00:00"))


_REPLICA_SPECS = {"TFJob": "tfReplicaSpecs", "PyTorchJob": "pytorchReplicaSpecs"}


def pod_templates(manifest: Manifest) -> list[dict[str, Any]]:
    """Return the pod templates of all roles, for any supported kind."""
    spec = manifest.get("spec") or {}
    if manifest.get("kind") in _REPLICA_SPECS:
        replicas = (spec.get(_REPLICA_SPECS[manifest["kind"]]) or {}).values()
        return [replica["template"] for replica in replicas if replica.get("template")]
    return [spec["template"]] if spec.get("template") else []


def container_environment(manifest: Manifest) -> list[dict[str, Any]]:
    """Return the ``env`` entries of all containers of all roles; they are the manifest's own, not copies."""
    containers = [
        container
        for template in pod_templates(manifest)
        for container in (template.get("spec") or {}).get("containers") or []
    ]
    return [variable for container in containers for variable in container.get("env") or []]


def notebook_of(manifest: Manifest) -> str:
    """Return the path of a job's notebook as it was submitted, ``""`` for a job that runs none."""
    annotations = manifest.get("metadata", {}).get("annotations") or {}
    return str(annotations.get(ANNOTATION_NOTEBOOK) or "")


@dataclass(frozen=True, slots=True)
class Condition:
    """One condition of a job, as the operator writes it."""

    type: str
    status: str  # "True" or "False"
    reason: str = ""
    message: str = ""
    last_update_time: str = ""
    last_transition_time: str = ""

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Condition:
        """Read a condition from its Kubernetes JSON (batch/v1 has ``lastProbeTime`` for the update time)."""
        return cls(
            data["type"],
            data["status"],
            data.get("reason", ""),
            data.get("message", ""),
            data.get("lastUpdateTime") or data.get("lastProbeTime") or "",
            data.get("lastTransitionTime") or "",
        )


@dataclass(frozen=True, slots=True)
class JobRef:
    """What names a job: the backend, this project's id for it, and its Kubernetes coordinates."""

    backend: str
    id: str
    kind: str
    namespace: str
    name: str


@dataclass(frozen=True, slots=True)
class ReplicaState:
    """One replica (a pod on a cluster, a process group here)."""

    name: str  # pod name: {job}-{role lower case}-{index}
    role: str  # as the manifest spells it
    index: int
    phase: str  # Pending, Running, Succeeded, Failed
    restarts: int = 0
    exit_code: int | None = None
    reason: str = ""  # OOMKilled, Error, Completed ...
    message: str = ""
    node: str = ""
    devices: tuple[str, ...] = ()
    started_at: str = ""
    finished_at: str = ""
    peak_memory: int | None = None  # bytes
    generation: int = 0  # 0 for the first pod of that name, 1 for the one made again ...


@dataclass(frozen=True, slots=True)
class JobStatus:
    """A job as it is now: its manifest, the operator's status, and what its replicas do."""

    ref: JobRef
    manifest: Manifest
    status: dict[str, Any] = field(default_factory=dict)
    replicas: tuple[ReplicaState, ...] = ()
    created_at: str = ""
    queue_position: int | None = None  # 1 is next; None: not queued
    message: str = ""  # why the job waits or failed, in words
    outputs: str = ""  # URI of the folder with the executed notebook and the model

    @property
    def conditions(self) -> list[Condition]:
        """The conditions in the operator's order."""
        return [Condition.from_dict(item) for item in self.status.get("conditions") or []]

    @property
    def replica_statuses(self) -> dict[str, dict[str, Any]]:
        """``{"Worker": {"active": 2}}``, zero counts left out, as the operator writes it."""
        return dict(self.status.get("replicaStatuses") or {})

    @property
    def phase(self) -> Phase:
        """The state in one word."""
        true = {c.type for c in self.conditions if c.status == "True"}
        cancelled = ANNOTATION_CANCELLED in (self.manifest.get("metadata", {}).get("annotations") or {})
        queued = self.queue_position is not None
        if queued:
            true.discard("Suspended")  # a resumed job keeps the condition until it has its turn
        for condition, phase in _DECIDING:
            if condition in true and not (cancelled and not phase.finished):
                return phase
        if cancelled:
            return Phase.CANCELLED
        if queued:
            return Phase.QUEUED
        # A batch/v1 Job has no condition that says Running.
        running = self.status.get("ready") or any(replica.phase == "Running" for replica in self.replicas)
        return Phase.RUNNING if self.ref.kind == "Job" and running else Phase.CREATED

    @property
    def finished(self) -> bool:
        """Whether the job has ended. One that was cancelled has, once its replicas are gone."""
        if self.phase is Phase.CANCELLED:
            return all(replica.phase in ("Succeeded", "Failed") for replica in self.replicas)
        return self.phase.finished

    @property
    def leader(self) -> ReplicaState | None:
        """The replica whose executed notebook and model are the job's: Chief or Master, else the first Worker.

        A pod of a batch/v1 Job that failed or was suspended is not made again but followed by another one.
        """
        ranks = {"chief": 0, "master": 0, "worker": 1, "": 1}
        candidates = [replica for replica in self.replicas if replica.index <= 0 and replica.role.lower() in ranks]
        rank = min((ranks[replica.role.lower()] for replica in candidates), default=0)
        first = [replica for replica in candidates if ranks[replica.role.lower()] == rank]
        last = [replica for replica in first if replica.phase != "Failed"] or first[::-1]
        return max(last, key=lambda replica: replica.generation, default=None)

    def to_dict(self) -> dict[str, Any]:
        """Return everything as a JSON object, for the command line's ``--json`` and the HTTP API."""
        return {
            "id": self.ref.id,
            "name": self.ref.name,
            "namespace": self.ref.namespace,
            "kind": self.ref.kind,
            "backend": self.ref.backend,
            "phase": self.phase.value,
            "createdAt": self.created_at,
            "queuePosition": self.queue_position,
            "message": self.message,
            "outputs": self.outputs,
            "replicas": [asdict(replica) for replica in self.replicas],
            "manifest": self.manifest,
            "status": self.status,
        }


@dataclass(frozen=True, slots=True)
class Event:
    """An event on a job, as the operator, the kubelet or this project records it."""

    type: str  # Normal or Warning
    reason: str
    message: str
    time: str = ""
    count: int = 1
    object: str = ""  # name of the job or pod that it is about

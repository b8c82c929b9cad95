"""What the database holds, as objects: jobs and pods."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Final, Literal

from ...model.job import JobRef, Manifest
from ...model.labels import ANNOTATION_CANCELLED
from .shape import init_containers

BACKEND: Final = "local"

State = Literal["queued", "active", "idle"]
"""``queued``: waits for its turn. ``active``: has a slot and a supervisor. ``idle``: nothing of it runs (any more)."""

Stage = Literal["waiting", "launched", "ended"]
"""Of a pod's container: to be launched when it is due, launched (perhaps running by now), ended for good."""


@dataclass(slots=True)
class Job:
    """One row of ``jobs``."""

    id: str
    kind: str
    namespace: str
    name: str
    manifest: Manifest
    created: float
    clock: float  # the latest moment that was recorded for it: its time never goes back
    status: dict[str, Any] = field(default_factory=dict)
    state: State = "idle"
    deleted: bool = False
    resume: bool = False  # resumed while its replicas were still ending: it queues when they have
    turn: int | None = None
    message: str = ""
    gpus: int = 0  # accelerators of all replicas together
    context: dict[str, Any] = field(default_factory=dict)
    ports: dict[str, dict[str, int]] = field(default_factory=dict)
    ended: float | None = None
    expires: float | None = None
    size: int | None = None  # bytes of its folder, once measured after its end
    change: int = 0
    # What it is found by, see index.py.
    phase: str = ""
    notebook: str = ""
    words: str = ""

    @property
    def ref(self) -> JobRef:
        """What names it."""
        return JobRef(BACKEND, self.id, self.kind, self.namespace, self.name)

    @property
    def finished(self) -> bool:
        """Whether its status is final."""
        return any(
            condition["status"] == "True" and condition["type"] in ("Succeeded", "Complete", "Failed")
            for condition in self.status.get("conditions") or []
        )

    @property
    def cancelled(self) -> bool:
        """Whether a user has suspended it for good."""
        return ANNOTATION_CANCELLED in (self.manifest["metadata"].get("annotations") or {})

    @property
    def suspended(self) -> bool:
        """Whether it is asked to be suspended."""
        return bool(run_policy(self.manifest).get("suspend"))


def run_policy(manifest: Manifest) -> dict[str, Any]:
    """Return the part of a manifest that has ``suspend``: ``spec.runPolicy``, for a Job ``spec`` itself."""
    spec: dict[str, Any] = manifest["spec"]
    if manifest["kind"] == "Job":
        return spec
    policy: dict[str, Any] = spec.setdefault("runPolicy", {})
    return policy


KEPT_RUNS: Final = 10
"""Of a replica that is started again and again, so many pods are remembered, and the logs of so many runs kept."""


@dataclass(slots=True)
class Pod:
    """One row of ``pods``. Its run folders are ``<generation>-<number of the run>``."""

    uid: str
    job: str
    name: str
    role: str
    idx: int
    generation: int
    manifest: Manifest
    created: float
    phase: str = "Pending"
    stage: Stage = "waiting"
    deleting: bool = False
    gone: bool = False
    step: int = 0  # init containers that are done
    runs: int = 0  # launches so far, of init containers and of the main one
    restarts: int = 0  # restarts in place
    failures: int = 0  # ends in quick succession, for the back-off
    due: float = 0.0  # not to be launched before
    exit_code: int | None = None
    reason: str = ""
    message: str = ""
    devices: list[str] = field(default_factory=list)
    started: float | None = None
    finished: float | None = None
    peak_memory: int | None = None

    @property
    def run_name(self) -> str:
        """Name of the folder of the present run."""
        return f"{self.generation}-{self.runs - 1}"

    @property
    def run_uid(self) -> str:
        """Marks the processes of the present run."""
        return f"{self.uid}-{self.runs - 1}"

    @property
    def alive(self) -> bool:
        """Whether a container of it runs or will."""
        return not self.gone and self.stage != "ended"

    @property
    def restart_policy(self) -> str:
        """``Always``, ``OnFailure`` or ``Never``."""
        return str(self.manifest["spec"].get("restartPolicy", "Always"))

    @property
    def init_containers(self) -> list[dict[str, Any]]:
        """The containers that run before the main one, one after the other."""
        return init_containers(self.manifest["spec"])

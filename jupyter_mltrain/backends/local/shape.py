"""What a manifest asks for, role by role."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final, TypeVar

from ...errors import ManifestError
from ...model.job import Manifest
from ...model.quantity import parse_cpu, parse_memory, parse_quantity

_ROLES: Final = {"TFJob": "tfReplicaSpecs", "PyTorchJob": "pytorchReplicaSpecs"}
_MAIN_CONTAINERS: Final = {"TFJob": "tensorflow", "PyTorchJob": "pytorch"}


N = TypeVar("N", int, float)


@dataclass(frozen=True, slots=True)
class Group:
    """Replicas that are alike."""

    role: str  # as the manifest spells it; "" for a batch/v1 Job
    replicas: int  # how many of them run at the same time
    pod_spec: dict[str, Any]

    @property
    def field(self) -> str:
        """Where its pod template's ``spec`` stands, for messages."""
        return f"{self.role}.template.spec" if self.role else "spec.template.spec"


def groups(manifest: Manifest) -> list[Group]:
    """Return the groups of replicas of a valid manifest."""
    kind, spec = manifest["kind"], manifest["spec"]
    if kind == "Job":
        return [Group("", _count(spec, "parallelism"), spec["template"]["spec"])]
    return [
        Group(role, _count(replica, "replicas"), replica["template"]["spec"])
        for role, replica in spec[_ROLES[kind]].items()
    ]


def _count(spec: Mapping[str, Any], name: str) -> int:
    count = spec.get(name)
    return 1 if count is None else int(count)


def init_containers(pod_spec: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return the containers that run before the main one, one after the other: those that go on beside it do not count.

    Source: https://kubernetes.io/docs/concepts/workloads/pods/sidecar-containers/
    """
    containers: list[dict[str, Any]] = pod_spec.get("initContainers") or []
    return [container for container in containers if container.get("restartPolicy") != "Always"]


def main_container(kind: str, pod_spec: Mapping[str, Any]) -> dict[str, Any]:
    """Return the container whose end is the replica's: the operator's by name, a Job's first."""
    containers: list[dict[str, Any]] = pod_spec["containers"]
    name = _MAIN_CONTAINERS.get(kind)
    return next((container for container in containers if container["name"] == name), containers[0])


def memory_limit(container: Mapping[str, Any]) -> int | None:
    """Return how many bytes a container may take; ``None``: no limit. Raises ``ManifestError``."""
    return _limit(container, "memory", parse_memory)


def cpu_limit(container: Mapping[str, Any]) -> float | None:
    """Return how many processors a container may use; ``None``: no limit. Raises ``ManifestError``."""
    return _limit(container, "cpu", parse_cpu)


def _limit(container: Mapping[str, Any], name: str, parse: Callable[[str], N]) -> N | None:
    """Return a limit; like a container runtime, take 0 for none."""
    text = ((container.get("resources") or {}).get("limits") or {}).get(name)
    try:
        return parse(text) if text is not None and parse_quantity(text) else None
    except ValueError as error:
        raise ManifestError(
            f"The limit of {name} of container {container['name']!r} cannot be kept: {error}",
            hint="Write memory as 300Mi or 2Gi, processors as 2 or 500m.",
            field=f"resources.limits.{name}",
        ) from None

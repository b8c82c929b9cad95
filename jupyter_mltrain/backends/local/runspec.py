"""From a pod's manifest to what a process needs: command, environment, folders, ports, limits."""

from __future__ import annotations

import contextlib
import re
from pathlib import Path
from typing import Any, Final

from ...errors import ManifestError
from ...model import labels
from ...model.quantity import parse_cpu, parse_memory
from . import memory, rendezvous
from .environment import base_environment, field_value
from .records import Job, Pod
from .replica import ReplicaSpec
from .store import storage_errors

_MAIN_CONTAINERS: Final = {"TFJob": "tensorflow", "PyTorchJob": "pytorch"}
_REFERENCE: Final = re.compile(r"\$(?:\$|\(([-._a-zA-Z][-._a-zA-Z0-9]*)\))")


def main_container(kind: str, pod_spec: dict[str, Any]) -> dict[str, Any]:
    """Return the container whose end is the replica's: the operator's by name, a Job's first."""
    containers: list[dict[str, Any]] = pod_spec["containers"]
    name = _MAIN_CONTAINERS.get(kind)
    return next((container for container in containers if container["name"] == name), containers[0])


def pod_folder(job_folder: Path, pod: str) -> Path:
    """Return the folder with all runs of the replica of that name."""
    return job_folder / "replicas" / pod


def run_folder(job_folder: Path, pod: Pod) -> Path:
    """Return the folder of the pod's present run."""
    return pod_folder(job_folder, pod.name) / pod.run_name


def allocate_ports(home: Path, job: Job, pods: list[Pod]) -> bool:
    """Give each pod of the job that has none its loopback ports; return whether there were any to give."""
    new = [pod.manifest for pod in pods if pod.name not in job.ports]
    if not new:
        return False
    try:
        ports = rendezvous.allocate(new, home / "ports")
    except NotImplementedError:
        ports = {pod["metadata"]["name"]: {} for pod in new}
    job.ports |= {name: {str(port): here for port, here in own.items()} for name, own in ports.items()}
    return True


def release_ports(home: Path, job: Job) -> None:
    """Give the job's loopback ports back. Idempotent."""
    with contextlib.suppress(NotImplementedError):
        rendezvous.release(_ports(job), home / "ports")
    job.ports = {}


def _ports(job: Job) -> rendezvous.Ports:
    return {name: {int(port): here for port, here in own.items()} for name, own in job.ports.items()}


def expand(text: str, variables: dict[str, str]) -> str:
    """Replace ``$(NAME)`` as Kubernetes does: ``$$`` is one ``$``, an unknown name stays as it is."""

    def replace(match: re.Match[str]) -> str:
        if match.group(0) == "$$":
            return "$"
        return variables.get(match.group(1), match.group(0))

    return _REFERENCE.sub(replace, text)


def run_spec(home: Path, job: Job, pod: Pod) -> ReplicaSpec:
    """Return what the pod's present run is to be.

    Raises
    ------
    ManifestError
        There is no command, or something that the manifest refers to does not exist here.
    StorageError
        A folder cannot be made.
    """
    folder = home / "jobs" / job.id
    container = _container(job, pod)
    limits = (container.get("resources") or {}).get("limits") or {}
    env = _environment(home, job, pod, container)
    cwd = run_folder(folder, pod) / "work"
    with storage_errors(cwd):
        cwd.mkdir(parents=True, exist_ok=True)
    return ReplicaSpec(
        uid=pod.run_uid,
        argv=tuple(expand(word, env) for word in _command(container)),
        env=env,
        cwd=cwd,
        grace_seconds=float(pod.manifest["spec"].get("terminationGracePeriodSeconds", 30)),
        memory_limit=parse_memory(limits["memory"]) if "memory" in limits else None,
        bells=(folder / "bell",),
    )


def _container(job: Job, pod: Pod) -> dict[str, Any]:
    initial = pod.init_containers
    return initial[pod.step] if pod.step < len(initial) else main_container(job.kind, pod.manifest["spec"])


def _command(container: dict[str, Any]) -> list[str]:
    if not container.get("command"):
        raise ManifestError(
            f"Container {container['name']!r} has no command",
            hint="The local backend runs the container's command and cannot know the image's entry point: set command.",
        )
    return [*container["command"], *(container.get("args") or [])]


def _environment(home: Path, job: Job, pod: Pod, container: dict[str, Any]) -> dict[str, str]:
    own: dict[str, str] = {}
    for entry in container.get("env") or []:
        own[entry["name"]] = expand(_value(entry, pod), own)
    if own.get("HOME") == labels.CONTAINER_HOME:
        del own["HOME"]
    env = {**base_environment(home, job, pod), **own}
    limits = (container.get("resources") or {}).get("limits") or {}
    if "cpu" in limits:
        env |= memory.thread_env(parse_cpu(limits["cpu"]), env)
    return env


def _value(entry: dict[str, Any], pod: Pod) -> str:
    source = entry.get("valueFrom") or {}
    if "fieldRef" in source:
        return field_value(source["fieldRef"], pod)
    return str(entry.get("value") or "")

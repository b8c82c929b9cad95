"""From a pod's manifest to what a process needs: command, environment, folders, ports, limits."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from ...model import labels
from . import memory, rendezvous, volumes
from .container import Place, Resolved, expanded, resolve
from .devices import processors, visible_devices_env
from .environment import field_value, grace_seconds, sources, surroundings
from .records import Job, Pod
from .replica import ReplicaSpec
from .shape import cpu_limit, main_container, memory_limit
from .store import storage_errors


def pod_folder(job_folder: Path, pod: str) -> Path:
    """Return the folder with all runs of the replica of that name."""
    return job_folder / "replicas" / pod


def run_folder(job_folder: Path, pod: Pod) -> Path:
    """Return the folder of the pod's present run."""
    return pod_folder(job_folder, pod.name) / pod.run_name


def allocate_ports(home: Path, job: Job, pods: list[Pod]) -> bool:
    """Give each pod of the job that has none its loopback ports; return whether there were any to give.

    The pods of a ``batch/v1`` Job have no service: on a cluster nobody reaches them by name, so no name is a host.
    """
    new = [pod.manifest for pod in pods if pod.name not in job.ports]
    if not new or job.kind == "Job":
        return False
    ports = rendezvous.allocate(new, home / "ports")
    job.ports |= {name: {str(port): here for port, here in own.items()} for name, own in ports.items()}
    return True


def release_ports(home: Path, job: Job) -> None:
    """Give the job's loopback ports back. Idempotent."""
    rendezvous.release(_ports(job), home / "ports")
    job.ports = {}


def sweep_ports(home: Path, jobs: list[Job]) -> None:
    """Give back the ports that none of these jobs has: a process was killed between reserving and recording them."""
    known = {str(port) for job in jobs for own in job.ports.values() for port in own.values()}
    folder = home / "ports"
    for path in folder.iterdir() if folder.exists() else ():
        if path.name not in known:
            path.unlink(missing_ok=True)


def _ports(job: Job) -> rendezvous.Ports:
    return {name: {int(port): here for port, here in own.items()} for name, own in job.ports.items()}


def run_spec(home: Path, job: Job, pod: Pod) -> ReplicaSpec:
    """Return what the pod's present run is to be; the folders that it needs are made.

    Raises
    ------
    ManifestError
        There is no command, or something that the manifest refers to does not exist here.
    StorageError
        A folder cannot be made.
    """
    folder = home / "jobs" / job.id
    container = _container(job, pod)
    with storage_errors(folder):
        resolved = resolve(container, pod.manifest, _place(home, job, pod, container))
        cwd = _working_directory(run_folder(folder, pod), container, resolved)
    return ReplicaSpec(
        uid=pod.run_uid,
        argv=resolved.argv,
        env=_environment(home, job, pod, resolved, container),
        cwd=cwd,
        grace_seconds=grace_seconds(pod),
        memory_limit=memory_limit(container),
        bells=(folder / "bell",),
    )


def _container(job: Job, pod: Pod) -> dict[str, Any]:
    initial = pod.init_containers
    return initial[pod.step] if pod.step < len(initial) else main_container(job.kind, pod.manifest["spec"])


def _place(home: Path, job: Job, pod: Pod, container: Mapping[str, Any]) -> Place:
    bare = Place(_ports(job), (), sources(job), partial(field_value, pod), _machine())
    mounts = volumes.mount(
        pod.manifest,
        container,
        claims=home / "volumes",
        scratch=pod_folder(home / "jobs" / job.id, pod.name) / f"volumes-{pod.generation}",
        sources=bare.sources,
        expand=lambda text: expanded(text, container, pod.manifest, bare),
    )
    return replace(bare, mounts=mounts)


def _machine() -> dict[str, int]:
    return {"cpu": processors(), "memory": os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")}


def _working_directory(run: Path, container: Mapping[str, Any], resolved: Resolved) -> Path:
    """Return ``workingDir`` where it lies in a volume, else a folder of the run: nothing outlives a container."""
    moved = resolved.working_dir and resolved.working_dir != container["workingDir"]
    folder = Path(resolved.working_dir) if resolved.working_dir and moved else run / "work"
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def _environment(home: Path, job: Job, pod: Pod, resolved: Resolved, container: Mapping[str, Any]) -> dict[str, str]:
    own = dict(resolved.env)
    if {"name": "HOME", "value": labels.CONTAINER_HOME} in (container.get("env") or []):
        del own["HOME"]  # the user's own home stands for the empty one of a pod
    if own.get("CUDA_VISIBLE_DEVICES") not in ("", "-1"):  # a replica may do without what it has, not take more
        own |= visible_devices_env(pod.devices)
    given = surroundings(home, job, pod)
    cpus = cpu_limit(container)
    if cpus is not None:
        given |= memory.thread_env(cpus, own)
    return {**given, **own}

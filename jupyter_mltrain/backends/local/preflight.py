"""What can be said of a manifest before it is submitted to this machine. Nothing here has a lasting effect."""

from __future__ import annotations

import json
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator, Mapping
from copy import deepcopy
from pathlib import Path
from typing import Any, Final

from ...errors import ManifestError, MltrainError
from ...model.findings import Finding, Severity
from ...model.job import Manifest
from ...model.labels import ANNOTATION_KERNEL
from ...notebook.environment import Interpreter, kernel_interpreter
from ...operator import findings as operator_findings
from . import devices, leases, scheduler, volumes
from .container import Place, resolve
from .shape import Group, cpu_limit, groups, init_containers, main_container, memory_limit
from .shim import size
from .volumes import Sources

_LITTLE_SPACE: Final = 2**30  # bytes; less is worth a warning
_NO_SPACE: Final = 2**24  # the database, the records and the first segments of the logs


def check_manifest(manifest: Manifest, sources: Sources) -> None:
    """Let a manifest pass that can run here.

    Raises
    ------
    ManifestError
        The API server would refuse it, a container has no command, or a secret or volume is not known here.
    """
    from ...operator.validation import check_manifest as _check_as_api_server

    _check_text(manifest)
    _check_as_api_server(manifest)
    for group in groups(manifest):
        for container in _containers(manifest, group):
            _check_command(container, group)
            memory_limit(container)
            cpu_limit(container)
            _check_references(container, group, sources)


def _check_text(manifest: Manifest) -> None:
    """Refuse what no file and no process could take: half a character, as a careless ``"\\ud83d"`` in JSON makes it."""
    try:
        json.dumps(manifest, ensure_ascii=False).encode()
    except UnicodeEncodeError as error:
        around = error.object[max(0, error.start - 30) : error.start]
        raise ManifestError(
            f"The manifest has half a character (a lone surrogate) after {around!r}.",
            hint="Write the whole character, or escape both of its halves.",
        ) from None
    except (TypeError, ValueError) as error:
        raise ManifestError(
            f"The manifest is no JSON object: {error}", hint="Put dates and the like in quotes."
        ) from None


def _containers(manifest: Manifest, group: Group) -> list[dict[str, Any]]:
    return [*init_containers(group.pod_spec), main_container(manifest["kind"], group.pod_spec)]


def _check_command(container: Mapping[str, Any], group: Group) -> None:
    if not container.get("command"):
        raise ManifestError(
            f"Container {container['name']!r} has no command: this machine runs the container's command and cannot "
            "know the image's entry point",
            hint="Set command (and args) of the container to what the image would run.",
            field=f"{group.field}.containers",
        )


def _check_references(container: Mapping[str, Any], group: Group, sources: Sources) -> None:
    """Resolve volumes, secrets and variables for a look, in folders that are thrown away."""
    pod = {"metadata": {"name": "check"}, "spec": _without_creations(group.pod_spec)}
    with tempfile.TemporaryDirectory() as folder:
        mounts = volumes.mount(
            pod, container, claims=Path(folder, "claims"), scratch=Path(folder, "scratch"), sources=sources
        )
        resolve(container, pod, Place({}, mounts, sources, lambda path: "", {"cpu": 1, "memory": 1}))


def _without_creations(pod_spec: Mapping[str, Any]) -> dict[str, Any]:
    """Return the pod's spec with those host paths that a run would create replaced by something harmless."""
    spec = deepcopy(dict(pod_spec))
    for volume in spec.get("volumes") or []:
        if str((volume.get("hostPath") or {}).get("type") or "").endswith("OrCreate"):
            del volume["hostPath"]
            volume["emptyDir"] = {}
    return spec


def kernel_of(manifest: Manifest) -> tuple[str, Interpreter | None]:
    """Return the kernelspec that a job names, and its interpreter; ``""`` if it names none."""
    name = str((manifest["metadata"].get("annotations") or {}).get(ANNOTATION_KERNEL) or "")
    return name, kernel_interpreter(name) if name else None


def findings(manifest: Manifest, home: Path, name_is_taken: Callable[[Manifest], bool]) -> list[Finding]:
    """Return all that is to be said of a manifest."""
    try:
        check_manifest(manifest, Sources.named_in(os.environ))
    except MltrainError as error:
        return [_error("manifest", error.message, error.hint, str(error.details.get("field") or ""))]
    found = [*operator_findings(manifest), *_name(manifest, name_is_taken), *_kernel(manifest)]
    found += [*_space(home), *_accelerators(manifest)]
    for group in groups(manifest):
        found += [*_sidecars(manifest, group), *_size(manifest, group)]
    return found


def _error(code: str, message: str, hint: str, field: str = "") -> Finding:
    return Finding(code, Severity.ERROR, message, hint, {"field": field} if field else {})


def _warning(code: str, message: str, hint: str, field: str = "") -> Finding:
    return Finding(code, Severity.WARNING, message, hint, {"field": field} if field else {})


def _name(manifest: Manifest, name_is_taken: Callable[[Manifest], bool]) -> Iterator[Finding]:
    if name_is_taken(manifest):
        name = manifest["metadata"]["name"]
        yield _error("name-taken", f"A {manifest['kind']} {name!r} exists.", "Choose another name.", "metadata.name")


def _kernel(manifest: Manifest) -> Iterator[Finding]:
    name, interpreter = kernel_of(manifest)
    if name and interpreter is None:
        yield _warning(
            "kernel-missing",
            f"There is no kernel {name!r} on this machine; the job would run with the Python of this program.",
            "Install the kernel, or choose another one for the notebook.",
        )


def _space(home: Path) -> Iterator[Finding]:
    free = shutil.disk_usage(home).free
    if free < _NO_SPACE:
        yield _error("disk-full", f"The disk of {home} is full.", "Free some space, e.g. by deleting old jobs.")
    elif free < _LITTLE_SPACE:
        yield _warning("disk-low", f"The disk of {home} has only {free // 2**20} MiB left.", "Delete old jobs.")


def _accelerators(manifest: Manifest) -> Iterator[Finding]:
    for group in groups(manifest):
        for resource in devices.foreign_resources(group.pod_spec):
            yield _error("resource-unknown", f"There is no {resource} on this machine.", "Ask for it on a cluster.")
    if leases.wanted_by(manifest):
        gpus, why = devices.find_gpus()
        if leases.assign(manifest, gpus, ()) is None:
            yield _error("gpu-missing", " ".join([scheduler.too_much(manifest, gpus), why]).strip(), "Ask for less.")


def _sidecars(manifest: Manifest, group: Group) -> Iterator[Finding]:
    main = main_container(manifest["kind"], group.pod_spec)
    first = init_containers(group.pod_spec)
    everyone = [*(group.pod_spec.get("initContainers") or []), *group.pod_spec["containers"]]
    others = [container["name"] for container in everyone if container is not main and container not in first]
    if others:
        yield _warning(
            "sidecar",
            f"Only container {main['name']!r} runs on this machine, not {', '.join(others)}.",
            "Run what the others do within it, or use a cluster.",
            f"{group.field}.containers",
        )


def _size(manifest: Manifest, group: Group) -> Iterator[Finding]:
    asked = memory_limit(main_container(manifest["kind"], group.pod_spec))
    there = devices.memory_size()
    if asked is not None and asked > there:
        yield _warning(
            "memory-missing",
            f"A replica may take {size(asked)} of memory, this machine has {there // 2**20} MiB.",
            "Ask for less, or use a cluster.",
            f"{group.field}.containers",
        )

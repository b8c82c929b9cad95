"""Pods of a batch/v1 Job: which are active, which go first, and how a new one looks."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from copy import deepcopy
from datetime import UTC, datetime
from typing import Any

from .job_spec import JobSpec
from .types import CreatePod, Pod

INDEX_ANNOTATION = "batch.kubernetes.io/job-completion-index"
INDEX_ENV = "JOB_COMPLETION_INDEX"
_MAX_NAME = 63
_LONG_AGO = datetime.min.replace(tzinfo=UTC)


def is_active(pod: Pod) -> bool:
    """Whether a pod runs or may still run, and nobody has asked it to go."""
    return not pod.finished and not pod.deleting


def is_terminating(pod: Pod) -> bool:
    """Whether a pod was asked to go and has not ended yet."""
    return pod.deleting and not pod.finished


def is_failed(spec: JobSpec, pod: Pod) -> bool:
    """Whether a pod counts as failed: a deleted one does at once, unless only failed pods are replaced."""
    if pod.phase == "Failed":
        return True
    return pod.deleting and pod.phase != "Succeeded" and not spec.replace_only_failed


def has_index(spec: JobSpec, pod: Pod) -> bool:
    """Whether a pod's outcome is of any use: in an Indexed job only with an index below ``completions``."""
    return not spec.indexed or 0 <= pod.index < spec.index_count


def pods_to_remove(spec: JobSpec, active: Sequence[Pod], at_least: int) -> list[Pod]:
    """Return the active pods to delete: repeated and useless indexes, then the least advanced, until enough go."""
    surplus = _surplus_indexes(spec, active) if spec.indexed else []
    rest = [pod for pod in active if pod not in surplus]
    missing = max(at_least - len(surplus), 0)
    return surplus + sorted(rest, key=_advancement)[:missing]


def _surplus_indexes(spec: JobSpec, active: Iterable[Pod]) -> list[Pod]:
    keep: dict[int, Pod] = {}
    surplus = []
    for pod in sorted(active, key=_advancement, reverse=True):
        if has_index(spec, pod) and pod.index not in keep:
            keep[pod.index] = pod
        else:
            surplus.append(pod)
    return surplus


def _advancement(pod: Pod) -> tuple[object, ...]:
    """Sort key: unbound before bound, pending before running, not ready before ready, restarted and young first."""
    created = pod.created_at or _LONG_AGO
    return (pod.scheduled, pod.phase == "Running", pod.ready, -pod.restart_count, -created.timestamp())


def first_pending(spec: JobSpec, taken: frozenset[int], count: int) -> list[int]:
    """Return the lowest completion indexes that are neither done nor taken, at most ``count``."""
    found: list[int] = []
    for index in range(spec.index_count):
        if len(found) == count:
            break
        if index not in taken:
            found.append(index)
    return found


def new_pod(manifest: Mapping[str, Any], spec: JobSpec, number: int, index: int) -> CreatePod:
    """Return the pod that the controller would post; ``number`` makes its name unique, ``index`` is -1 if none."""
    template = deepcopy(manifest["spec"]["template"])
    metadata = template.get("metadata") or {}
    labels = {**(metadata.get("labels") or {}), "batch.kubernetes.io/job-name": spec.name, "job-name": spec.name}
    annotations = dict(metadata.get("annotations") or {})
    suffix = f"-{number}" if index < 0 else f"-{index}-{number}"
    pod_spec = template["spec"]
    if index >= 0:
        annotations[INDEX_ANNOTATION] = labels[INDEX_ANNOTATION] = str(index)
        pod_spec["hostname"] = f"{spec.name}-{index}"
        _add_index_env(pod_spec)
    name = spec.name[: _MAX_NAME - len(suffix)] + suffix
    metadata = {**metadata, "name": name, "namespace": spec.namespace, "labels": labels, "annotations": annotations}
    pod = {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": pod_spec}
    return CreatePod(name=name, role="", index=index, manifest=pod)


def _add_index_env(pod_spec: dict[str, Any]) -> None:
    source = {"fieldRef": {"fieldPath": f"metadata.labels['{INDEX_ANNOTATION}']"}}
    for container in [*(pod_spec.get("initContainers") or ()), *pod_spec["containers"]]:
        env = container.setdefault("env", [])
        if all(variable["name"] != INDEX_ENV for variable in env):
            env.append({"name": INDEX_ENV, "valueFrom": source})

"""The pods and services that the operator makes (``pkg/controller.v1/common/{pod,service}.go``)."""

from __future__ import annotations

import copy
from typing import Any

from ..model.labels import JOB_ROLE, REPLICA_INDEX, REPLICA_TYPE
from .spec import JobSpec, main_container
from .types import Manifest
from .validation.metadata import check_annotations, check_labels
from .validation.names import dns_1123_subdomain
from .validation.podspec import check_spec
from .validation.verdict import aggregate, invalid

_LABEL_LENGTH = 63


def replica_name(job: str, role: str, index: int) -> str:
    """Return the name that the pod and the service of a replica share."""
    return f"{job}-{role.lower()}-{index}".replace("/", "-")


def pod(job: JobSpec, role: str, index: int, *, master: bool) -> Manifest:
    """Return the pod of a replica, but for what the kind adds (environment).

    Only name, labels, annotations and finalizers of the template's metadata are taken over. The restart policy of the
    replica wins over the template's; the kubelet knows no ExitCode, there the operator itself restarts.
    """
    replica = job.roles[role]
    spec = copy.deepcopy(replica.template["spec"])
    spec["restartPolicy"] = "Never" if replica.restart_policy == "ExitCode" else replica.restart_policy
    template_metadata = replica.template.get("metadata") or {}
    labels = {**(template_metadata.get("labels") or {}), **_labels(job, role, index)}
    if master:
        labels[JOB_ROLE] = "master"
    metadata: dict[str, Any] = {**_metadata(job, role, index), "labels": labels}
    for field in ("annotations", "finalizers"):
        if template_metadata.get(field):
            metadata[field] = copy.deepcopy(template_metadata[field])
    return {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": spec}


def service(job: JobSpec, role: str, index: int) -> Manifest:
    """Return the headless service that gives a replica its DNS name; it shows the ports of the main container."""
    container = main_container(job.roles[role].template, job.conventions.container)
    ports = {port.get("name", ""): port["containerPort"] for port in container["ports"]}
    labels = _labels(job, role, index)
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {**_metadata(job, role, index), "labels": labels},
        "spec": {
            "clusterIP": "None",
            "selector": dict(labels),
            "ports": [{"name": name, "port": port} for name, port in ports.items()],
        },
    }


def pod_refusal(manifest: Manifest) -> str:
    """Return why the API server would not take a pod of an accepted job, or ``""``.

    The job's schema knows the fields of a template but not the rules of pods, so that what breaks them comes out only
    when a pod is made.
    """
    metadata = manifest["metadata"]
    name = metadata["name"]
    errors = [
        *(invalid("metadata.name", name, line) for line in dns_1123_subdomain(name)),
        *check_labels(metadata["labels"], "metadata.labels"),
        *check_annotations(metadata.get("annotations") or {}, "metadata.annotations"),
        *check_spec(manifest["spec"], "spec"),
    ]
    return f'Pod "{name}" is invalid: {aggregate(errors)}' if errors else ""


def service_refusal(manifest: Manifest) -> str:
    """Return why the API server would not take the service of an accepted job, or ``""``.

    A job's name may have 63 characters, but then there is no room for role and index.
    """
    name = manifest["metadata"]["name"]
    if len(name) <= _LABEL_LENGTH:
        return ""
    problem = f'Invalid value: "{name}": must be no more than {_LABEL_LENGTH} characters'
    return f'Service "{name}" is invalid: metadata.name: {problem}'


def _labels(job: JobSpec, role: str, index: int) -> dict[str, str]:
    return {**job.labels, REPLICA_TYPE: role.lower(), REPLICA_INDEX: str(index)}


def _metadata(job: JobSpec, role: str, index: int) -> dict[str, Any]:
    owner = {
        "apiVersion": "kubeflow.org/v1",
        "kind": job.kind,
        "name": job.name,
        "uid": job.metadata.get("uid", ""),
        "controller": True,
        "blockOwnerDeletion": True,
    }
    return {
        "name": replica_name(job.name, role, index),
        "namespace": job.namespace,
        "ownerReferences": [owner],
    }

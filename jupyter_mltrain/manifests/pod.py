"""The pod template that every kind of job shares. It meets the Pod Security Standard *restricted*.

https://kubernetes.io/docs/concepts/security/pod-security-standards/
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from ..model.labels import CONTAINER_HOME
from ..model.spec import Framework, Gpu, Resources, RoleName, TrainingSpec, Volume
from .environment import environment
from .run import Run, job_labels

COMMAND: Final = ("python", "-m", "jupyter_mltrain.runner")

# The user and group of the Jupyter images, so that a claim can be shared between a notebook server and its jobs.
_USER: Final = 1000
_GROUP: Final = 100

# A service mesh's sidecar never ends, and with it no pod of a job does. The operator's own examples say the same.
_NO_SIDECAR: Final = {"sidecar.istio.io/inject": "false"}


def pod_template(spec: TrainingSpec, run: Run, role: RoleName, *, container: str) -> dict[str, Any]:
    """Return the ``template`` of a role's replicas.

    Parameters
    ----------
    container:
        Name of the container; the operator looks for ``tensorflow`` or ``pytorch``.
    """
    return {
        "metadata": {"labels": {**job_labels(spec, run), **_NO_SIDECAR}},
        "spec": _pod_spec(spec, run, role, container),
    }


def present(fields: dict[str, Any]) -> dict[str, Any]:
    """Return the fields that say something: without None, empty text, lists and objects."""
    return {name: value for name, value in fields.items() if value not in (None, "", [], {})}


def _pod_spec(spec: TrainingSpec, run: Run, role: RoleName, container: str) -> dict[str, Any]:
    gpu = spec.roles[role].resources.gpu
    return present(
        {
            "containers": [_container(spec, run, role, container)],
            "volumes": [{"name": name, **source} for name, source, _ in _volumes(spec)],
            "affinity": _affinity(gpu),
            "tolerations": _tolerations(gpu),
            "nodeSelector": dict(sorted(spec.node_selector.items())),
            "priorityClassName": spec.run_policy.scheduling and spec.run_policy.scheduling.priority_class,
            "imagePullSecrets": [{"name": name} for name in spec.image_pull_secrets],
            "serviceAccountName": spec.service_account,
            # A notebook has no business with the API server unless somebody gave it an account for that.
            "automountServiceAccountToken": False if spec.service_account is None else None,
            # Otherwise every service of the namespace adds seven variables to each container.
            "enableServiceLinks": False,
            "securityContext": {
                "runAsNonRoot": True,
                "runAsUser": _USER,
                "runAsGroup": _GROUP,
                "fsGroup": _GROUP,
                "fsGroupChangePolicy": "OnRootMismatch",
                "seccompProfile": {"type": "RuntimeDefault"},
            },
        }
    )


def _container(spec: TrainingSpec, run: Run, role: RoleName, name: str) -> dict[str, Any]:
    return present(
        {
            "name": name,
            "image": run.image,
            "command": list(COMMAND),
            "env": environment(spec, run, role),
            "resources": _resources(spec.roles[role].resources),
            "volumeMounts": [{"name": name, **mount} for name, _, mount in _volumes(spec)],
            "securityContext": {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}},
        }
    )


def _resources(resources: Resources) -> dict[str, Any]:
    """Return requests equal to limits.

    Memory, since what is promised beyond the request is what gets a pod killed. CPU, since libraries size their
    thread pools by the limit, replicas then run equally fast wherever they land, and the pod is evicted last.
    An extended resource is given by its limit.
    """
    requests = present({"cpu": resources.cpu, "memory": resources.memory})
    gpu = {} if resources.gpu is None else {resources.gpu.resource: str(resources.gpu.count)}
    return present({"requests": requests, "limits": {**requests, **gpu}})


def _affinity(gpu: Gpu | None) -> dict[str, Any]:
    if gpu is None or gpu.product is None:
        return {}
    product = {"key": gpu.product_label, "operator": "In", "values": [gpu.product]}
    required = {"nodeSelectorTerms": [{"matchExpressions": [product]}]}
    return {"nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": required}}


def _tolerations(gpu: Gpu | None) -> list[dict[str, str]]:
    """GPU nodes carry a taint by the name of the resource; without this a pod never gets there."""
    return [] if gpu is None else [{"key": gpu.resource, "operator": "Exists", "effect": "NoSchedule"}]


def _volumes(spec: TrainingSpec) -> Iterator[tuple[str, dict[str, Any], dict[str, Any]]]:
    """Yield name, source and mount of each volume: the user's, the home, and shared memory for PyTorch."""
    for volume in spec.volumes:
        yield (
            volume.name,
            _source(volume),
            present({"mountPath": volume.mount_path, "readOnly": volume.read_only or None}),
        )
    yield "mltrain-home", {"emptyDir": {}}, {"mountPath": CONTAINER_HOME}
    mounted = {volume.mount_path.rstrip("/") for volume in spec.volumes}
    if spec.framework is Framework.PYTORCH and "/dev/shm" not in mounted:  # noqa: S108
        # A container has 64 MiB of shared memory, which DataLoader's workers and NCCL soon fill.
        yield "mltrain-shm", {"emptyDir": {"medium": "Memory"}}, {"mountPath": "/dev/shm"}  # noqa: S108


def _source(volume: Volume) -> dict[str, Any]:
    if volume.claim is not None:
        return {"persistentVolumeClaim": {"claimName": volume.claim}}
    if volume.host_path is not None:
        return {"hostPath": {"path": volume.host_path}}
    if volume.secret is not None:
        return {"secret": {"secretName": volume.secret}}
    if volume.config_map is not None:
        return {"configMap": {"name": volume.config_map}}
    return {"emptyDir": {}}

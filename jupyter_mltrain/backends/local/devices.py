"""What this machine has: accelerators, processors, memory; and which accelerators a pod gets.

Products are named as the labels of NVIDIA's GPU feature discovery name them, so that a manifest that asks for
``nvidia.com/gpu.product: NVIDIA-H200`` on a cluster finds the same here. The machine counts as a node with such labels.
"""

from __future__ import annotations

import contextlib
import math
import os
import re
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from ..base import Device
from .memory import Hierarchy, hierarchies, read

GPU_RESOURCE: Final = "nvidia.com/gpu"
PRODUCT_LABEL: Final = "nvidia.com/gpu.product"
_LABEL_DOMAIN: Final = "nvidia.com/"


@dataclass(frozen=True, slots=True)
class Gpu:
    """One accelerator."""

    uuid: str
    product: str  # as the label spells it
    memory: int | None = None  # bytes; None where it is the processor's

    @property
    def labels(self) -> dict[str, str]:
        """The labels that GPU feature discovery would give a node with such accelerators."""
        size = {} if self.memory is None else {"nvidia.com/gpu.memory": str(self.memory // 2**20)}
        return {PRODUCT_LABEL: self.product, "nvidia.com/gpu.present": "true", **size}


def product_label(name: str) -> str:
    """Return the label value for a product's name: ``NVIDIA H200`` is ``NVIDIA-H200``.

    Source: NVIDIA/k8s-device-plugin, ``internal/lm/resource.go``.
    """
    return "-".join(re.sub(r"[^A-Za-z0-9-_. ]", "", name).split())


def find_gpus() -> tuple[tuple[Gpu, ...], str]:
    """Return the accelerators of this machine and, where there are none, why none is seen."""
    import pynvml

    try:
        pynvml.nvmlInit()
    except pynvml.NVMLError as error:
        return (), f"No NVIDIA accelerator is seen on this machine: {error}."
    try:
        handles = [pynvml.nvmlDeviceGetHandleByIndex(index) for index in range(pynvml.nvmlDeviceGetCount())]
        gpus = tuple(_gpu(pynvml, handle) for handle in handles)
    except pynvml.NVMLError as error:
        return (), f"The NVIDIA driver does not answer: {error}."
    finally:
        pynvml.nvmlShutdown()
    return gpus, "" if gpus else "The NVIDIA driver sees no accelerator."


def _gpu(nvml: Any, handle: Any) -> Gpu:
    memory = None
    with contextlib.suppress(nvml.NVMLError_NotSupported):
        memory = int(nvml.nvmlDeviceGetMemoryInfo(handle).total)
    return Gpu(nvml.nvmlDeviceGetUUID(handle), product_label(nvml.nvmlDeviceGetName(handle)), memory)


def groups(gpus: Iterable[Gpu], leased: Collection[str], node: str = "") -> tuple[Device, ...]:
    """Return the accelerators as groups of equal ones, with how many are free."""
    gpus = list(gpus)
    found = []
    for product, memory in dict.fromkeys((gpu.product, gpu.memory) for gpu in gpus):
        alike = [gpu for gpu in gpus if (gpu.product, gpu.memory) == (product, memory)]
        free = sum(gpu.uuid not in leased for gpu in alike)
        found.append(Device(product, total=len(alike), free=free, memory=memory, node=node))
    return tuple(found)


# What a pod asks for


def wanted(pod_spec: Mapping[str, Any]) -> int:
    """Return how many accelerators the containers of a pod ask for, together."""
    return sum(_limit(container) for container in pod_spec["containers"])


def _limit(container: Mapping[str, Any]) -> int:
    resources = container.get("resources") or {}
    for group in ("limits", "requests"):
        if GPU_RESOURCE in (resources.get(group) or {}):
            return int(resources[group][GPU_RESOURCE])
    return 0


def foreign_resources(pod_spec: Mapping[str, Any]) -> tuple[str, ...]:
    """Return the extended resources that a pod asks for and this machine does not know, such as ``amd.com/gpu``."""
    asked = {
        name
        for container in pod_spec["containers"]
        for name in ((container.get("resources") or {}).get("limits") or {})
        if "/" in name and not name.startswith("kubernetes.io/")
    }
    return tuple(sorted(asked - {GPU_RESOURCE}))


def suitable(gpus: Iterable[Gpu], pod_spec: Mapping[str, Any]) -> tuple[Gpu, ...]:
    """Return the accelerators on whose node a pod could be scheduled, by its node selector and required affinity.

    Only labels of accelerators (``nvidia.com/...``) are looked at: with the others the manifest chooses among nodes,
    and here there is one.
    """
    return tuple(gpu for gpu in gpus if matches(pod_spec, gpu.labels))


def matches(pod_spec: Mapping[str, Any], labels: Mapping[str, str]) -> bool:
    """Return whether a node with these labels fits a pod.

    Source: https://kubernetes.io/docs/concepts/scheduling-eviction/assign-pod-node/ (terms are alternatives,
    expressions of one term hold together).
    """
    selector = pod_spec.get("nodeSelector") or {}
    if any(labels.get(key) != value for key, value in selector.items() if key.startswith(_LABEL_DOMAIN)):
        return False
    affinity = (pod_spec.get("affinity") or {}).get("nodeAffinity") or {}
    required = affinity.get("requiredDuringSchedulingIgnoredDuringExecution") or {}
    terms = required.get("nodeSelectorTerms")
    return not terms or any(_term_matches(term, labels) for term in terms)


def _term_matches(term: Mapping[str, Any], labels: Mapping[str, str]) -> bool:
    expressions = [each for each in term.get("matchExpressions") or [] if each["key"].startswith(_LABEL_DOMAIN)]
    return all(_OPERATORS[each["operator"]](labels.get(each["key"]), each.get("values") or []) for each in expressions)


_OPERATORS: Final[Mapping[str, Callable[[str | None, list[str]], bool]]] = {
    "In": lambda value, values: value in values,
    "NotIn": lambda value, values: value not in values,
    "Exists": lambda value, _: value is not None,
    "DoesNotExist": lambda value, _: value is None,
    "Gt": lambda value, values: value is not None and int(value) > int(values[0]),
    "Lt": lambda value, values: value is not None and int(value) < int(values[0]),
}


def choose(gpus: Iterable[Gpu], leased: Collection[str], product: str | None, count: int) -> tuple[str, ...] | None:
    """Choose free accelerators, all of one product as on a node of a cluster.

    Parameters
    ----------
    gpus:
        What may be chosen from; the first ones are taken first.
    leased:
        UUIDs of those that are taken.
    product:
        ``None``: any.

    Returns
    -------
    The UUIDs, or ``None`` if there are not enough free ones.
    """
    if count == 0:
        return ()
    free: dict[str, list[str]] = {}
    for gpu in gpus:
        if gpu.uuid not in leased and product in (None, gpu.product):
            free.setdefault(gpu.product, []).append(gpu.uuid)
    return next((tuple(uuids[:count]) for uuids in free.values() if len(uuids) >= count), None)


def visible_devices_env(uuids: Iterable[str]) -> dict[str, str]:
    """Return the variables by which CUDA shows a replica its accelerators and no other: none, if it asked for none."""
    visible = ",".join(uuids)
    return {"CUDA_VISIBLE_DEVICES": visible, "NVIDIA_VISIBLE_DEVICES": visible or "void"}


# Processors and memory


def processors() -> int:
    """Return how many processors this process may use: by affinity, and by the quota of its control groups."""
    allowed = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return max(1, min([allowed, *_processor_quotas(hierarchies("cpu"))]))


def memory_size() -> int:
    """Return how many bytes of memory this process may use: the machine's, or the limit of its control groups."""
    import psutil

    return min([psutil.virtual_memory().total, *_memory_limits(hierarchies("memory"))])


def _processor_quotas(found: Iterable[Hierarchy]) -> Iterator[int]:
    for hierarchy in found:
        for folder in hierarchy.ancestry():
            if hierarchy.version == 2:
                words = read(folder / "cpu.max").split()
            else:
                words = [read(folder / "cpu.cfs_quota_us"), read(folder / "cpu.cfs_period_us")]
            if len(words) == 2 and words[0].isdecimal() and words[1].isdecimal():  # neither "max" nor -1
                yield math.ceil(int(words[0]) / int(words[1]))


def _memory_limits(found: Iterable[Hierarchy]) -> Iterator[int]:
    for hierarchy in found:
        name = "memory.max" if hierarchy.version == 2 else "memory.limit_in_bytes"
        texts = (read(folder / name) for folder in hierarchy.ancestry())
        yield from (int(text) for text in texts if text.isdecimal())

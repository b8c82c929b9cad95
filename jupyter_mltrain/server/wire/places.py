"""The places that run jobs, and the samples that are there to be run."""

from __future__ import annotations

from .base import Wire


class BackendInfo(Wire):
    """One place that runs jobs."""

    name: str
    title: str
    available: bool
    why: str = ""
    """Why it is not available."""
    kinds: tuple[str, ...] = ()
    suspend: bool = True
    gpus: bool = False
    images: bool = False


class Backends(Wire):
    """The places that may be used; the first is the default."""

    backends: tuple[BackendInfo, ...]


class Device(Wire):
    """One group of equal accelerators."""

    product: str
    total: int
    free: int
    memory: int | None = None
    node: str = ""
    taints: tuple[str, ...] = ()


class Inventory(Wire):
    """What a place has, and what is free."""

    devices: tuple[Device, ...] = ()
    cpus: int | None = None
    memory: int | None = None
    slots: int | None = None
    slots_free: int | None = None
    note: str = ""
    """E.g. why no GPU is seen."""


class Sample(Wire):
    """A sample notebook."""

    name: str
    title: str
    summary: str
    framework: str
    available: bool
    """Whether what it needs is installed."""
    why: str = ""


class Samples(Wire):
    """The gallery, the best one first."""

    samples: tuple[Sample, ...]


class SampleCopy(Wire):
    """Where a sample was put; the answer of ``POST samples/{name}/open``."""

    path: str

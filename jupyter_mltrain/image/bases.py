"""Which base image a notebook gets where nobody names one: by its framework, and by the GPUs that it asks for.

The libraries of CUDA come as wheels: PyPI's torch for Linux needs them, tensorflow with the extra ``and-cuda``. So the
images of the Python project do for NVIDIA's GPUs too; the driver is put in by the NVIDIA Container Toolkit when the
container starts, if its environment says which part of it is wanted. The frameworks' builds for AMD's and Intel's
GPUs are not on PyPI: there, a site names an image of its own.

Sources: https://www.tensorflow.org/install/pip, https://pytorch.org/get-started/locally/ and
https://docs.nvidia.com/datacenter/cloud-native/container-toolkit/latest/docker-specialized.html
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final

from ..errors import ImageError, InvalidInput
from .reference import Reference

DEFAULT: Final = "docker.io/library/python:{python}-slim"
_NVIDIA: Final = {"NVIDIA_VISIBLE_DEVICES": "all", "NVIDIA_DRIVER_CAPABILITIES": "compute,utility"}
# Distribution -> what is required in its place, of the same version.
_CUDA: Final = {"tensorflow": "tensorflow[and-cuda]", "tensorflow-cpu": "tensorflow[and-cuda]"}


@dataclass(frozen=True, slots=True)
class Choice:
    """A base image, and what comes with it.

    Attributes
    ----------
    environment:
        Variables of the image's containers.
    requirements:
        Name of a package -> what is required in its place, in the version that it would have had.
    """

    image: Reference
    environment: Mapping[str, str] = field(default_factory=dict)
    requirements: Mapping[str, str] = field(default_factory=dict)


def choose(framework: str, python: str, *, gpu: str = "", bases: Mapping[str, str] | None = None) -> Choice:
    """Return the base image for a notebook.

    Parameters
    ----------
    framework:
        ``tensorflow``, ``pytorch`` or ``none``.
    python:
        Version of the notebook's Python, its first two parts: ``3.11``.
    gpu:
        Name of the resource that it asks the cluster for, ``nvidia.com/gpu``; ``""``: none.
    bases:
        A site's and a user's own images: ``tensorflow``, ``tensorflow-gpu``, ``tensorflow-amd``, ``default``,
        ``default-gpu`` ... -> name, in which ``{python}`` stands for the version. The more exact key counts.

    Raises
    ------
    InvalidInput
        A name that is set is none of an image.
    ImageError
        There are GPUs that only an image of the site's is for, and none is set.
    """
    vendor = _vendor(gpu)
    known = dict(bases or {})
    key = next((key for key in _keys(framework, vendor) if key in known), "")
    if key:
        image = _filled(key, known[key], python)
    elif vendor in {"", "nvidia"}:
        image = Reference.parse(DEFAULT.format(python=python))
    else:
        raise _not_set(framework, vendor, gpu)
    # An image that is set for GPUs has their libraries; one that is set for anything gets them as packages.
    brings_libraries = "-" in key
    return Choice(
        image,
        _NVIDIA if vendor == "nvidia" else {},
        _CUDA if vendor == "nvidia" and not brings_libraries else {},
    )


def _vendor(gpu: str) -> str:
    """Return whose GPUs a resource counts: ``nvidia.com/mig-1g.5gb``, ``amd.com/gpu``, ``gpu.intel.com/xe``."""
    domain = gpu.partition("/")[0].lower()
    return domain.removesuffix(".com").rpartition(".")[2]


def _keys(framework: str, vendor: str) -> Iterator[str]:
    """Yield the keys of the table that may name the image, the most exact first."""
    names = [framework, "default"] if framework != "none" else ["default"]
    if vendor:
        yield from (f"{name}-{kind}" for name in names for kind in (vendor, "gpu"))
    if vendor in {"", "nvidia"}:
        yield from names


def _filled(key: str, name: str, python: str) -> Reference:
    try:
        return Reference.parse(name.replace("{python}", python))
    except InvalidInput as error:
        raise InvalidInput(f"The base image that is set for {key!r}: {error.message}", hint=error.hint) from None


def _not_set(framework: str, vendor: str, gpu: str) -> ImageError:
    key = f"{framework if framework != 'none' else 'default'}-{vendor}"
    return ImageError(
        f"There is no base image for GPUs of the kind {gpu!r}: packages for them are not on PyPI.",
        hint=f"Name one with --base, or as {key!r} among the bases in the settings for images.",
    )

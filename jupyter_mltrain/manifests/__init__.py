"""From a spec to a TFJob, PyTorchJob or Job, and from files to manifests. Pure: the same input, the same manifest."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from ..errors import InvalidInput
from ..model.job import Manifest
from ..model.spec import Framework, TrainingSpec, longest_pod_name
from . import job, pytorchjob, tfjob
from .again import manifest_again, parameters_of
from .documents import read_manifests, to_yaml
from .names import job_name, notebook_stem
from .run import Run

__all__ = [
    "UNBUILT_IMAGE",
    "build",
    "job_name",
    "manifest_again",
    "parameters_of",
    "read_manifests",
    "to_yaml",
]

UNBUILT_IMAGE: Final = "jupyter-mltrain.invalid/notebook:unbuilt"
"""Stands for an image that nobody has built. No registry can ever have the name (RFC 2606, section 2)."""

_BUILDERS: Final[dict[Framework, Callable[[TrainingSpec, Run], Manifest]]] = {
    Framework.TENSORFLOW: tfjob.build,
    Framework.PYTORCH: pytorchjob.build,
    Framework.NONE: job.build,
}
_MAX_POD_NAME: Final = 63


def build(
    spec: TrainingSpec,
    *,
    job_id: str,
    name: str | None,
    program: str,
    notebook: str,
    kernel: str,
    parameters: Mapping[str, Any],
    image: str | None,
    commit: str | None,
    version: str,
) -> Manifest:
    """Return the manifest that runs a program as a job.

    Parameters
    ----------
    job_id:
        This project's id of the job, letters and digits.
    name:
        ``metadata.name``; ``None`` takes the spec's, else one made of the notebook's name and the job id.
    program:
        ``sha256:<64 hex digits>``.
    notebook:
        Path of the notebook as the user gave it.
    kernel:
        Name of its kernelspec, e.g. ``python3``.
    parameters:
        JSON values by parameter name.
    image:
        Image reference; ``None`` takes the spec's, else a placeholder that only a backend without images can run.
    commit:
        Git commit of the notebook's folder, if there is one.
    version:
        Version of this project.

    Raises
    ------
    InvalidInput
        The name would make pod names longer than Kubernetes takes.
    ParameterError
        The parameter values cannot be written as JSON, or are too long.
    """
    decided = name or spec.name or job_name(notebook_stem(notebook), job_id)
    _check_name(decided, spec)
    run = Run(
        job_id=job_id,
        name=decided,
        program=program,
        notebook=notebook,
        kernel=kernel,
        parameters=parameters,
        image=image or spec.image or UNBUILT_IMAGE,
        commit=commit,
        version=version,
    )
    return _BUILDERS[spec.framework](spec, run)


def _check_name(name: str, spec: TrainingSpec) -> None:
    longest = longest_pod_name(name, spec)
    if len(longest) > _MAX_POD_NAME:
        raise InvalidInput(
            f"The job name {name!r} is too long: its pod {longest!r} would have more than {_MAX_POD_NAME} characters",
            hint=f"Shorten it by {len(longest) - _MAX_POD_NAME}.",
            field="name",
        )

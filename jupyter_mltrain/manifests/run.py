"""What a manifest is made of besides the spec, and the labels and annotations that tell it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ..model import labels
from ..model.spec import TrainingSpec
from .names import label_value, notebook_stem

_SHORT_DIGEST = 12


@dataclass(frozen=True, slots=True)
class Run:
    """One run: which program, with which parameter values, under which name.

    Attributes are those of :func:`jupyter_mltrain.manifests.build`, with name and image decided.
    """

    job_id: str
    name: str
    program: str
    notebook: str
    kernel: str
    parameters: Mapping[str, Any]
    image: str
    commit: str | None
    version: str


def metadata(spec: TrainingSpec, run: Run) -> dict[str, Any]:
    """Return the job's ``metadata``."""
    return {
        "name": run.name,
        "namespace": spec.namespace,
        "labels": job_labels(spec, run),
        "annotations": _annotations(spec, run),
    }


def job_labels(spec: TrainingSpec, run: Run) -> dict[str, str]:
    """Return the labels of a job and of its pods: the user's, and those by which a job can be found."""
    return {
        **dict(sorted(spec.labels.items())),
        labels.LABEL_JOB_ID: run.job_id,
        labels.LABEL_NOTEBOOK: label_value(notebook_stem(run.notebook)),
        labels.LABEL_PROGRAM: run.program.removeprefix("sha256:")[:_SHORT_DIGEST],
    }


def _annotations(spec: TrainingSpec, run: Run) -> dict[str, str]:
    return {
        **dict(sorted(spec.annotations.items())),
        labels.ANNOTATION_PROGRAM: run.program,
        labels.ANNOTATION_NOTEBOOK: run.notebook,
        labels.ANNOTATION_KERNEL: run.kernel,
        **({labels.ANNOTATION_COMMIT: run.commit} if run.commit else {}),
        labels.ANNOTATION_IMAGE: run.image,
        labels.ANNOTATION_VERSION: run.version,
        labels.ANNOTATION_SPEC: _compact_json(spec.model_dump(mode="json", exclude_defaults=True)),
    }


def _compact_json(value: Any) -> str:
    return json.dumps(value, separators=(",", ":"), sort_keys=True)

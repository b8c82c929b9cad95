"""A manifest of a job that was, made into one of a job to be: resubmit and clone."""

from __future__ import annotations

import copy
import json
from collections.abc import Mapping
from typing import Any, Final

from ..model import labels
from ..model.job import Manifest, container_environment, pod_templates
from .environment import parameters_json
from .names import job_name

# What the API server writes into metadata; a new object must come without.
_SERVER_METADATA: Final = (
    "uid",
    "resourceVersion",
    "generation",
    "creationTimestamp",
    "deletionTimestamp",
    "deletionGracePeriodSeconds",
    "managedFields",
    "ownerReferences",
    "finalizers",
    "selfLink",
)


def manifest_again(
    manifest: Manifest, *, job_id: str, name: str | None = None, parameters: Mapping[str, Any] | None = None
) -> Manifest:
    """Return the manifest for another run of the same program.

    Parameters
    ----------
    job_id:
        Id of the new job.
    name:
        Its ``metadata.name``; ``None`` makes one of the old name and the id.
    parameters:
        All parameter values of the new run; ``None`` keeps the old ones.
    """
    new = copy.deepcopy(manifest)
    new.pop("status", None)
    metadata = new["metadata"]
    old_id = (metadata.get("labels") or {}).get(labels.LABEL_JOB_ID, "")
    for field in _SERVER_METADATA:
        metadata.pop(field, None)
    metadata.pop("generateName", None)
    metadata["name"] = name or job_name(_without_id(metadata.get("name", "job"), old_id), job_id)
    if (metadata.get("annotations") or {}).pop(labels.ANNOTATION_CANCELLED, None) is not None:
        _unsuspend(new)
    _drop_generated_selector(new)
    for holder in (metadata, *(template.setdefault("metadata", {}) for template in pod_templates(new))):
        holder.setdefault("labels", {})[labels.LABEL_JOB_ID] = job_id
    _set_env(new, labels.ENV_JOB, metadata["name"])
    if parameters is not None:
        _set_env(new, labels.ENV_PARAMETERS, parameters_json(parameters))
    return new


def parameters_of(manifest: Manifest) -> dict[str, Any]:
    """Return the parameter values that a notebook job's manifest carries; empty for any other job."""
    for variable in container_environment(manifest):
        if variable.get("name") == labels.ENV_PARAMETERS:
            values = json.loads(variable.get("value") or "{}")
            return values if isinstance(values, dict) else {}
    return {}


def _set_env(manifest: Manifest, name: str, value: str) -> None:
    for variable in container_environment(manifest):
        if variable.get("name") == name:
            variable["value"] = value


def _without_id(name: str, job_id: str) -> str:
    """Return a name without the part that ``job_name`` made of the id, so that names do not grow."""
    base, _, last = name.rpartition("-")
    return base if base and last and job_id.startswith(last) else name


def _unsuspend(manifest: Manifest) -> None:
    spec = manifest["spec"]
    (spec if manifest["kind"] == "Job" else spec.setdefault("runPolicy", {})).pop("suspend", None)


def _drop_generated_selector(manifest: Manifest) -> None:
    """A batch/v1 Job's selector and its labels name the old Job's uid."""
    if manifest["kind"] != "Job":
        return
    spec = manifest["spec"]
    if not spec.get("manualSelector"):
        spec.pop("selector", None)
    generated = ("controller-uid", "batch.kubernetes.io/controller-uid", "job-name", "batch.kubernetes.io/job-name")
    for holder in (manifest["metadata"], *(template.get("metadata") or {} for template in pod_templates(manifest))):
        for label in generated:
            (holder.get("labels") or {}).pop(label, None)

"""A job once more: the same frozen program, with some values changed."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ..errors import InvalidInput
from ..model import labels
from ..model.job import JobStatus, Manifest


@dataclass(frozen=True, slots=True)
class Changes:
    """What is to be different in another run of a job.

    Attributes
    ----------
    parameters, texts:
        Typed parameter values, and texts as a command line gives them, which win.
    replicas:
        Count by role; 0 takes the role away.
    resources:
        ``cpu``, ``memory`` and ``gpu`` for each replica of every role, as the spec has them.
    name:
        ``metadata.name``; None makes one of the old name and the new id.
    """

    parameters: Mapping[str, Any] = field(default_factory=dict)
    texts: Mapping[str, str] = field(default_factory=dict)
    replicas: Mapping[str, int] = field(default_factory=dict)
    resources: Mapping[str, Any] = field(default_factory=dict)
    name: str | None = None


def manifest_again(job: JobStatus, job_id: str, changes: Changes, programs: Path) -> Manifest:
    """Return the manifest of another run of a job.

    Parameters
    ----------
    programs:
        Folder that has the job's frozen program.

    Raises
    ------
    ParameterError
        A value does not fit the program's form.
    InvalidInput
        The spec would be wrong, or something is to be changed that only jobs with a notebook have.
    """
    from ..manifests import manifest_again as renewed

    values = _values(job, changes, programs) if changes.parameters or changes.texts else None
    if changes.replicas or changes.resources:
        return _rebuilt(job, job_id, changes, values)
    return renewed(job.manifest, job_id=job_id, name=changes.name, parameters=values)


def _values(job: JobStatus, changes: Changes, programs: Path) -> dict[str, Any]:
    """Return all parameter values of the new run."""
    from ..manifests import parameters_of
    from ..notebook import check_values, program

    digest = _annotations(job).get(labels.ANNOTATION_PROGRAM)
    if digest is None:
        raise InvalidInput(f"{job.ref.name} runs no notebook, so it has no parameters", hint="Leave out -p.")
    form = program.load(digest, [programs]).parameters
    return check_values(form, {**parameters_of(job.manifest), **changes.parameters}, texts=changes.texts)


def _rebuilt(job: JobStatus, job_id: str, changes: Changes, values: Mapping[str, Any] | None) -> Manifest:
    """Build the manifest anew from the spec that the job carries."""
    from .. import manifests
    from ..model.spec import parse_spec
    from .version import package_version

    notes = _annotations(job)
    if labels.ANNOTATION_SPEC not in notes or labels.ANNOTATION_PROGRAM not in notes:
        raise InvalidInput(
            f"{job.ref.name} was not made from a notebook: only its manifest says what it is",
            hint="Change the manifest (`mltrain show JOB --json` has it) and apply it under another name.",
        )
    spec = parse_spec(_changed_spec(json.loads(notes[labels.ANNOTATION_SPEC]), changes))
    return manifests.build(
        spec,
        job_id=job_id,
        name=changes.name or _name_again(job, job_id),
        program=notes[labels.ANNOTATION_PROGRAM],
        notebook=notes.get(labels.ANNOTATION_NOTEBOOK, ""),
        kernel=notes.get(labels.ANNOTATION_KERNEL, ""),
        parameters=manifests.parameters_of(job.manifest) if values is None else values,
        image=notes.get(labels.ANNOTATION_IMAGE),
        commit=notes.get(labels.ANNOTATION_COMMIT),
        version=package_version(),
    )


def _changed_spec(spec: dict[str, Any], changes: Changes) -> dict[str, Any]:
    roles = dict(spec.get("roles") or {"Worker": {}})
    for role, count in changes.replicas.items():
        roles[role] = {**(roles.get(role) or {}), "replicas": count}
    kept = {role: entry for role, entry in roles.items() if entry.get("replicas") != 0}
    scaled = {role: merge_patch(entry, {"resources": changes.resources}) for role, entry in kept.items()}
    return {**spec, "roles": scaled if changes.resources else kept}


def _name_again(job: JobStatus, job_id: str) -> str:
    from ..manifests import manifest_again as renewed

    return str(renewed(job.manifest, job_id=job_id)["metadata"]["name"])


def _annotations(job: JobStatus) -> dict[str, str]:
    return job.manifest["metadata"].get("annotations") or {}


def merge_patch(target: Any, patch: Any) -> Any:
    """Return ``target`` with a JSON merge patch applied: RFC 7396, section 2."""
    if not isinstance(patch, Mapping):
        return patch
    merged = dict(target) if isinstance(target, Mapping) else {}
    for key, value in patch.items():
        if value is None:
            merged.pop(key, None)
        else:
            merged[key] = merge_patch(merged.get(key), value)
    return merged

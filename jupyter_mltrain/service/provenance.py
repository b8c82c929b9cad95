"""Where a job came from: what is needed to do it again."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from ..errors import MltrainError
from ..model import labels
from ..model.job import JobStatus, container_environment

if TYPE_CHECKING:
    from ..notebook.program import Program

_DIRTY: Final = "-dirty"
_SEEDS: Final = ("seed", "seeds", "random_state")


@dataclass(frozen=True, slots=True)
class Provenance:
    """The source of a job.

    Attributes
    ----------
    program, notebook, kernel:
        Hash of the frozen program, path of its notebook as it was submitted, name of the kernel; ``""`` for a job
        that runs no notebook.
    commit, dirty:
        Git commit of the notebook's folder, and whether the files were not what it has; ``""`` and None without one.
    image, version:
        Container image, and the version of this project that wrote the manifest.
    parameters:
        The values that this run was given.
    seeds:
        The parameters whose names say that they are seeds, with the values that they had.
    requirements:
        The program's distributions, as ``name==version``; empty where the program is not on this machine.
    channels, output_uri:
        Where data came from and where results went.
    """

    program: str = ""
    notebook: str = ""
    kernel: str = ""
    commit: str = ""
    dirty: bool | None = None
    image: str = ""
    version: str = ""
    parameters: Mapping[str, Any] = field(default_factory=dict)
    seeds: Mapping[str, Any] = field(default_factory=dict)
    requirements: tuple[str, ...] = ()
    channels: Mapping[str, str] = field(default_factory=dict)
    output_uri: str = ""

    def to_dict(self) -> dict[str, Any]:
        """Return the provenance as a JSON object."""
        return asdict(self)


def provenance_of(job: JobStatus, programs: Iterable[Path]) -> Provenance:
    """Read a job's provenance from its manifest, and from its program if one of the folders has it."""
    from ..manifests import parameters_of

    notes = job.manifest.get("metadata", {}).get("annotations") or {}
    digest = notes.get(labels.ANNOTATION_PROGRAM, "")
    program = _program(digest, programs)
    commit = notes.get(labels.ANNOTATION_COMMIT, "")
    given = parameters_of(job.manifest)
    return Provenance(
        program=digest,
        notebook=notes.get(labels.ANNOTATION_NOTEBOOK, ""),
        kernel=notes.get(labels.ANNOTATION_KERNEL, ""),
        commit=commit.removesuffix(_DIRTY),
        dirty=commit.endswith(_DIRTY) if commit else None,
        image=notes.get(labels.ANNOTATION_IMAGE, ""),
        version=notes.get(labels.ANNOTATION_VERSION, ""),
        parameters=given,
        seeds=_seeds({**_defaults(program), **given}),
        requirements=() if program is None else tuple(program.requirements.lines()),
        channels=_channels(job),
        output_uri=job.outputs,
    )


def _program(digest: str, programs: Iterable[Path]) -> Program | None:
    from ..notebook import program

    try:
        return program.load(digest, programs) if digest else None
    except MltrainError:
        return None  # it is elsewhere, or was damaged: what the manifest says still holds


def _defaults(program: Program | None) -> dict[str, Any]:
    return {} if program is None else {p.name: p.default for p in program.parameters if p.default is not None}


def _seeds(values: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in values.items() if name.lower().endswith(_SEEDS)}


def _channels(job: JobStatus) -> dict[str, str]:
    for variable in container_environment(job.manifest):
        if variable.get("name") == labels.ENV_CHANNELS:
            found: dict[str, str] = json.loads(variable.get("value") or "{}")
            return found
    return {}

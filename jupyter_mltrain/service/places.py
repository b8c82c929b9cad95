"""Whether the folders that a job is told to use are there: for jobs on this machine."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from ..errors import MltrainError
from ..model.findings import Finding, Severity
from ..model.spec import TrainingSpec
from .copies import local_folder


def check_places(spec: TrainingSpec) -> list[Finding]:
    """Return what is wrong with a spec's channels and output folder on this machine."""
    # A path below a mount is the replica's: the backend puts it where the volume lies.
    mounts = [Path(volume.mount_path) for volume in spec.volumes]
    return [
        finding
        for finding, place in (*_channels(spec), *_output(spec))
        if not any(place.is_relative_to(mount) for mount in mounts)
    ]


def _channels(spec: TrainingSpec) -> Iterator[tuple[Finding, Path]]:
    for name, place in spec.channels.items():
        path = local_folder(place)
        if path is not None and not path.exists():
            message = f"The channel {name!r} names {path}, which does not exist."
            hint = "Give a file or folder of this machine: --channel NAME=PATH."
            yield Finding("channel-missing", Severity.ERROR, message, hint, {"field": f"channels.{name}"}), path


def _output(spec: TrainingSpec) -> Iterator[tuple[Finding, Path]]:
    from ..artifacts import open_store

    where = {"field": "output_uri"}
    if spec.output_uri is None:
        return
    try:
        open_store(spec.output_uri)
    except MltrainError as error:
        yield Finding("output", Severity.ERROR, error.message, error.hint, where), Path()
        return
    path = local_folder(spec.output_uri)
    assert path is not None
    there = next(folder for folder in (path, *path.absolute().parents) if folder.exists())
    if not there.is_dir() or not os.access(there, os.W_OK | os.X_OK):
        what = "is not a folder" if not there.is_dir() else "cannot be written to"
        message = f"The outputs cannot go to {path}: {there} {what}."
        yield Finding("output", Severity.ERROR, message, "Choose another folder with --output.", where), path

"""Can the replicas share what they read and write, and is what they are told safe to tell?"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import PurePosixPath
from typing import Final

from ...model.findings import Finding, Severity
from ...model.spec import TrainingSpec, Volume
from .evidence import Evidence, trainers

_SECRET_NAME: Final = re.compile(
    r"(^|_)(PASSWORD|PASSWD|SECRET|TOKEN|CREDENTIALS?|API_?KEY|ACCESS_KEY|PRIVATE_KEY)(_|$)", re.I
)
_OUTPUT_NAME: Final = re.compile(
    r"(^|_)(log|logs|out|output|outputs|model|models|checkpoint|checkpoints|ckpt|save|export)(_|$)"
)


def claims_can_be_shared(spec: TrainingSpec, evidence: Evidence) -> Iterator[Finding]:
    """Several replicas that write one claim need ReadWriteMany."""
    if spec.replicas == 1:
        return
    for index, volume in enumerate(spec.volumes):
        if volume.claim is not None and volume.access_mode != "ReadWriteMany":
            yield from _unshared(spec, volume, f"volumes.{index}.access_mode")


def _unshared(spec: TrainingSpec, volume: Volume, field: str) -> Iterator[Finding]:
    replicas = f"{spec.replicas} replicas"
    if volume.access_mode == "ReadWriteOncePod":
        severity, problem = Severity.ERROR, f"can be mounted by one pod only, and the job has {replicas}"
    elif volume.read_only or volume.access_mode == "ReadOnlyMany":
        return
    elif volume.access_mode == "ReadWriteOnce":
        severity, problem = Severity.WARNING, f"is ReadWriteOnce: {replicas} can only write it if all are on one node"
    else:
        severity, problem = Severity.INFO, f"is written by {replicas}: it must be ReadWriteMany"
    hint = "Use a claim with access mode ReadWriteMany, or mount it read-only."
    yield Finding("claim-not-shared", severity, f"The claim {volume.claim!r} {problem}.", hint, {"field": field})


def read_only_is_read_only(spec: TrainingSpec, evidence: Evidence) -> Iterator[Finding]:
    """A claim that is ReadOnlyMany cannot be mounted for writing."""
    for index, volume in enumerate(spec.volumes):
        if volume.access_mode == "ReadOnlyMany" and not volume.read_only:
            yield Finding(
                "claim-read-only",
                Severity.WARNING,
                f"The claim {volume.claim!r} is ReadOnlyMany, but it is mounted for writing.",
                "Set read_only.",
                {"field": f"volumes.{index}.read_only"},
                {f"volumes.{index}.read_only": True},
            )


def outputs_do_not_clash(spec: TrainingSpec, evidence: Evidence) -> Iterator[Finding]:
    """Replicas that write one folder of a shared volume overwrite each other's files."""
    if trainers(spec) == 1 or evidence.names & {"rank", "output_dir"}:
        return
    for name, value in evidence.parameters.items():
        if isinstance(value, str) and _OUTPUT_NAME.search(name.lower()) and _is_shared(spec, value):
            yield Finding(
                "shared-output",
                Severity.WARNING,
                f"{trainers(spec)} replicas get the same {name} {value!r}, on a volume that they share.",
                "Give each its own folder: jupyter_mltrain.run.output_dir is one, or add run.rank to the path.",
                {"parameter": name},
            )


def _is_shared(spec: TrainingSpec, path: str) -> bool:
    mounts = [v.mount_path for v in spec.volumes if (v.claim or v.host_path) and not v.read_only]
    return any(PurePosixPath(path).is_relative_to(mount) for mount in mounts)


def host_paths_are_portable(spec: TrainingSpec, evidence: Evidence) -> Iterator[Finding]:
    """A folder of the node is another one on each node, and the Pod Security Standard *baseline* forbids it."""
    for index, volume in enumerate(spec.volumes):
        if volume.host_path is not None:
            yield Finding(
                "host-path",
                Severity.WARNING,
                f"{volume.host_path} is a folder of whatever node a replica lands on; many clusters refuse it.",
                "On a cluster use a claim; on this machine it is fine.",
                {"field": f"volumes.{index}.host_path"},
            )


def secrets_are_references(spec: TrainingSpec, evidence: Evidence) -> Iterator[Finding]:
    """What is in ``env`` can be read by everyone who may look at the job."""
    for name, value in spec.env.items():
        if value and _SECRET_NAME.search(name):
            yield Finding(
                "plain-secret",
                Severity.WARNING,
                f"{name} looks like a secret, and its value would be written into the manifest.",
                f"Put it into a Secret and refer to it: secrets.{name}.",
                {"field": f"env.{name}"},
            )

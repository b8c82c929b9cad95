"""What the environment says about a run."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from ..artifacts import ArtifactStore, open_store
from ..errors import InvalidInput
from ..model import labels
from ..notebook import program
from .replica import Replica, local_path, output_folder

DEFAULT_GRACE: Final = 30.0  # terminationGracePeriodSeconds of a pod


@dataclass(frozen=True, slots=True)
class Settings:
    """What is to run, and as which replica.

    Attributes
    ----------
    folder:
        Where the program lies.
    output:
        Folder for everything that the run leaves.
    store:
        Where that folder is put at the end; ``None`` where it is in its place already.
    grace:
        Seconds between SIGTERM and SIGKILL.
    """

    program: program.Program
    folder: Path
    parameters: dict[str, Any]
    replica: Replica
    job: str
    output: Path
    store: ArtifactStore | None
    grace: float

    @property
    def notebook(self) -> Path:
        """The executed notebook."""
        return self.output / f"{self.program.name}.ipynb"

    @classmethod
    def from_env(cls, env: Mapping[str, str]) -> Settings:
        """Read and check everything.

        Raises
        ------
        InvalidInput
            Something is missing or is not what it should be.
        NotFound, StorageError
            The program is not here, or is damaged.
        NotInstalled
            There is no store for the output URI.
        """
        digest = env.get(labels.ENV_PROGRAM)
        if not digest:
            raise InvalidInput(f"{labels.ENV_PROGRAM} is not set: there is no program to run.")
        stores = [Path(part) for part in env.get(labels.ENV_PROGRAM_PATH, "").split(os.pathsep) if part]
        folder = program.find(digest, stores)
        replica = Replica.from_env(env)
        uri = env.get(labels.ENV_OUTPUT_URI)
        return cls(
            program=program.read(folder, digest),
            folder=folder,
            parameters=_parameters(env),
            replica=replica,
            job=env.get(labels.ENV_JOB, ""),
            output=output_folder(env, replica),
            store=open_store(uri) if uri and local_path(uri) is None else None,
            grace=_grace(env),
        )


def _parameters(env: Mapping[str, str]) -> dict[str, Any]:
    text = env.get(labels.ENV_PARAMETERS) or "{}"
    try:
        return dict(json.loads(text).items())
    except (ValueError, AttributeError):
        raise InvalidInput(f"{labels.ENV_PARAMETERS} is no JSON object: {text[:200]}") from None


def _grace(env: Mapping[str, str]) -> float:
    text = env.get(labels.ENV_GRACE) or str(DEFAULT_GRACE)
    try:
        return max(float(text), 0.0)
    except ValueError:
        raise InvalidInput(f"{labels.ENV_GRACE} is {text!r}, which is no number of seconds.") from None

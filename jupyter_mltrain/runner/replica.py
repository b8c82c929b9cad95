"""Which replica this process is, and where its inputs and outputs are: all read from the environment."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from urllib.parse import unquote, urlsplit

from ..errors import InvalidInput
from ..model import labels

_LEADING: Final = ("chief", "master")
_TRAINING: Final = (*_LEADING, "worker")  # cluster parts of TF_CONFIG that train, in order of rank


@dataclass(frozen=True, slots=True)
class Replica:
    """One replica of a job.

    Attributes
    ----------
    role:
        ``Chief``, ``Master``, ``PS``, ``Worker`` or ``Evaluator``.
    index:
        Counted from 0 within the role.
    rank, world_size:
        Place among, and number of, the replicas that train: Chief or Master, then the Workers. The rank of a PS or
        Evaluator is its index. PyTorch's ``RANK`` and ``WORLD_SIZE`` are taken as they are.
    leader:
        Whether this replica's executed notebook and model are the job's: the Chief or Master, else the first Worker.
    """

    role: str = "Worker"
    index: int = 0
    rank: int = 0
    world_size: int = 1
    leader: bool = True

    @property
    def folder(self) -> str:
        """Its folder below the job's outputs: ``""`` for the leader, else e.g. ``replicas/worker-1``."""
        return "" if self.leader else f"replicas/{self.role.lower()}-{self.index}"

    @classmethod
    def from_env(cls, env: Mapping[str, str]) -> Replica:
        """Read what the operator and the backend say.

        Raises
        ------
        InvalidInput
            ``TF_CONFIG`` or a number is not what it should be.
        """
        if env.get("TF_CONFIG"):
            return cls._from_tf_config(env["TF_CONFIG"], env)
        role = env.get(labels.ENV_ROLE) or "Worker"
        index = _number(env, labels.ENV_INDEX, "JOB_COMPLETION_INDEX")
        rank = _number(env, "RANK", default=index)
        leader = env.get(labels.ENV_LEADER) == "1" or (rank == 0 and role in ("Chief", "Master", "Worker"))
        return cls(role, index, rank, _number(env, "WORLD_SIZE", default=1), leader)

    @classmethod
    def _from_tf_config(cls, text: str, env: Mapping[str, str]) -> Replica:
        task, index, sizes = _parse_tf_config(text)
        before = sum(sizes[part] for part in _TRAINING[: _TRAINING.index(task)]) if task in _TRAINING else 0
        led = any(sizes[part] for part in _LEADING)
        leader = task in _LEADING or (task == "worker" and index == 0 and not led)
        role = env.get(labels.ENV_ROLE) or {"ps": "PS"}.get(task, task.capitalize())
        return cls(role, index, before + index, sum(sizes.values()), leader)


def _parse_tf_config(text: str) -> tuple[str, int, dict[str, int]]:
    """Return the task's type in lower case, its index, and how many replicas of each training role there are."""
    try:
        config = json.loads(text)
        task, cluster = config["task"], config["cluster"]
        sizes = {part: len(cluster.get(part, ())) for part in _TRAINING}
        return str(task["type"]).lower(), int(task["index"]), sizes
    except (ValueError, LookupError, TypeError, AttributeError):
        raise InvalidInput(f"TF_CONFIG does not describe a TensorFlow cluster: {text[:200]}") from None


def _number(env: Mapping[str, str], *names: str, default: int = 0) -> int:
    for name in names:
        if env.get(name):
            try:
                return int(env[name])
            except ValueError:
                raise InvalidInput(f"{name} is {env[name]!r}, which is no number") from None
    return default


def local_path(uri: str) -> Path | None:
    """Return the folder that a path or a ``file:`` URI names, or ``None`` for a URI of another kind."""
    parts = urlsplit(uri)
    if parts.scheme == "file":
        return Path(unquote(parts.path))
    return None if "://" in uri else Path(uri).expanduser()


def output_folder(env: Mapping[str, str], replica: Replica) -> Path:
    """Return the folder that this replica writes to.

    It is the output URI itself where that is a folder of this machine. Else it is ``outputs`` in the current folder,
    from where the runner puts everything to the URI.
    """
    if given := env.get(labels.ENV_OUTPUT_DIR):
        return Path(given)
    target = local_path(env.get(labels.ENV_OUTPUT_URI, ""))
    root = target if target and target != Path() else Path("outputs")
    return (root / replica.folder).absolute()


def channels(env: Mapping[str, str]) -> dict[str, str]:
    """Return the named inputs: name -> path or URI. Raises ``InvalidInput``."""
    text = env.get(labels.ENV_CHANNELS) or "{}"
    try:
        return {str(name): str(uri) for name, uri in json.loads(text).items()}
    except (ValueError, AttributeError):
        raise InvalidInput(f"{labels.ENV_CHANNELS} is no JSON object: {text[:200]}") from None

"""The environment of a replica's container: how the runner learns what to do."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any, Final

from ..errors import ParameterError
from ..model import labels
from ..model.spec import Framework, RoleName, TrainingSpec
from .run import Run

# Linux refuses to start a process with a longer string in its environment: MAX_ARG_STRLEN in execve(2).
_MAX_ENV_STRING: Final = 128 * 1024

EnvVar = dict[str, Any]


def environment(spec: TrainingSpec, run: Run, role: RoleName) -> list[EnvVar]:
    """Return ``env`` of the container: this project's variables, the user's, and those from secrets.

    ``MLTRAIN_LEADER`` is ``"1"`` where a role consists of the one replica that leads: the Chief or Master, else the
    only Worker. Where the first of several Workers leads, no replica has it and ``MLTRAIN_INDEX`` decides.

    Raises
    ------
    ParameterError
        The parameter values cannot be written as JSON, or are too long for an environment variable.
    """
    return [
        *(_variable(name, value) for name, value in _plain(spec, run, role)),
        *_index(spec, role),
        *(_variable(name, value) for name, value in spec.env.items()),
        *(_from_secret(name, ref.secret, ref.key) for name, ref in spec.secrets.items()),
    ]


def leading_role(spec: TrainingSpec) -> RoleName:
    """Return the role whose first replica leads: its executed notebook and model are the job's."""
    roles: tuple[RoleName, ...] = ("Chief", "Master", "Worker")
    return next((role for role in roles if role in spec.roles), next(iter(spec.roles)))


def _plain(spec: TrainingSpec, run: Run, role: RoleName) -> Iterator[tuple[str, str]]:
    if "HOME" not in spec.env:
        yield "HOME", labels.CONTAINER_HOME
    yield labels.ENV_PROGRAM, run.program
    yield labels.ENV_PARAMETERS, parameters_json(run.parameters)
    if spec.output_uri is not None:
        yield labels.ENV_OUTPUT_URI, spec.output_uri
    if spec.channels:
        yield labels.ENV_CHANNELS, _json(dict(sorted(spec.channels.items())))
    yield labels.ENV_JOB, run.name
    yield labels.ENV_ROLE, role
    if role == leading_role(spec) and spec.roles[role].replicas == 1:
        yield labels.ENV_LEADER, "1"
    if spec.strategy is not None:
        yield labels.ENV_STRATEGY, spec.strategy


def parameters_json(values: Mapping[str, Any]) -> str:
    """Return the value of ``MLTRAIN_PARAMETERS``. Raises ``ParameterError``."""
    try:
        text = _json(values)
    except (TypeError, ValueError) as error:
        raise ParameterError(
            f"The parameter values cannot be written as JSON: {error}",
            hint="Use numbers, text, true, false, null, lists and objects.",
        ) from None
    if len(labels.ENV_PARAMETERS) + len(text) + 2 > _MAX_ENV_STRING:
        raise ParameterError(
            f"The parameter values take {len(text):,} characters; a process can be given at most {_MAX_ENV_STRING:,}.",
            hint="Put long values into a file and give its path or URI as the parameter.",
        )
    return text


def _json(value: Mapping[str, Any]) -> str:
    """Return compact JSON in the order of the keys, in which Kubernetes finds nothing to replace.

    ``$(NAME)`` and ``$$`` in the value of a variable are replaced before the container starts; JSON can spell the
    dollar sign without one.
    """
    return json.dumps(value, separators=(",", ":")).replace("$", "\\u0024")


def _index(spec: TrainingSpec, role: RoleName) -> Iterator[EnvVar]:
    """Yield the index where there are several; a PyTorchJob without Master tells it nowhere but in a label.

    The replicas of a Job have ``JOB_COMPLETION_INDEX``.
    """
    if spec.framework is not Framework.NONE and spec.roles[role].replicas > 1:
        path = f"metadata.labels['{labels.REPLICA_INDEX}']"
        yield {"name": labels.ENV_INDEX, "valueFrom": {"fieldRef": {"fieldPath": path}}}


def _variable(name: str, value: str) -> EnvVar:
    return {"name": name, "value": value}


def _from_secret(name: str, secret: str, key: str) -> EnvVar:
    return {"name": name, "valueFrom": {"secretKeyRef": {"name": secret, "key": key}}}

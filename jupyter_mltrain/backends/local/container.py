"""What a container of a pod runs here: command, arguments and environment, as the kubelet puts them together.

References ``$(NAME)`` are replaced from the variables of the container's own ``env`` and ``envFrom``; peers' addresses
(:mod:`.rendezvous`) and mount paths (:mod:`.volumes`) after that, in what the manifest says, never in what a secret or
a field of the pod holds (:mod:`.text`). A notebook's parameters are data: of the hosts in them only those with a port
are addresses.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from decimal import ROUND_CEILING
from typing import Any, Final

from ...errors import ManifestError
from ...model.labels import ENV_PARAMETERS
from ...model.quantity import parse_quantity
from . import rendezvous, volumes
from .rendezvous import Pod, Ports
from .text import Text
from .volumes import Mount, Source, Sources

_REFERENCE: Final = re.compile(r"\$(?:\$|\(([^)]*)\))")


@dataclass(frozen=True, slots=True)
class Place:
    """What a container finds on this machine.

    Attributes
    ----------
    ports:
        Those of all pods of the job.
    mounts:
        Those of the container.
    sources:
        Of secrets and config maps.
    field:
        Value of a ``fieldRef``'s path, such as ``metadata.name``.
    machine:
        ``cpu`` (processors) and ``memory`` (bytes) of the machine, what a limit that is not set comes to.
    """

    ports: Ports
    mounts: tuple[Mount, ...]
    sources: Sources
    field: Callable[[str], str]
    machine: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class Resolved:
    """A container that can be run: ``env`` is what the manifest gives it, to be laid over what an image would."""

    argv: tuple[str, ...]
    env: dict[str, str]
    working_dir: str | None


def resolve(container: Mapping[str, Any], pod: Pod, place: Place) -> Resolved:
    """Return command, environment and working directory of a container. ``argv`` is empty where it has no command.

    Raises
    ------
    ManifestError
        The manifest refers to a secret, config map or resource that there is not.
    """
    env = _environment(container, pod, place)

    def localise(text: Text, *, is_data: bool = False) -> str:
        addressed = rendezvous.rewrite(text, pod, place.ports, with_port_only=is_data)
        return volumes.rewrite(addressed, place.mounts).whole

    words = [*container["command"], *(container.get("args") or [])] if container.get("command") else []
    own = {name: localise(value, is_data=name == ENV_PARAMETERS) for name, value in env.items()}
    return Resolved(
        argv=tuple(localise(expand(word, env)) for word in words),
        env={**volumes.volume_env(place.mounts), **own},
        working_dir=localise(Text(container["workingDir"])) if container.get("workingDir") else None,
    )


def expanded(text: str, container: Mapping[str, Any], pod: Pod, place: Place) -> str:
    """Return a text, such as a ``subPathExpr``, with the container's variables in it. Raises as :func:`resolve` does.

    The place may have no mounts yet.
    """
    return expand(text, _environment(container, pod, place)).whole


def expand(text: str, variables: Mapping[str, Text]) -> Text:
    """Replace ``$(NAME)`` as Kubernetes does: ``$$`` stands for one ``$``, an unknown name stays as it is.

    Source: https://kubernetes.io/docs/tasks/inject-data-application/define-interdependent-environment-variables/
    """
    expanded, end = Text(""), 0
    for match in _REFERENCE.finditer(text):
        value = Text("$") if match[0] == "$$" else variables.get(match[1], Text(match[0]))
        expanded += Text(text[end : match.start()]) + value
        end = match.end()
    return expanded + Text(text[end:])


def _environment(container: Mapping[str, Any], pod: Pod, place: Place) -> dict[str, Text]:
    """Return the container's variables, references replaced; ports are, hosts and paths are not yet turned local."""
    values: dict[str, Text] = {}
    for source in container.get("envFrom") or []:
        values |= {name: Text.from_elsewhere(value) for name, value in _all_of(source, place.sources).items()}
    ports = rendezvous.port_variables(rendezvous.literals(container), pod, place.ports)
    for entry in container.get("env") or []:
        name = entry["name"]
        if not entry.get("valueFrom"):
            values[name] = Text(ports[name]) if name in ports else expand(str(entry.get("value") or ""), values)
        elif (value := _value_from(entry["valueFrom"], container, place)) is not None:
            values[name] = Text.from_elsewhere(value)
    return values


def _all_of(entry: Mapping[str, Any], sources: Sources) -> dict[str, str]:
    prefix = entry.get("prefix") or ""
    found: dict[str, str] = {}
    for key, source in (("configMapRef", sources.config_maps), ("secretRef", sources.secrets)):
        if reference := entry.get(key):
            values = source.values(reference.get("name") or "", optional=bool(reference.get("optional")))
            found |= {prefix + name: value for name, value in values.items()}
    return found


def _value_from(entry: Mapping[str, Any], container: Mapping[str, Any], place: Place) -> str | None:
    """Return the value that a ``valueFrom`` stands for; ``None`` for an optional key that there is not."""
    match entry:
        case {"fieldRef": {"fieldPath": str(path)}}:
            return place.field(path)
        case {"resourceFieldRef": reference}:
            return _resource(reference, container, place.machine)
        case {"secretKeyRef": reference}:
            return _key(place.sources.secrets, reference)
        case {"configMapKeyRef": reference}:
            return _key(place.sources.config_maps, reference)
    raise ManifestError(f"A variable takes its value from {', '.join(entry)}, which there is not on this machine.")


def _key(source: Source, reference: Mapping[str, Any]) -> str | None:
    return source.value(reference.get("name") or "", reference["key"], optional=bool(reference.get("optional")))


def _resource(reference: Mapping[str, Any], container: Mapping[str, Any], machine: Mapping[str, int]) -> str:
    """Return a request or limit in units of the divisor, rounded up; for a limit that is not set, what there is."""
    group, _, name = str(reference["resource"]).partition(".")
    resources = container.get("resources") or {}
    text = (resources.get(group) or {}).get(name)
    if text is None and group == "limits" and name not in machine:
        raise ManifestError(f"A variable refers to the limit of {name!r}, which is not set.", field="resourceFieldRef")
    amount = parse_quantity(str(text if text is not None else machine[name] if group == "limits" else 0))
    divisor = parse_quantity(str(reference.get("divisor") or 1)) or 1
    return str((amount / divisor).to_integral_value(ROUND_CEILING))

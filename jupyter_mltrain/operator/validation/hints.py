"""What to do about a refused manifest: where a field belongs, which name was meant, how a value is written."""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable, Iterator
from typing import Any

from .kubeflow import CONTAINERS, REPLICA_SPECS
from .schema import Schema, load
from .verdict import Verdict

_NO_PLACE = ("metadata", "status")
_KINDS = ("TFJob", "PyTorchJob", "Job")
_DEPTH = 6
_STEP = re.compile(r"[^.\[\]]+")
_ITEM = re.compile(r"\[\d+\]")


def hint(manifest: dict[str, Any], kind: str, verdict: Verdict) -> str:
    """Return what the user can do, in one or two sentences; ``""`` where nothing more is known than the message."""
    return next(filter(None, (rule(manifest, kind, verdict) for rule in _RULES)), "")


def _version(manifest: dict[str, Any], kind: str, verdict: Verdict) -> str:
    wanted = "batch/v1" if kind == "Job" else "kubeflow.org/v1"
    return f"Write apiVersion: {wanted}." if manifest.get("apiVersion") != wanted else ""


def _env(manifest: dict[str, Any], kind: str, verdict: Verdict) -> str:
    if re.search(r"\.env\.[^.]+$", verdict.field) or "containers.env of type []v1.EnvVar" in verdict.message:
        return "env is a list: write each variable as '- name: NAME' with 'value: \"text\"' below it."
    if re.search(r"\.env\[\d+\]\.value$", verdict.field) or ".env.value of type string" in verdict.message:
        return "Values of env are text: put the number or true/false in quotes."
    return ""


def _labels(manifest: dict[str, Any], kind: str, verdict: Verdict) -> str:
    if not re.search(r"ObjectMeta\.\S*(labels|annotations) of type string", verdict.message):
        return ""
    return "Values of labels and annotations are text: put the number or true/false in quotes."


def _roles(manifest: dict[str, Any], kind: str, verdict: Verdict) -> str:
    if kind == "PyTorchJob" and 'supported values: "Master", "Worker"' in verdict.message:
        return "The roles of a PyTorchJob are Master (exactly one replica) and Worker, written so."
    return ""


def _beside_the_role(manifest: dict[str, Any], kind: str, verdict: Verdict) -> str:
    roles = f"spec.{REPLICA_SPECS.get(kind, '')}"
    found = re.match(rf"{roles}\.(replicas|restartPolicy|template)\b", verdict.field)
    if kind == "Job" or found is None:
        return ""
    return f"{found[1]} belongs into a role, as {roles}.Worker.{found[1]}, not beside it: indent it further."


def _arguments_as_containers(manifest: dict[str, Any], kind: str, verdict: Verdict) -> str:
    if not re.search(r"\.containers\[\d+\](\.name)?$", verdict.field):
        return ""
    item = _value_at(manifest, verdict.field.removesuffix(".name"))
    if isinstance(item, str):
        return "Items of containers are containers: arguments go into the list args of the container before."
    if isinstance(item, dict) and not item.get("name") and {"args", "command", "env", "image"} & item.keys():
        return "A container begins with '- name: ...'; what belongs to it has no dash of its own."
    return ""


def _misplaced(manifest: dict[str, Any], kind: str, verdict: Verdict) -> str:
    steps = _STEP.findall(_ITEM.sub("", verdict.field))
    if "unknown field" not in verdict.message or not steps:
        return ""
    schema = load(kind)
    *parents, name = steps
    for depth in range(len(parents), 0, -1):
        above = parents[:depth]
        for place in _places(_descend(schema, above, schema), name, schema):
            return f"{name} belongs at {'.'.join([*above, *place])}."
    siblings = _members(_descend(schema, parents, schema), schema)
    if close := difflib.get_close_matches(name, siblings, n=1, cutoff=0.75):
        return f"Did you mean {close[0]}?"
    for other in _KINDS:
        if parents == ["spec"] and name in _members(_descend(load(other), parents, load(other)), load(other)):
            return f"{name} is a field of kind {other}, not of {kind}."
    return f"Remove {verdict.field}: there is no such field."


def _main_container(manifest: dict[str, Any], kind: str, verdict: Verdict) -> str:
    if "must have at least one container with name" not in verdict.message:
        return ""
    return f"The operator looks for the container that trains by its name: call it {CONTAINERS[kind]}."


def _name(manifest: dict[str, Any], kind: str, verdict: Verdict) -> str:
    if verdict.field not in ("metadata.name", "metadata.generateName"):
        return ""
    return "Use at most 63 lower-case letters, digits and '-', beginning with a letter and not ending with '-'."


def _restart_policy(manifest: dict[str, Any], kind: str, verdict: Verdict) -> str:
    if kind != "Job" or not verdict.field.endswith("spec.template.spec.restartPolicy"):
        return ""
    return "Write restartPolicy: Never (a failed pod is replaced) or OnFailure (it is restarted in place)."


def _quantity(manifest: dict[str, Any], kind: str, verdict: Verdict) -> str:
    if ".resources." not in verdict.field and "quantities must match" not in verdict.message:
        return ""
    return "Amounts are written as 2, 500m (half a CPU) or 4Gi."


_RULES: tuple[Callable[[dict[str, Any], str, Verdict], str], ...] = (
    _version,
    _env,
    _labels,
    _roles,
    _beside_the_role,
    _arguments_as_containers,
    _misplaced,
    _name,
    _main_container,
    _restart_policy,
    _quantity,
)


# -- walking ---------------------------------------------------------------------------------------------------------


def _value_at(value: Any, path: str) -> Any:
    for step in _STEP.findall(path):
        if isinstance(value, list) and step.isdigit() and int(step) < len(value):
            value = value[int(step)]
        elif isinstance(value, dict):
            value = value.get(step)
        else:
            return None
    return value


def _resolve(schema: Schema | None, root: Schema) -> Schema:
    schema = schema or {}
    if "$ref" in schema:
        schema = root["$defs"][schema["$ref"].rpartition("/")[2]]
    return _resolve(schema["items"], root) if "items" in schema else schema


def _members(schema: Schema, root: Schema) -> list[str]:
    return list(_resolve(schema, root).get("properties", {}))


def _descend(schema: Schema, path: list[str], root: Schema) -> Schema:
    for step in path:
        schema = _resolve(schema, root)
        schema = schema.get("properties", {}).get(step) or schema.get("additionalProperties") or {}
    return _resolve(schema, root)


def _places(schema: Schema, name: str, root: Schema) -> Iterator[tuple[str, ...]]:
    """Yield where a field of that name stands below a schema, the highest places first."""
    level: list[tuple[tuple[str, ...], Schema]] = [((), schema)]
    for _ in range(_DEPTH):
        below = []
        for path, node in level:
            members = dict(node.get("properties", {}))
            if name in members and path:
                yield (*path, name)
            if "additionalProperties" in node:
                members["<role>"] = node["additionalProperties"]
            below += [((*path, key), _resolve(item, root)) for key, item in members.items() if key not in _NO_PLACE]
        level = below

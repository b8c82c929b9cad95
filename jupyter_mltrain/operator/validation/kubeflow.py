"""The verdict on a TFJob or PyTorchJob: the API server's (custom resource, strict fields), then the operator's webhook.

Sources: ``k8s.io/apiextensions-apiserver`` (``customresource_handler.go``, ``registry/customresource/validator.go``);
kubeflow/training-operator v1.9.4, ``pkg/webhooks/{tensorflow,pytorch}``.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from . import metadata, quantities
from .names import dns_1035_label
from .request import SOME_NOT_CHECKED, check_metadata_types, check_version
from .schema import Schema, fill, load, unknown_fields
from .structural import check, check_list_keys
from .verdict import (
    ACCEPTED,
    FieldError,
    Refused,
    Verdict,
    aggregate,
    bad_request,
    forbidden,
    go_format,
    go_type,
    invalid,
    not_supported,
    quote,
    required,
)

GROUP, VERSION = "kubeflow.org", "v1"
CONTAINERS = {"TFJob": "tensorflow", "PyTorchJob": "pytorch"}
REPLICA_SPECS = {"TFJob": "tfReplicaSpecs", "PyTorchJob": "pytorchReplicaSpecs"}
_MANAGERS = ("kubeflow.org/training-operator", "kueue.x-k8s.io/multikueue")
_PYTORCH_ROLES = ("Master", "Worker")


def validate(manifest: dict[str, Any], kind: str) -> Verdict:
    """Return the verdict on a manifest of the given kind."""
    job = _read(manifest, kind)
    _validate_resource(job, kind)
    _validate_webhook(job, kind)
    return ACCEPTED


# -- reading: 400 ----------------------------------------------------------------------------------------------------


def _read(manifest: dict[str, Any], kind: str) -> dict[str, Any]:
    group, version = check_version(manifest, kind)
    unknown = check_metadata_types(manifest, kind, version)
    if group == GROUP:
        unknown += unknown_fields(manifest, load(kind) if version == VERSION else {})
    if unknown:
        listed = ", ".join(f'unknown field "{path}"' for path in unknown)
        message = f'{manifest["kind"]} in version "{version}" cannot be handled as a {kind}: strict decoding error: '
        raise bad_request(message + listed, unknown[0])
    if (group, version) != (GROUP, VERSION):
        message = f"the API version in the data ({manifest.get('apiVersion') or ''}) does not match the expected API "
        raise bad_request(f"{message}version ({GROUP}/{VERSION})", "apiVersion")
    job: dict[str, Any] = fill(manifest, load(kind))
    job.pop("status", None)
    return job


# -- the resource: 422 -----------------------------------------------------------------------------------------------


def _validate_resource(job: dict[str, Any], kind: str) -> None:
    schema = load(kind)
    if job["kind"] == kind:
        errors = [
            *metadata.check(job.get("metadata") or {}),
            *check(job, schema),
            *_check_scale(job, schema),
            *check_list_keys(job, schema),
        ]
    else:
        errors = [invalid("kind", job["kind"], f"must be {kind}")]
    if any(error.blocking for error in errors):
        errors.append(SOME_NOT_CHECKED)
    if errors:
        name = quote(metadata.final_name(job.get("metadata") or {}))
        message = f"{job['kind']}.{GROUP} {name} is invalid: {aggregate(errors)}"
        raise Refused(Verdict(422, "Invalid", message, errors[0].field))


def _check_scale(job: dict[str, Any], schema: Schema) -> Iterator[FieldError]:
    path = schema.get("specReplicasPath")
    if path is None:
        return
    value: Any = job
    walked = ""
    for key in path[1:].split("."):
        walked += f".{key}"
        if not isinstance(value, dict):
            yield _no_access(path, walked, value, "map[string]interface{}")
            return
        if key not in value:
            return
        value = value[key]
    if isinstance(value, bool) or not isinstance(value, int):
        yield _no_access(path, path, value, "int64")
    elif value < 0:
        yield invalid(path, value, "should be a non-negative integer")
    elif value >= 2**31:
        yield invalid(path, value, f"should be less than or equal to {2**31 - 1}")


def _no_access(path: str, walked: str, value: Any, wanted: str) -> FieldError:
    have = f"{go_format(value)} is of the type {go_type(value)}"
    return invalid(path, 0, f"{walked} accessor error: {have}, expected {wanted}")


# -- the webhook: 403 ------------------------------------------------------------------------------------------------


def _validate_webhook(job: dict[str, Any], kind: str) -> None:
    denied = f'admission webhook "validator.{kind.lower()}.training-operator.kubeflow.org" denied the request: '
    if problem := _first_unreadable(job, load(kind)):
        raise Refused(Verdict(400, "", denied + problem))
    spec = job.get("spec") or {}
    errors = [*_check_name(job), *_check_manager(spec)]
    if kind == "PyTorchJob":
        errors += _check_elastic(spec)
    errors += _check_roles(spec.get(REPLICA_SPECS[kind]), kind)
    if errors:
        raise Refused(Verdict(403, "Forbidden", denied + aggregate(errors), errors[0].field))


def _first_unreadable(value: Any, schema: Schema | None, fields: tuple[str, ...] = ()) -> str | None:
    """Return why Go cannot read what the schema lets pass: quantities and ports have parsers of their own."""
    schema = schema or {}
    if schema.get("x-kubernetes-int-or-string"):
        if isinstance(value, str):
            return quantities.problem(value) or None if "pattern" in schema else None
        return None if "pattern" in schema or -(2**31) <= value < 2**31 else _port_out_of_range(value, fields)
    if isinstance(value, dict):
        properties, others = schema.get("properties", {}), schema.get("additionalProperties")
        children = [
            (value[key], properties.get(key, others), (*fields, key) if key in properties else fields)
            for key in sorted(value)
        ]
    elif isinstance(value, list):
        children = [(item, schema.get("items"), fields) for item in value]
    else:
        return None
    return next(filter(None, (_first_unreadable(*item) for item in children)), None)


def _port_out_of_range(value: float, fields: tuple[str, ...]) -> str:
    # Go names the innermost struct and, on the way, the struct that a probe embeds.
    struct = {"httpGet": "HTTPGetAction", "tcpSocket": "TCPSocketAction"}.get(fields[-2], "")
    path = ".".join(f"{name}.ProbeHandler" if name.endswith("Probe") else name for name in fields)
    return f"json: cannot unmarshal number {int(value)} into Go struct field {struct}.{path} of type int32"


def _check_name(job: dict[str, Any]) -> Iterator[FieldError]:
    name = metadata.final_name(job["metadata"])
    if wrong := dns_1035_label(name):
        yield invalid("metadata.name", name, f"should match: {','.join(wrong)}")


def _check_manager(spec: dict[str, Any]) -> Iterator[FieldError]:
    manager = spec.get("runPolicy", {}).get("managedBy")
    if manager is not None and manager not in _MANAGERS:
        yield not_supported("spec.runPolicy.managedBy", manager, _MANAGERS)


def _check_elastic(spec: dict[str, Any]) -> Iterator[FieldError]:
    elastic = spec.get("elasticPolicy")
    if elastic is None:
        return
    if "Worker" not in spec.get("pytorchReplicaSpecs", {}):
        yield required("spec.pytorchReplicaSpecs[Worker]", "must be configured if elastic policy is used")
    if "nProcPerNode" in elastic and "nprocPerNode" in spec:
        yield forbidden("spec.elasticPolicy.nProcPerNode", "must not be used with spec.nprocPerNode")


def _check_roles(roles: dict[str, Any] | None, kind: str) -> Iterator[FieldError]:
    path = f"spec.{REPLICA_SPECS[kind]}"
    if roles is None:
        yield required(path, "must be required")
        return
    for role, replica in roles.items():
        at = f"{path}[{role}]"
        if kind == "PyTorchJob" and role not in _PYTORCH_ROLES:
            yield not_supported(at, role, _PYTORCH_ROLES)
        yield from _check_containers(replica, f"{at}.template.spec.containers", CONTAINERS[kind])
        if kind == "PyTorchJob":
            yield from _check_pytorch_replicas(role, replica.get("replicas"), f"{at}.replicas")
    if kind == "TFJob" and {"Chief", "Master"} <= roles.keys():
        yield forbidden(path, "must not have more than 1 Chief or Master role")


def _check_containers(replica: dict[str, Any], path: str, main: str) -> Iterator[FieldError]:
    containers = replica.get("template", {}).get("spec", {}).get("containers") or []
    if not containers:
        yield required(path, "must be specified")
    for number, container in enumerate(containers):
        if not container.get("image"):
            yield required(f"{path}[{number}].image", "must be required")
    if all(container["name"] != main for container in containers):
        yield required(path, f"must have at least one container with name {main}")


def _check_pytorch_replicas(role: str, replicas: int | None, path: str) -> Iterator[FieldError]:
    if role == "Master":
        if replicas != 1:
            yield forbidden(path, "must be 1")
    elif replicas is not None and replicas < 1:
        yield forbidden(path, "must be at least 1")

"""Containers of a pod (``validateContainers``, ``validateInitContainers``)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from .names import dns_1123_subdomain, env_name, label_key, port_name
from .quantities import canonical, number
from .verdict import FieldError, duplicate, forbidden, invalid, not_supported, quote, required
from .volumes import check_descending, check_key, check_name

Value = dict[str, Any]

NOT_NEGATIVE = "must be greater than or equal to 0"
_ID_RANGE = f"must be between 0 and {2**31 - 1}, inclusive"
_PROBES = ("livenessProbe", "readinessProbe", "startupProbe")
_HANDLERS = ("exec", "httpGet", "tcpSocket", "grpc")
_SECONDS = ("initialDelaySeconds", "timeoutSeconds", "periodSeconds", "successThreshold", "failureThreshold")
_ENV_SOURCES = ("fieldRef", "resourceFieldRef", "configMapKeyRef", "secretKeyRef", "fileKeyRef")
_POLICIES = ("Always", "Never", "OnFailure")
_STANDARD = ("cpu", "memory", "ephemeral-storage")
_STANDARD_ELSEWHERE = (
    *("pods", "services", "replicationcontrollers", "resourcequotas", "secrets", "configmaps", "storage"),
    *("persistentvolumeclaims", "services.nodeports", "services.loadbalancers"),
    *(f"{group}.{name}" for group in ("requests", "limits") for name in ("cpu", "memory", "ephemeral-storage")),
    "requests.storage",
)


def check_containers(spec: Value, volumes: set[str], path: str) -> Iterator[FieldError]:
    """Yield what is wrong with the containers of a pod that has volumes of these names."""
    if not items(spec, "containers"):
        yield required(f"{path}.containers")
    seen: set[str] = set()
    for group in ("containers", "initContainers"):
        for position, container in enumerate(items(spec, group)):
            at = f"{path}.{group}[{position}]"
            yield from check_name(container, seen, at)
            seen.add(container.get("name") or "")
            yield from _check_container(container, volumes, at)
            if container.get("restartPolicy") is not None:
                yield from check_one_of(container, "restartPolicy", _POLICIES, at, empty=True)
            if group == "containers" or container.get("restartPolicy") == "Always":
                yield from _check_hooks(container, at)
            else:
                yield from _refuse_hooks(container, at)


def items(value: Value, key: str) -> list[Value]:
    """Return the items of a list of objects."""
    return [item or {} for item in value.get(key) or ()]


def check_one_of(
    value: Value, key: str, allowed: tuple[str, ...], path: str, *, empty: bool = False
) -> Iterator[FieldError]:
    """Yield an error for a text outside an enumeration; ``empty``: the empty text counts as one, too."""
    text = value.get(key) or ""
    if (text or empty) and text not in allowed:
        yield not_supported(f"{path}.{key}", text, allowed)


def _check_container(container: Value, volumes: set[str], path: str) -> Iterator[FieldError]:
    if not container.get("image"):
        yield required(f"{path}.image")
    yield from check_one_of(container, "terminationMessagePolicy", ("FallbackToLogsOnError", "File"), path)
    yield from _check_ports(items(container, "ports"), f"{path}.ports")
    for position, variable in enumerate(items(container, "env")):
        yield from _check_variable(variable, f"{path}.env[{position}]")
    for position, source in enumerate(items(container, "envFrom")):
        yield from _check_variables_from(source, f"{path}.envFrom", position)
    yield from _check_mounts(items(container, "volumeMounts"), volumes, f"{path}.volumeMounts")
    yield from check_one_of(container, "imagePullPolicy", ("Always", "IfNotPresent", "Never"), path)
    yield from _check_resources(container.get("resources") or {}, f"{path}.resources")
    yield from _check_security(container.get("securityContext") or {}, f"{path}.securityContext")


def _check_ports(ports: list[Value], path: str) -> Iterator[FieldError]:
    names: set[str] = set()
    for position, port in enumerate(ports):
        at, name = f"{path}[{position}]", port.get("name") or ""
        wrong = port_name(name) if name else []
        for line in wrong:
            yield invalid(f"{at}.name", name, line)
        if name in names and not wrong:
            yield duplicate(f"{at}.name", name)
        names.update([name] if name and not wrong else [])
        if not port.get("containerPort"):
            yield required(f"{at}.containerPort")
        for key in ("containerPort", "hostPort"):
            if port.get(key):
                yield from check_port(port[key], f"{at}.{key}")
        yield from check_one_of(port, "protocol", ("SCTP", "TCP", "UDP"), at)


def check_port(port: int | str, path: str) -> Iterator[FieldError]:
    """Yield what is wrong with a port's number, or its name."""
    if isinstance(port, str):
        for line in port_name(port):
            yield invalid(path, port, line)
    elif not 1 <= port < 65536:
        yield invalid(path, port, "must be between 1 and 65535, inclusive")


# -- environment -----------------------------------------------------------------------------------------------------


def _check_variable(variable: Value, path: str) -> Iterator[FieldError]:
    name, source = variable.get("name") or "", variable.get("valueFrom")
    if not name:
        yield required(f"{path}.name")
    for line in env_name(name) if name else ():
        yield invalid(f"{path}.name", name, line)
    if source is None:
        return
    kinds = [kind for kind in _ENV_SOURCES if source.get(kind) is not None]
    for kind in ("configMapKeyRef", "secretKeyRef"):
        if kind in kinds:
            yield from _check_object_name(source[kind], f"{path}.valueFrom.{kind}")
            yield from check_key(source[kind], f"{path}.valueFrom.{kind}")
    if not kinds:
        *first, last = (f"`{kind}`" for kind in _ENV_SOURCES)
        yield invalid(f"{path}.valueFrom", "", f"must specify one of: {', '.join(first)} or {last}")
    elif variable.get("value"):
        yield invalid(f"{path}.valueFrom", "", "may not be specified when `value` is not empty")
    elif len(kinds) > 1:
        yield invalid(f"{path}.valueFrom", "", "may not have more than one field specified at a time")


def _check_object_name(reference: Value, path: str) -> Iterator[FieldError]:
    for line in dns_1123_subdomain(reference.get("name") or ""):
        yield invalid(f"{path}.name", reference.get("name") or "", line)


def _check_variables_from(source: Value, path: str, position: int) -> Iterator[FieldError]:
    at = f"{path}[{position}]"
    for line in env_name(source["prefix"]) if source.get("prefix") else ():
        yield invalid(f"{at}.prefix", source["prefix"], line)
    kinds = [kind for kind in ("configMapRef", "secretRef") if source.get(kind) is not None]
    for kind in kinds:
        if source[kind].get("name"):
            yield from _check_object_name(source[kind], f"{at}.{kind}")
        else:
            yield required(f"{at}.{kind}.name")
    if not kinds:
        yield invalid(path, "", "must specify one of: `configMapRef` or `secretRef`")
    elif len(kinds) > 1:
        yield invalid(path, "", "may not have more than one field specified at a time")


# -- mounts ----------------------------------------------------------------------------------------------------------


def _check_mounts(mounts: list[Value], volumes: set[str], path: str) -> Iterator[FieldError]:
    seen: set[str] = set()
    for position, mount in enumerate(mounts):
        at, name, where = f"{path}[{position}]", mount.get("name") or "", mount.get("mountPath") or ""
        if not name:
            yield required(f"{at}.name")
        if name not in volumes:
            yield FieldError(f"{at}.name", f"Not found: {quote(name)}")
        if not where:
            yield required(f"{at}.mountPath")
        if where in seen:
            yield invalid(f"{at}.mountPath", where, "must be unique")
        seen.add(where)
        for key in ("subPath", "subPathExpr"):
            yield from check_descending(mount.get(key) or "", f"{path}.{key}")


# -- probes and hooks ------------------------------------------------------------------------------------------------


def _check_hooks(container: Value, path: str) -> Iterator[FieldError]:
    for hook in ("postStart", "preStop"):
        handler = (container.get("lifecycle") or {}).get(hook)
        if handler is not None:
            yield from _check_handler(handler, f"{path}.lifecycle.{hook}", (*_HANDLERS, "sleep"))
    for kind in _PROBES:
        if container.get(kind) is not None:
            yield from _check_probe(container[kind], kind, f"{path}.{kind}")


def _refuse_hooks(container: Value, path: str) -> Iterator[FieldError]:
    for field in ("lifecycle", *_PROBES):
        if container.get(field) is not None:
            yield forbidden(f"{path}.{field}", "may not be set for init containers without restartPolicy=Always")


def _check_probe(probe: Value, kind: str, path: str) -> Iterator[FieldError]:
    yield from _check_handler(probe, path, _HANDLERS)
    for field in _SECONDS:
        if (probe.get(field) or 0) < 0:
            yield invalid(f"{path}.{field}", probe[field], NOT_NEGATIVE)
    grace = probe.get("terminationGracePeriodSeconds")
    if grace is not None and grace <= 0:
        yield invalid(f"{path}.terminationGracePeriodSeconds", grace, "must be greater than 0")
    if kind == "readinessProbe" and grace is not None:
        yield invalid(f"{path}.terminationGracePeriodSeconds", grace, "must not be set for readinessProbes")
    if kind != "readinessProbe" and (probe.get("successThreshold") or 1) != 1:
        yield invalid(f"{path}.successThreshold", probe["successThreshold"], "must be 1")


def _check_handler(handler: Value, path: str, known: tuple[str, ...]) -> Iterator[FieldError]:
    kinds = [kind for kind in known if handler.get(kind) is not None]
    if not kinds:
        yield required(path, "must specify a handler type")
    for kind in kinds[1:]:
        yield forbidden(f"{path}.{kind}", "may not specify more than 1 handler type")
    if kinds[:1] == ["exec"] and not handler["exec"].get("command"):
        yield required(f"{path}.exec.command")
    if kinds and kinds[0] in ("httpGet", "tcpSocket", "grpc"):
        port = handler[kinds[0]].get("port")
        yield from check_port(0 if port is None else port, f"{path}.{kinds[0]}.port")
    if kinds[:1] == ["httpGet"]:
        yield from check_one_of(handler["httpGet"], "scheme", ("HTTP", "HTTPS"), f"{path}.httpGet")


# -- resources -------------------------------------------------------------------------------------------------------


def _check_resources(resources: Value, path: str) -> Iterator[FieldError]:
    limits, requests = resources.get("limits") or {}, resources.get("requests") or {}
    for name, amount in limits.items():
        yield from _check_amount(name, amount, f"{path}.limits[{name}]")
    for name, amount in requests.items():
        yield from _check_amount(name, amount, f"{path}.requests[{name}]")
        yield from _check_request(name, amount, limits, path)


def _check_amount(name: str, amount: str | float | None, path: str) -> Iterator[FieldError]:
    yield from _check_resource_name(name, path)
    size = number(amount)
    if size < 0:
        yield invalid(path, canonical(amount), NOT_NEGATIVE)
    if "/" in name and not _native(name) and not name.startswith("requests.") and size % 1:
        yield invalid(path, canonical(amount), "must be an integer")


def _check_resource_name(name: str, path: str) -> Iterator[FieldError]:
    wrong = label_key(name)
    for line in wrong:
        yield invalid(path, name, line)
    plain = "/" not in name
    huge = name.startswith("hugepages-")
    if plain and not wrong and name not in (*_STANDARD, *_STANDARD_ELSEWHERE) and not huge:
        yield invalid(path, name, "must be a standard resource type or fully qualified")
    if plain and name not in _STANDARD and not huge:
        yield invalid(path, name, "must be a standard resource for containers")
    if not plain and not _native(name) and (wrong or name.startswith("requests.")):
        yield invalid(path, name, "doesn't follow extended resource name standard")


def _native(name: str) -> bool:
    return "kubernetes.io/" in name


def _overcommitted(name: str) -> bool:
    return ("/" not in name or _native(name)) and not name.startswith("hugepages-")


def _check_request(name: str, amount: str | float | None, limits: Value, path: str) -> Iterator[FieldError]:
    if name not in limits:
        if not _overcommitted(name):
            yield required(f"{path}.limits", "Limit must be set for non overcommitable resources")
        return
    limit, written = limits[name], canonical(amount)
    if number(amount) != number(limit) and not _overcommitted(name):
        yield invalid(f"{path}.requests", written, f"must be equal to {name} limit of {canonical(limit)}")
    elif number(amount) > number(limit):
        yield invalid(f"{path}.requests", written, f"must be less than or equal to {name} limit of {canonical(limit)}")


# -- security --------------------------------------------------------------------------------------------------------


def check_ids(context: Value, fields: tuple[str, ...], path: str) -> Iterator[FieldError]:
    """Yield users and groups outside the range of numbers."""
    for field in fields:
        if context.get(field) is not None and not 0 <= context[field] < 2**31:
            yield invalid(f"{path}.{field}", context[field], _ID_RANGE)


def check_group(group: int | None, path: str) -> Iterator[FieldError]:
    """Yield an error for a supplementary group outside the range of numbers."""
    if not 0 <= (group or 0) < 2**31:
        yield invalid(path, group, _ID_RANGE)


def _check_security(context: Value, path: str) -> Iterator[FieldError]:
    yield from check_ids(context, ("runAsUser", "runAsGroup"), path)
    yield from check_one_of(context, "procMount", ("Default", "Unmasked"), path)
    yield from check_seccomp(context.get("seccompProfile"), f"{path}.seccompProfile")
    if context.get("allowPrivilegeEscalation") is False and context.get("privileged"):
        rule = "cannot set `allowPrivilegeEscalation` to false and `privileged` to true"
        yield invalid(path, context, rule)


def check_seccomp(profile: Value | None, path: str) -> Iterator[FieldError]:
    """Yield what is wrong with a seccomp profile."""
    if profile is None:
        return
    kind, name = profile.get("type") or "", profile.get("localhostProfile")
    if not kind:
        yield required(f"{path}.type", "type is required when seccompProfile is set")
    yield from check_one_of(profile, "type", ("Localhost", "RuntimeDefault", "Unconfined"), path)
    if kind != "Localhost" and name is not None:
        yield invalid(f"{path}.localhostProfile", profile, "can only be set when seccomp type is Localhost")
    elif kind == "Localhost" and name is None:
        yield required(f"{path}.localhostProfile", "must be set when seccomp type is Localhost")
    elif kind == "Localhost":
        yield from check_descending(name or "", f"{path}.localhostProfile")

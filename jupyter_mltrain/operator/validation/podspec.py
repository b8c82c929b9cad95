"""The pod template of a batch/v1 Job: the rules that manifests break in practice.

Source: Kubernetes 1.36, ``pkg/apis/core/validation/validation.go``. The API server has more rules (volume types,
security options ...); a TFJob's template is not checked by any of them until its pods are made.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from ...model.quantity import parse_quantity
from .metadata import check_annotations, check_labels
from .names import dns_1123_label, dns_1123_subdomain, label_key, label_value, port_name
from .verdict import FieldError, duplicate, forbidden, invalid, not_supported, quote, required

Value = dict[str, Any]

_NOT_NEGATIVE = "must be greater than or equal to 0"
_ID_RANGE = f"must be between 0 and {2**31 - 1}, inclusive"
_PROBES = ("livenessProbe", "readinessProbe", "startupProbe")
_HANDLERS = ("exec", "httpGet", "tcpSocket", "grpc")
_ENV_SOURCES = ("fieldRef", "resourceFieldRef", "configMapKeyRef", "secretKeyRef", "fileKeyRef")
_DNS_POLICIES = ("ClusterFirstWithHostNet", "ClusterFirst", "Default", "None")
_EFFECTS = ("NoSchedule", "PreferNoSchedule", "NoExecute")
_NEEDED = {
    "persistentVolumeClaim": "claimName",
    "hostPath": "path",
    "secret": "secretName",
    "configMap": "name",
    "nfs": "server",
}


def check_template(template: Value, path: str) -> Iterator[FieldError]:
    """Yield what is wrong with a pod template."""
    metadata, spec = template.get("metadata") or {}, template.get("spec") or {}
    yield from check_labels(metadata.get("labels") or {}, f"{path}.labels")
    yield from check_annotations(metadata.get("annotations") or {}, f"{path}.annotations")
    yield from _check_spec(spec, f"{path}.spec")


def _check_spec(spec: Value, path: str) -> Iterator[FieldError]:
    volumes = _items(spec, "volumes")
    yield from _check_volumes(volumes, f"{path}.volumes")
    names = {volume.get("name") for volume in volumes}
    if not _items(spec, "containers"):
        yield required(f"{path}.containers")
    yield from _check_containers(spec, names, path)
    yield from _check_one_of(spec, "dnsPolicy", _DNS_POLICIES, path)
    for key, value in (spec.get("nodeSelector") or {}).items():
        for line in label_key(key):
            yield invalid(f"{path}.nodeSelector", key, line)
        for line in label_value(value or ""):
            yield invalid(f"{path}.nodeSelector", value, line)
    for number, toleration in enumerate(_items(spec, "tolerations")):
        yield from _check_toleration(toleration, f"{path}.tolerations[{number}]")
    yield from _check_name(spec, "serviceAccountName", dns_1123_subdomain, path)
    yield from _check_name(spec, "priorityClassName", dns_1123_subdomain, path)
    yield from _check_name(spec, "hostname", dns_1123_label, path)
    deadline = spec.get("activeDeadlineSeconds")
    if deadline is not None and not 1 <= deadline < 2**31:
        yield invalid(f"{path}.activeDeadlineSeconds", deadline, f"must be between 1 and {2**31 - 1}, inclusive")
    yield from _check_ids(spec.get("securityContext") or {}, f"{path}.securityContext")
    yield from _check_node_affinity(spec, f"{path}.affinity.nodeAffinity")


def _items(value: Value, key: str) -> list[Value]:
    return [item or {} for item in value.get(key) or ()]


def _check_name(value: Value, key: str, rule: Callable[[str], list[str]], path: str) -> Iterator[FieldError]:
    if text := value.get(key):
        for line in rule(text):
            yield invalid(f"{path}.{key}", text, line)


def _check_own_name(item: Value, seen: set[str], path: str) -> Iterator[FieldError]:
    """Check the name of an item of a list in which each name may stand once, and add it to those seen."""
    name = item.get("name") or ""
    if not name:
        yield required(f"{path}.name")
    elif name in seen:
        yield duplicate(f"{path}.name", name)
    for line in dns_1123_label(name) if name else ():
        yield invalid(f"{path}.name", name, line)
    seen.add(name)


def _check_one_of(value: Value, key: str, allowed: tuple[str, ...], path: str) -> Iterator[FieldError]:
    if (text := value.get(key)) and text not in allowed:
        yield not_supported(f"{path}.{key}", text, allowed)


def _check_ids(context: Value, path: str) -> Iterator[FieldError]:
    for key in ("fsGroup", "runAsUser", "runAsGroup"):
        if context.get(key) is not None and not 0 <= context[key] < 2**31:
            yield invalid(f"{path}.{key}", context[key], _ID_RANGE)


def _check_node_affinity(spec: Value, path: str) -> Iterator[FieldError]:
    affinity = (spec.get("affinity") or {}).get("nodeAffinity") or {}
    selector = affinity.get("requiredDuringSchedulingIgnoredDuringExecution")
    if selector is not None and not selector.get("nodeSelectorTerms"):
        at = f"{path}.requiredDuringSchedulingIgnoredDuringExecution.nodeSelectorTerms"
        yield required(at, "must have at least one node selector term")


def _check_toleration(toleration: Value, path: str) -> Iterator[FieldError]:
    key, operator, value = (toleration.get(name) or "" for name in ("key", "operator", "value"))
    for line in label_key(key) if key else ():
        yield invalid(f"{path}.key", key, line)
    if not key and operator != "Exists":
        text = 'operator must be Exists when `key` is empty, which means "match all values and all keys"'
        yield invalid(f"{path}.operator", operator, text)
    if operator == "Exists" and value:
        yield invalid(f"{path}.operator", value, "value must be empty when `operator` is 'Exists'")
    yield from _check_one_of(toleration, "operator", ("Equal", "Exists"), path)
    yield from _check_one_of(toleration, "effect", _EFFECTS, path)


# -- volumes ---------------------------------------------------------------------------------------------------------


def _check_volumes(volumes: list[Value], path: str) -> Iterator[FieldError]:
    seen: set[str] = set()
    for number, volume in enumerate(volumes):
        at = f"{path}[{number}]"
        yield from _check_own_name(volume, seen, at)
        yield from _check_source(
            {key: value for key, value in volume.items() if key != "name" and value is not None}, at
        )


def _check_source(sources: dict[str, Value], path: str) -> Iterator[FieldError]:
    for kind in list(sources)[1:]:
        yield forbidden(f"{path}.{kind}", "may not specify more than 1 volume type")
    for kind, source in sources.items():
        if kind in _NEEDED and not source.get(_NEEDED[kind]):
            yield required(f"{path}.{kind}.{_NEEDED[kind]}")


# -- containers ------------------------------------------------------------------------------------------------------


def _check_containers(spec: Value, volumes: set[Any], path: str) -> Iterator[FieldError]:
    seen: set[str] = set()
    for group in ("containers", "initContainers"):
        for number, container in enumerate(_items(spec, group)):
            at = f"{path}.{group}[{number}]"
            yield from _check_own_name(container, seen, at)
            yield from _check_container(container, volumes, at)


def _check_container(container: Value, volumes: set[Any], path: str) -> Iterator[FieldError]:
    if not container.get("image"):
        yield required(f"{path}.image")
    yield from _check_one_of(container, "imagePullPolicy", ("Always", "IfNotPresent", "Never"), path)
    yield from _check_one_of(container, "terminationMessagePolicy", ("File", "FallbackToLogsOnError"), path)
    yield from _check_ports(_items(container, "ports"), f"{path}.ports")
    for number, variable in enumerate(_items(container, "env")):
        yield from _check_variable(variable, f"{path}.env[{number}]")
    yield from _check_mounts(_items(container, "volumeMounts"), volumes, f"{path}.volumeMounts")
    for probe in _PROBES:
        if container.get(probe) is not None:
            yield from _check_probe(container[probe], f"{path}.{probe}")
    yield from _check_resources(container.get("resources") or {}, f"{path}.resources")
    yield from _check_ids(container.get("securityContext") or {}, f"{path}.securityContext")


def _check_ports(ports: list[Value], path: str) -> Iterator[FieldError]:
    names = set()
    for number, port in enumerate(ports):
        at, name = f"{path}[{number}]", port.get("name")
        for line in port_name(name) if name else ():
            yield invalid(f"{at}.name", name, line)
        if name and name in names:
            yield duplicate(f"{at}.name", name)
        names.add(name)
        if not port.get("containerPort"):
            yield required(f"{at}.containerPort")
        else:
            yield from _check_port(port["containerPort"], f"{at}.containerPort")
        yield from _check_one_of(port, "protocol", ("SCTP", "TCP", "UDP"), at)


def _check_port(port: int | str, path: str) -> Iterator[FieldError]:
    if isinstance(port, int) and not 1 <= port < 65536:
        yield invalid(path, port, "must be between 1 and 65535, inclusive")


def _check_variable(variable: Value, path: str) -> Iterator[FieldError]:
    name, source = variable.get("name") or "", variable.get("valueFrom")
    if not name:
        yield required(f"{path}.name")
    elif "=" in name or not name.isascii() or not name.isprintable():
        rule = "a valid environment variable name must consist only of printable ASCII characters other than '='"
        yield invalid(f"{path}.name", name, rule)
    if source is None:
        return
    if variable.get("value"):
        yield invalid(f"{path}.valueFrom", "", "may not be specified when `value` is not empty")
    elif not any(source.get(kind) is not None for kind in _ENV_SOURCES):
        *first, last = (f"`{kind}`" for kind in _ENV_SOURCES)
        yield invalid(f"{path}.valueFrom", "", f"must specify one of: {', '.join(first)} or {last}")


def _check_mounts(mounts: list[Value], volumes: set[Any], path: str) -> Iterator[FieldError]:
    seen = set()
    for number, mount in enumerate(mounts):
        at, name, where = f"{path}[{number}]", mount.get("name") or "", mount.get("mountPath") or ""
        if not name:
            yield required(f"{at}.name")
        if name not in volumes:
            yield FieldError(f"{at}.name", f"Not found: {quote(name)}")
        if not where:
            yield required(f"{at}.mountPath")
        if where in seen:
            yield invalid(f"{at}.mountPath", where, "must be unique")
        seen.add(where)


def _check_probe(probe: Value, path: str) -> Iterator[FieldError]:
    handlers = [kind for kind in _HANDLERS if probe.get(kind) is not None]
    if not handlers:
        yield required(path, "must specify a handler type")
    for kind in handlers[1:]:
        yield forbidden(f"{path}.{kind}", "may not specify more than 1 handler type")
    if handlers[:1] == ["exec"] and not probe["exec"].get("command"):
        yield required(f"{path}.exec.command")
    if handlers[:1] in (["httpGet"], ["tcpSocket"]):
        yield from _check_port(probe[handlers[0]].get("port") or 0, f"{path}.{handlers[0]}.port")


def _check_resources(resources: Value, path: str) -> Iterator[FieldError]:
    limits, requests = resources.get("limits") or {}, resources.get("requests") or {}
    for group, amounts in (("limits", limits), ("requests", requests)):
        for name, amount in amounts.items():
            yield from _check_amount(name, amount, f"{path}.{group}[{name}]")
    for name, amount in requests.items():
        yield from _check_request(name, amount, limits, path)


def _check_amount(name: str, amount: str | float, path: str) -> Iterator[FieldError]:
    number = parse_quantity(amount or 0)
    if number < 0:
        yield invalid(path, str(amount), _NOT_NEGATIVE)
    if "/" in name:
        if number % 1 and not name.startswith("kubernetes.io/"):
            yield invalid(path, f"{int(number * 1000)}m", "must be an integer")
    elif name not in ("cpu", "memory", "ephemeral-storage") and not name.startswith("hugepages-"):
        yield invalid(path, name, "must be a standard resource type or fully qualified")
        yield invalid(path, name, "must be a standard resource for containers")


def _check_request(name: str, amount: str | float, limits: Value, path: str) -> Iterator[FieldError]:
    limit = limits.get(name)
    if "/" in name and limit is None:
        yield required(f"{path}.limits", "Limit must be set for non overcommitable resources")
    if limit is None:
        return
    if "/" in name and parse_quantity(amount) != parse_quantity(limit):
        yield invalid(f"{path}.requests", str(amount), f"must be equal to {name} limit of {limit}")
    elif parse_quantity(amount) > parse_quantity(limit):
        yield invalid(f"{path}.requests", str(amount), f"must be less than or equal to {name} limit of {limit}")

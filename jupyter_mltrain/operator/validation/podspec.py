"""The pod template of a job, and a pod: the rules that manifests break in practice.

Source: Kubernetes 1.36, ``pkg/apis/core/validation/validation.go``. The API server has more rules (rare types of
volumes, Windows, resource claims ...). A TFJob's template is not checked by any of them until its pods are made.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from .containers import check_containers, check_group, check_ids, check_one_of, check_seccomp, items
from .metadata import check_annotations, check_labels
from .names import dns_1123_label, dns_1123_subdomain, label_key, label_value
from .verdict import FieldError, duplicate, invalid, not_supported, required
from .volumes import check_volumes, sound_names

Value = dict[str, Any]

_DNS_POLICIES = ("ClusterFirstWithHostNet", "ClusterFirst", "Default", "None")
_EFFECTS = ("NoSchedule", "PreferNoSchedule", "NoExecute")
_OPERATORS = ("Equal", "Exists", "Lt", "Gt")
_POSITIVE = "must be greater than zero"


def check_template(template: Value, path: str) -> Iterator[FieldError]:
    """Yield what is wrong with a pod template."""
    metadata, spec = template.get("metadata") or {}, template.get("spec") or {}
    yield from check_labels(metadata.get("labels") or {}, f"{path}.labels")
    yield from check_annotations(metadata.get("annotations") or {}, f"{path}.annotations")
    yield from check_spec(spec, f"{path}.spec")


def check_spec(spec: Value, path: str) -> Iterator[FieldError]:
    """Yield what is wrong with the spec of a pod, in the server's order."""
    volumes = items(spec, "volumes")
    yield from check_volumes(volumes, f"{path}.volumes")
    yield from check_containers(spec, sound_names(volumes), path)
    yield from check_one_of(spec, "restartPolicy", ("Always", "OnFailure", "Never"), path)
    yield from check_one_of(spec, "dnsPolicy", _DNS_POLICIES, path)
    yield from check_labels(spec.get("nodeSelector") or {}, f"{path}.nodeSelector")
    yield from _check_security(spec.get("securityContext") or {}, f"{path}.securityContext")
    yield from _check_node_affinity(spec, f"{path}.affinity.nodeAffinity")
    constraints = items(spec, "topologySpreadConstraints")
    for number, constraint in enumerate(constraints):
        at = f"{path}.topologySpreadConstraints[{number}]"
        yield from _check_spread(constraint, constraints[number + 1 :], at)
    yield from _check_name(spec, "serviceAccountName", dns_1123_subdomain, path)
    yield from _check_name(spec, "nodeName", dns_1123_subdomain, path)
    deadline = spec.get("activeDeadlineSeconds")
    if deadline is not None and not 1 <= deadline < 2**31:
        yield invalid(f"{path}.activeDeadlineSeconds", deadline, f"must be between 1 and {2**31 - 1}, inclusive")
    yield from _check_name(spec, "hostname", dns_1123_label, path)
    yield from _check_name(spec, "subdomain", dns_1123_label, path)
    for number, toleration in enumerate(items(spec, "tolerations")):
        yield from _check_toleration(toleration, f"{path}.tolerations[{number}]")
    yield from _check_name(spec, "priorityClassName", dns_1123_subdomain, path)
    if spec.get("runtimeClassName") is not None:
        for line in dns_1123_subdomain(spec["runtimeClassName"]):
            yield invalid(f"{path}.runtimeClassName", spec["runtimeClassName"], line)
    yield from check_one_of(spec, "preemptionPolicy", ("Never", "PreemptLowerPriority"), path)


def _check_name(value: Value, key: str, rule: Callable[[str], list[str]], path: str) -> Iterator[FieldError]:
    if text := value.get(key):
        for line in rule(text):
            yield invalid(f"{path}.{key}", text, line)


def _check_security(context: Value, path: str) -> Iterator[FieldError]:
    yield from check_ids(context, ("fsGroup", "runAsUser", "runAsGroup"), path)
    for number, group in enumerate(context.get("supplementalGroups") or ()):
        yield from check_group(group, f"{path}.supplementalGroups[{number}]")
    yield from _check_choice(context, "fsGroupChangePolicy", ("Always", "OnRootMismatch"), path)
    yield from check_seccomp(context.get("seccompProfile"), f"{path}.seccompProfile")
    yield from _check_choice(context, "supplementalGroupsPolicy", ("Merge", "Strict"), path)


def _check_choice(value: Value, key: str, allowed: tuple[str, ...], path: str) -> Iterator[FieldError]:
    """Like ``check_one_of`` for a field that may be left out, but not empty."""
    if value.get(key) is not None:
        yield from check_one_of(value, key, allowed, path, empty=True)


# -- where it runs ---------------------------------------------------------------------------------------------------


def _check_node_affinity(spec: Value, path: str) -> Iterator[FieldError]:
    affinity = (spec.get("affinity") or {}).get("nodeAffinity") or {}
    selector = affinity.get("requiredDuringSchedulingIgnoredDuringExecution")
    if selector is not None and not selector.get("nodeSelectorTerms"):
        at = f"{path}.requiredDuringSchedulingIgnoredDuringExecution.nodeSelectorTerms"
        yield required(at, "must have at least one node selector term")


def _check_spread(constraint: Value, later: list[Value], path: str) -> Iterator[FieldError]:
    skew, domains = constraint.get("maxSkew") or 0, constraint.get("minDomains")
    if skew <= 0:
        yield invalid(f"{path}.maxSkew", skew, _POSITIVE)
    if not constraint.get("topologyKey"):
        yield required(f"{path}.topologyKey", "can not be empty")
    yield from check_one_of(constraint, "whenUnsatisfiable", ("DoNotSchedule", "ScheduleAnyway"), path, empty=True)
    kind = tuple(constraint.get(key) or "" for key in ("topologyKey", "whenUnsatisfiable"))
    if any(kind == tuple(other.get(key) or "" for key in ("topologyKey", "whenUnsatisfiable")) for other in later):
        yield duplicate(f"{path}.{{topologyKey, whenUnsatisfiable}}", f"{{{kind[0]}, {kind[1]}}}")
    if domains is not None and domains <= 0:
        yield invalid(f"{path}.minDomains", domains, _POSITIVE)
    if domains is not None and kind[1] != "DoNotSchedule":
        rule = f"can only use minDomains if whenUnsatisfiable=DoNotSchedule, not {kind[1]}"
        yield invalid(f"{path}.minDomains", domains, rule)
    for policy in ("nodeAffinityPolicy", "nodeTaintsPolicy"):
        yield from _check_choice(constraint, policy, ("Honor", "Ignore"), path)


def _check_toleration(toleration: Value, path: str) -> Iterator[FieldError]:
    key, operator, value = (toleration.get(name) or "" for name in ("key", "operator", "value"))
    for line in label_key(key) if key else ():
        yield invalid(f"{path}.key", key, line)
    if not key and operator != "Exists":
        text = 'operator must be Exists when `key` is empty, which means "match all values and all keys"'
        yield invalid(f"{path}.operator", operator, text)
    if toleration.get("tolerationSeconds") is not None and toleration.get("effect") != "NoExecute":
        rule = "effect must be 'NoExecute' when `tolerationSeconds` is set"
        yield invalid(f"{path}.effect", toleration.get("effect") or "", rule)
    if operator in ("", "Equal") and (wrong := label_value(value)):
        yield invalid(f"{path}.operator", value, ";".join(wrong))
    elif operator == "Exists" and value:
        yield invalid(f"{path}.operator", value, "value must be empty when `operator` is 'Exists'")
    elif operator in ("Lt", "Gt"):
        yield not_supported(f"{path}.operator", operator, _OPERATORS)
    else:
        yield from check_one_of(toleration, "operator", ("Equal", "Exists"), path)
    yield from check_one_of(toleration, "effect", _EFFECTS, path)

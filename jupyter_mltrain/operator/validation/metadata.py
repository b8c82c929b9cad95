"""``metadata`` of an object to be made (``k8s.io/apimachinery/pkg/api/validation/objectmeta.go``)."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from .names import dns_1123_label, dns_1123_subdomain, label_key, label_value
from .verdict import FieldError, invalid, required, too_long

NameRule = Callable[[str], list[str]]

_MAX_GENERATED = 58
_SUFFIX = "xxxxx"
_MAX_ANNOTATIONS = 256 * 1024


def final_name(metadata: dict[str, Any]) -> str:
    """Return the object's name; where it is to be generated, an example of what the server would make."""
    if name := metadata.get("name"):
        return str(name)
    prefix = metadata.get("generateName") or ""
    return prefix[:_MAX_GENERATED] + _SUFFIX if prefix else ""


def check(metadata: dict[str, Any], rule: NameRule = dns_1123_subdomain) -> Iterator[FieldError]:
    """Yield what is wrong with decoded metadata of a namespaced object."""
    yield from _check_names(metadata, rule)
    for line in dns_1123_label(metadata.get("namespace") or "default"):
        yield invalid("metadata.namespace", metadata["namespace"], line)
    yield from check_labels(metadata.get("labels") or {}, "metadata.labels")
    yield from check_annotations(metadata.get("annotations") or {}, "metadata.annotations")
    yield from _check_owners(metadata.get("ownerReferences") or [])
    for finalizer in metadata.get("finalizers") or ():
        for line in label_key(finalizer or ""):
            yield invalid("metadata.finalizers", finalizer or "", line)


def _check_names(metadata: dict[str, Any], rule: NameRule) -> Iterator[FieldError]:
    prefix = metadata.get("generateName") or ""
    for line in rule(_mask_trailing_dash(prefix)) if prefix else ():
        yield invalid("metadata.generateName", prefix, line)
    name = final_name(metadata)
    if not name:
        yield required("metadata.name", "name or generateName is required")
    for line in rule(name) if name else ():
        yield invalid("metadata.name", name, line)


def _mask_trailing_dash(prefix: str) -> str:
    # A prefix may end with a dash. The server drops the character before it too, and so do we.
    return f"{prefix[:-2]}a" if len(prefix) > 1 and prefix.endswith("-") else prefix


def check_labels(labels: dict[str, Any], field: str) -> Iterator[FieldError]:
    """Yield what is wrong with labels."""
    for key, value in labels.items():
        for line in label_key(key):
            yield invalid(field, key, line)
        for line in label_value(value or ""):
            yield invalid(field, value or "", line)


def check_annotations(annotations: dict[str, Any], field: str) -> Iterator[FieldError]:
    """Yield what is wrong with annotations: their keys are those of labels, in any case."""
    for key in annotations:
        for line in label_key(key.lower()):
            yield invalid(field, key, line)
    if sum(len(key.encode()) + len((value or "").encode()) for key, value in annotations.items()) > _MAX_ANNOTATIONS:
        yield too_long(field, _MAX_ANNOTATIONS)


def _check_owners(owners: list[dict[str, Any]]) -> Iterator[FieldError]:
    field = "metadata.ownerReferences"
    controller = ""
    # The server drops repeated owners before it looks at them.
    owners = [owner or {} for number, owner in enumerate(owners) if owner not in owners[:number]]
    for owner in owners:
        if not (owner.get("apiVersion") or "").rpartition("/")[2]:
            yield invalid(f"{field}.apiVersion", owner.get("apiVersion") or "", "version must not be empty")
        for key in ("kind", "name", "uid"):
            if not owner.get(key):
                yield invalid(f"{field}.{key}", "", "must not be empty")
        if not owner.get("controller"):
            continue
        name = f"{owner.get('kind') or ''}/{owner.get('name') or ''}"
        if controller:
            both = f'Found "true" in references for {controller} and {name}'
            yield invalid(field, owners, f"Only one reference can have Controller set to true. {both}")
        controller = controller or name

"""The verdict on a batch/v1 Job: decoded into Go structs, then checked by the rules of jobs and of pod templates.

Source: Kubernetes 1.36, ``pkg/apis/batch/validation/validation.go``. Refusals of the rules that manifests break in
practice; a job that breaks another one is accepted here and refused by the server.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from . import metadata
from .names import dns_1123_label
from .podspec import check_template
from .request import check_version
from .structs import Decoding
from .verdict import (
    ACCEPTED,
    FieldError,
    Verdict,
    aggregate,
    bad_request,
    invalid,
    not_supported,
    quote,
    required,
)

_COUNTS = (
    "parallelism",
    "completions",
    "activeDeadlineSeconds",
    "backoffLimit",
    "ttlSecondsAfterFinished",
    "backoffLimitPerIndex",
    "maxFailedIndexes",
)
_ACTIONS = ("Count", "FailIndex", "FailJob", "Ignore")
_PATH = "spec.template.spec.restartPolicy"


def validate(manifest: dict[str, Any]) -> Verdict:
    """Return the verdict on a manifest of kind Job."""
    _decode(manifest)
    job = _without_nulls(manifest)
    spec = job.get("spec", {})
    head = _with_labels(job)
    errors = [
        *metadata.check(head),
        *_check_index_names(metadata.final_name(head), spec),
        *_check_counts(spec),
        *_check_modes(spec),
        *_check_policies(spec),
        *check_template(_labelled(spec.get("template", {}), head), "spec.template"),
        *_check_restart_policy(spec.get("template", {}).get("spec", {}).get("restartPolicy", "")),
    ]
    if not errors:
        return ACCEPTED
    message = f"Job.batch {quote(metadata.final_name(head))} is invalid: {aggregate(errors)}"
    return Verdict(422, "Invalid", message, errors[0].field)


def _decode(manifest: dict[str, Any]) -> None:
    group, version = check_version(manifest, "Job")
    handled = f'{manifest["kind"]} in version "{version}" cannot be handled as a Job: '
    if (group, version, manifest["kind"]) != ("batch", "v1", "Job"):
        text = f'no kind "{manifest["kind"]}" is registered for version "{manifest.get("apiVersion") or ""}"'
        raise bad_request(handled + text, "apiVersion")
    decoding = Decoding(manifest, "Job")
    if decoding.error is not None:
        raise bad_request(handled + decoding.error)
    if decoding.unknown:
        listed = ", ".join(f'unknown field "{path}"' for path in decoding.unknown)
        raise bad_request(f"{handled}strict decoding error: {listed}", decoding.unknown[0])


def _without_nulls(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _without_nulls(item) for key, item in value.items() if item is not None}
    return [_without_nulls(item) for item in value] if isinstance(value, list) else value


def _with_labels(job: dict[str, Any]) -> dict[str, Any]:
    # A job without labels takes those of its template.
    head: dict[str, Any] = job.get("metadata", {})
    own = job.get("spec", {}).get("template", {}).get("metadata", {})
    return head if head.get("labels") else {**head, "labels": own.get("labels", {})}


def _labelled(template: dict[str, Any], head: dict[str, Any]) -> dict[str, Any]:
    # The server labels the template with the job's name, which a label may not be able to hold.
    own = template.get("metadata", {})
    labels = {**own.get("labels", {}), "job-name": metadata.final_name(head)}
    return {**template, "metadata": {**own, "labels": labels}}


def _indexed(spec: dict[str, Any]) -> bool:
    return spec.get("completionMode") == "Indexed"


def _check_index_names(name: str, spec: dict[str, Any]) -> Iterator[FieldError]:
    if not _indexed(spec) or not spec.get("completions", 0) > 0:
        return
    last = f"{name}-{spec['completions'] - 1}"
    if dns_1123_label(last):
        yield invalid("metadata.name", name, f"will not able to create pod with invalid DNS label: {last}")


def _check_counts(spec: dict[str, Any]) -> Iterator[FieldError]:
    for field in _COUNTS:
        if spec.get(field, 0) < 0:
            yield invalid(f"spec.{field}", spec[field], "must be greater than or equal to 0")


def _check_modes(spec: dict[str, Any]) -> Iterator[FieldError]:
    mode = spec.get("completionMode", "NonIndexed")
    if mode not in ("NonIndexed", "Indexed"):
        yield not_supported("spec.completionMode", mode, ("NonIndexed", "Indexed"))
    if mode == "Indexed" and "completions" not in spec and "parallelism" in spec:
        yield required("spec.completions", f"when completion mode is {mode}")
    if mode != "Indexed":
        yield from _check_needs_indexes(spec)
    if "maxFailedIndexes" in spec and "backoffLimitPerIndex" not in spec:
        yield required("spec.backoffLimitPerIndex", "when maxFailedIndexes is specified")
    if _indexed(spec) and "maxFailedIndexes" in spec and spec["maxFailedIndexes"] > spec.get("completions", 2**31):
        yield invalid("spec.maxFailedIndexes", spec["maxFailedIndexes"], "must be less than or equal to completions")


def _check_needs_indexes(spec: dict[str, Any]) -> Iterator[FieldError]:
    for field in ("backoffLimitPerIndex", "maxFailedIndexes", "successPolicy"):
        if field in spec:
            yield invalid(f"spec.{field}", spec[field], "requires indexed completion mode")


def _check_policies(spec: dict[str, Any]) -> Iterator[FieldError]:
    failure = spec.get("podFailurePolicy")
    replacements = ("Failed", "TerminatingOrFailed") if failure is None else ("Failed",)
    replacement = spec.get("podReplacementPolicy", "Failed")
    if replacement not in replacements:
        yield not_supported("spec.podReplacementPolicy", replacement, replacements)
    for number, rule in enumerate((failure or {}).get("rules") or ()):
        yield from _check_failure_rule(rule or {}, f"spec.podFailurePolicy.rules[{number}]")
    if spec.get("manualSelector"):
        if "selector" not in spec:
            yield required("spec.selector")
    elif any(spec.get("selector", {}).values()):  # an empty one is filled in like none
        yield invalid("spec.selector", spec["selector"], "`selector` not auto-generated")


def _check_failure_rule(rule: dict[str, Any], path: str) -> Iterator[FieldError]:
    action = rule.get("action", "")
    if not action:
        yield required(f"{path}.action", f"valid values: [{' '.join(map(quote, _ACTIONS))}]")
    elif action not in _ACTIONS:
        yield not_supported(f"{path}.action", action, _ACTIONS)
    conditions = ("onExitCodes" in rule) + ("onPodConditions" in rule)
    if conditions == 0:
        yield FieldError(path, "Invalid value: specifying one of OnExitCodes and OnPodConditions is required")
    elif conditions == 2:
        yield FieldError(path, "Invalid value: specifying both OnExitCodes and OnPodConditions is not supported")
    codes = rule.get("onExitCodes", {})
    if codes.get("operator") == "In" and 0 in codes.get("values", ()):
        at = codes["values"].index(0)
        yield invalid(f"{path}.onExitCodes.values[{at}]", 0, "must not be 0 for the In operator")


def _check_restart_policy(policy: str) -> Iterator[FieldError]:
    allowed = ("OnFailure", "Never")
    if policy in ("", "Always"):
        yield required(_PATH, f"valid values: {', '.join(map(quote, allowed))}")
    elif policy not in allowed:
        yield not_supported(_PATH, policy, allowed)

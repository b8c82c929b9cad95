"""Do restarts, limits and clean-up do what the user expects of them?

The rules are those of the Training Operator v1.9 and of Kubernetes; see :mod:`jupyter_mltrain.operator`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from ...model.findings import Finding, Severity
from ...model.quantity import parse_memory
from ...model.spec import Framework, RoleName, TrainingSpec
from .evidence import Evidence

_LEAST_MEMORY: Final = 2**24


def memory_is_limited(spec: TrainingSpec, evidence: Evidence) -> Iterator[Finding]:
    """Under ExitCode a replica killed for its memory (exit code 137) is made again, and no backoffLimit counts it."""
    for name in _roles_with(spec, "ExitCode"):
        if spec.roles[name].resources.memory is None:
            yield _warning(
                "memory-without-limit",
                f"{name} has no memory limit under ExitCode: a replica that takes all of a node's memory is killed "
                "with exit code 137, which counts as worth a retry, again and again.",
                "Give a memory limit, so that the reason shows and nothing else on the node dies.",
                f"roles.{name}.resources.memory",
            )


def memory_is_plausible(spec: TrainingSpec, evidence: Evidence) -> Iterator[Finding]:
    """A number without a unit is bytes; a bare Python takes some 10 MiB."""
    for name, role in spec.roles.items():
        memory = role.resources.memory
        if memory is not None and parse_memory(memory) < _LEAST_MEMORY:
            yield _warning(
                "memory-too-small",
                f"{memory} of memory is {parse_memory(memory):,} bytes: {name} would be killed as it starts.",
                f"Write the unit: {memory}Gi." if memory.isdigit() else "Ask for more, for instance 4Gi.",
                f"roles.{name}.resources.memory",
                {f"roles.{name}.resources.memory": f"{memory}Gi"} if memory.isdigit() else {},
            )


def retries_end(spec: TrainingSpec, evidence: Evidence) -> Iterator[Finding]:
    """Only a deadline stops a replica that fails with 137 each time."""
    names = _roles_with(spec, "ExitCode")
    if names and spec.run_policy.active_deadline_seconds is None:
        yield _warning(
            "retries-without-end",
            f"Under ExitCode {' and '.join(names)} are made again after every exit code from 128 on, such as 137 (out "
            "of memory), and backoff_limit does not count that.",
            "Set active_deadline_seconds.",
            "run_policy.active_deadline_seconds",
        )


def backoff_limit_counts(spec: TrainingSpec, evidence: Evidence) -> Iterator[Finding]:
    """The operator adds up restarts in place, which only OnFailure and Always make. A Job counts every failed pod."""
    in_place = _roles_with(spec, "OnFailure") or _roles_with(spec, "Always")
    if spec.run_policy.backoff_limit and spec.framework is not Framework.NONE and not in_place:
        yield _warning(
            "backoff-limit-without-effect",
            "backoff_limit has no effect: only restarts under OnFailure and Always count.",
            "Use restart policy OnFailure, or leave the limit out.",
            "run_policy.backoff_limit",
            {"run_policy.backoff_limit": None},
        )


def replicas_end(spec: TrainingSpec, evidence: Evidence) -> Iterator[Finding]:
    """Under Always the kubelet starts a container again after success, too."""
    for name in _roles_with(spec, "Always"):
        if name in ("Chief", "Master", "Worker"):
            yield _warning(
                "never-done",
                f"Under Always a {name} that has finished is started again, so the job never succeeds.",
                "Use OnFailure.",
                f"roles.{name}.restart_policy",
                {f"roles.{name}.restart_policy": "OnFailure"},
            )


def servers_are_cleaned_up(spec: TrainingSpec, evidence: Evidence) -> Iterator[Finding]:
    """Parameter servers never end by themselves."""
    if "PS" in spec.roles and spec.run_policy.clean_pod_policy == "None":
        yield _warning(
            "servers-stay",
            "Under cleanPodPolicy None the parameter servers go on running after the job's end.",
            "Use Running or All.",
            "run_policy.clean_pod_policy",
            {"run_policy.clean_pod_policy": "Running"},
        )


def success_policy_counts(spec: TrainingSpec, evidence: Evidence) -> Iterator[Finding]:
    """With a Chief or Master, it alone decides."""
    chief = next((name for name in ("Chief", "Master") if name in spec.roles), None)
    if spec.success_policy == "AllWorkers" and chief:
        yield _warning(
            "success-policy-without-effect",
            f"The success policy AllWorkers has no effect: the {chief} decides when the job is done.",
            f"Remove the {chief} or the policy.",
            "success_policy",
            {"success_policy": None},
        )


def gang_fits(spec: TrainingSpec, evidence: Evidence) -> Iterator[Finding]:
    """A gang larger than the job is never complete."""
    wanted = spec.run_policy.scheduling and spec.run_policy.scheduling.min_available
    if wanted and wanted > spec.replicas:
        yield Finding(
            "gang-too-large",
            Severity.ERROR,
            f"min_available is {wanted}, but the job has {spec.replicas} replicas: it would never start.",
            f"Use {spec.replicas} or less.",
            {"field": "run_policy.scheduling.min_available"},
            {"run_policy.scheduling.min_available": spec.replicas},
        )


def job_has_no_run_policy(spec: TrainingSpec, evidence: Evidence) -> Iterator[Finding]:
    """A batch/v1 Job knows no cleanPodPolicy and no gang."""
    if spec.framework is not Framework.NONE:
        return
    for field in ("clean_pod_policy", "scheduling"):
        if field in spec.run_policy.model_fields_set:
            yield Finding(
                "policy-without-effect",
                Severity.INFO,
                f"{field} has no effect: without a framework the job is a batch/v1 Job, which has nothing like it.",
                where={"field": f"run_policy.{field}"},
                fix={f"run_policy.{field}": None},
            )


def image_is_fixed(spec: TrainingSpec, evidence: Evidence) -> Iterator[Finding]:
    """The tag ``latest`` is another image tomorrow."""
    if spec.image is None or "@sha256:" in spec.image:
        return
    _, colon, tag = spec.image.rpartition("/")[2].partition(":")
    if not colon or tag == "latest":
        yield _warning(
            "mutable-image",
            f"The image {spec.image} names no fixed version: a later run may get another one.",
            "Give a version as the tag, or better a digest (name@sha256:...).",
            "image",
        )


def _roles_with(spec: TrainingSpec, policy: str) -> list[RoleName]:
    return [name for name in spec.roles if spec.restart_policy(name) == policy]


def _warning(code: str, message: str, hint: str, field: str, fix: Mapping[str, Any] | None = None) -> Finding:
    return Finding(code, Severity.WARNING, message, hint, {"field": field}, dict(fix or {}))

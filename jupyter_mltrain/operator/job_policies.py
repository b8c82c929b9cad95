"""The policies of a batch/v1 Job: what a failed pod means, and when some of the indexes are enough.

Source: Kubernetes 1.36, ``pkg/controller/job/{pod_failure_policy,success_policy}.go``.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from .job_spec import JobSpec, parse_indexes
from .types import Pod


@dataclass(frozen=True, slots=True)
class Failure:
    """What one failed pod means to its job."""

    counts: bool = True
    """Whether it counts towards the limits."""
    fails_index: bool = False
    """Whether its completion index is given up at once."""
    fails_job: str | None = None
    """Why the whole job fails with it; ``None`` where it does not."""


def judge_failure(spec: JobSpec, pod: Pod) -> Failure:
    """Return what the first matching rule of ``podFailurePolicy`` says about a failed pod."""
    for number, rule in enumerate(spec.failure_rules or ()):
        cause = _match(spec, rule, pod)
        if cause is None:
            continue
        action = rule.get("action")
        message = f"{cause} matching {action} rule at index {number}"
        return Failure(
            counts=action != "Ignore",
            fails_index=action == "FailIndex",
            fails_job=message if action == "FailJob" else None,
        )
    return Failure()


def _match(spec: JobSpec, rule: dict[str, Any], pod: Pod) -> str | None:
    if "onExitCodes" in rule:
        return _match_exit_code(spec, rule["onExitCodes"], pod)
    for pattern in rule.get("onPodConditions") or ():
        if pattern.get("status", "True") == "True" and pattern["type"] in pod.conditions:
            return f"Pod {spec.namespace}/{pod.name} has condition {pattern['type']}"
    return None


def _match_exit_code(spec: JobSpec, requirement: dict[str, Any], pod: Pod) -> str | None:
    # Only the main container's code is observed, so a rule for another container never matches.
    container = requirement.get("containerName") or spec.main_container
    if container != spec.main_container or not pod.exit_code:
        return None
    if (pod.exit_code in requirement["values"]) != (requirement["operator"] == "In"):
        return None
    return f"Container {container} for pod {spec.namespace}/{pod.name} failed with exit code {pod.exit_code}"


def success_rule_met(spec: JobSpec, succeeded: frozenset[int]) -> int | None:
    """Return the number of the first rule of ``successPolicy`` that the succeeded indexes fulfil."""
    for number, rule in enumerate(spec.success_rules):
        enough = rule.get("succeededCount")
        if rule.get("succeededIndexes") is None:
            if enough is not None and succeeded and len(succeeded) >= enough:
                return number
            continue
        wanted = parse_indexes(rule["succeededIndexes"], spec.index_count)
        reached = len(wanted & succeeded)
        if wanted and succeeded and (reached == len(wanted) or (enough is not None and reached >= enough)):
            return number
    return None

"""What the API server accepts and the controllers cannot run: findings on an accepted manifest."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from ..model.findings import Finding, Severity
from .pods import replica_name
from .validation.containers import check_one_of
from .validation.kubeflow import REPLICA_SPECS
from .validation.metadata import final_name
from .validation.names import dns_1035_label
from .validation.podspec import check_template

_MAX_NAME = 63
_MAX_PODS = 150_000
"""What a cluster is made for: https://kubernetes.io/docs/setup/best-practices/cluster-large/."""
_RESTART_POLICIES = ("Always", "OnFailure", "Never", "ExitCode")


def findings(manifest: Mapping[str, Any]) -> list[Finding]:
    """Return why a job that the API server accepts would nevertheless never run.

    Parameters
    ----------
    manifest:
        A TFJob, PyTorchJob or Job that :func:`jupyter_mltrain.operator.validate` accepts.
    """
    if manifest["kind"] == "Job":
        return list(_check_parallelism(manifest["spec"]))
    field = REPLICA_SPECS[manifest["kind"]]
    name = final_name(manifest["metadata"])
    found: list[Finding] = []
    for role, replica in manifest["spec"][field].items():
        if replica is None:  # the API server drops it
            continue
        replicas = replica.get("replicas")
        count = 1 if replicas is None else replicas
        found += _check_count(role, count, f"spec.{field}.{role}.replicas")
        found += _check_names(name, role, count, f"spec.{field}.{role}")
        found += _check_pod(role, replica, f"spec.{field}.{role}")
    return found


def _check_parallelism(spec: Mapping[str, Any]) -> Iterator[Finding]:
    if spec.get("parallelism") == 0:
        yield Finding(
            "no-replicas",
            Severity.WARNING,
            "With parallelism 0 the Job waits: no pod is made until the number is raised.",
            "Use 1 or more, or suspend: true where the Job is meant to wait.",
            {"field": "spec.parallelism"},
        )


def _check_count(role: str, count: int, field: str) -> Iterator[Finding]:
    if count < 1:
        yield Finding(
            "no-replicas",
            Severity.ERROR,
            f"{role} has {count} replicas: the operator makes a first pod all the same and removes it, without end.",
            f"Use 1 or more, or leave the role {role} out.",
            {"field": field},
        )
    if count > _MAX_PODS:
        yield Finding(
            "too-many-replicas",
            Severity.ERROR,
            f"{role} has {count:,} replicas; a whole cluster is made for {_MAX_PODS:,} pods.",
            "Use fewer.",
            {"field": field},
        )


def _check_names(job: str, role: str, count: int, field: str) -> Iterator[Finding]:
    """A replica's pod and service share a name, and a service's is a DNS-1035 label."""
    longest = replica_name(job, role, max(count, 1) - 1)
    excess = len(longest) - _MAX_NAME
    if excess > 0:
        yield _no_name(longest, "is longer than 63 characters", f"Shorten metadata.name by {excess}.", "metadata.name")
    elif dns_1035_label(longest):
        words = "may hold only lower-case letters, digits and '-'"
        yield _no_name(longest, words, "Name the role Chief, PS, Worker or Evaluator.", field)


def _check_pod(role: str, replica: Mapping[str, Any], field: str) -> Iterator[Finding]:
    """Nobody looks at the template by the rules of pods before the first pod is made."""
    policy = check_one_of(dict(replica), "restartPolicy", _RESTART_POLICIES, field)
    for error in (*policy, *check_template(replica["template"], f"{field}.template")):
        yield Finding(
            "impossible-pod",
            Severity.ERROR,
            f"No pod of {role} can be made: {error}.",
            "Correct the field: the API server would refuse each pod, and the job would never get a status.",
            {"field": error.field},
        )


def _no_name(name: str, problem: str, hint: str, field: str) -> Finding:
    return Finding(
        "impossible-name",
        Severity.ERROR,
        f"The service {name!r} of a replica cannot be made: its name {problem}. The job would never get a status.",
        hint,
        {"field": field},
    )

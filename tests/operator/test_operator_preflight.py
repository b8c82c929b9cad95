"""Manifests that the API server takes and that would never run."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from jupyter_mltrain.operator import findings, reconcile, validate

NOW = datetime(2026, 1, 1, tzinfo=UTC)


def tfjob(name: str = "train", role: str = "Worker", **worker: Any) -> dict[str, Any]:
    template = {"spec": {"containers": [{"name": "tensorflow", "image": "x:1", "command": ["true"]}]}}
    return {
        "apiVersion": "kubeflow.org/v1",
        "kind": "TFJob",
        "metadata": {"name": name},
        "spec": {"tfReplicaSpecs": {role: {"template": template, **worker}}},
    }


def batch_job(**spec: Any) -> dict[str, Any]:
    template = {"spec": {"restartPolicy": "Never", "containers": [{"name": "main", "image": "x:1"}]}}
    head = {"apiVersion": "batch/v1", "kind": "Job", "metadata": {"name": "1st-train"}}
    return {**head, "spec": {"template": template, **spec}}


@pytest.mark.parametrize(
    ("manifest", "code", "field", "hint"),
    [
        (tfjob(replicas=0), "no-replicas", "spec.tfReplicaSpecs.Worker.replicas", "leave the role Worker out"),
        (tfjob(replicas=-1), "no-replicas", "spec.tfReplicaSpecs.Worker.replicas", "Use 1 or more"),
        (tfjob(replicas=10**6), "too-many-replicas", "spec.tfReplicaSpecs.Worker.replicas", "fewer"),
        (tfjob("t" * 55), "impossible-name", "metadata.name", "by 1."),
        (tfjob("t" * 53, replicas=101), "impossible-name", "metadata.name", "by 1."),
        (tfjob(role="my role"), "impossible-name", "spec.tfReplicaSpecs.my role", "Name the role"),
        (batch_job(parallelism=0), "no-replicas", "spec.parallelism", "suspend"),
    ],
)
def test_what_would_never_run_is_found(manifest: dict[str, Any], code: str, field: str, hint: str) -> None:
    assert validate(manifest).accepted
    (finding,) = findings(manifest)
    assert (finding.code, finding.where) == (code, {"field": field})
    assert hint in finding.hint


@pytest.mark.parametrize(
    "manifest",
    [tfjob(), tfjob(replicas=3), tfjob("t" * 54), tfjob("t" * 53, replicas=100), batch_job(), batch_job(completions=2)],
)
def test_what_runs_has_no_findings(manifest: dict[str, Any]) -> None:
    assert validate(manifest).accepted
    assert findings(manifest) == []


@pytest.mark.parametrize(
    ("container", "policy", "field"),
    [
        ({"volumeMounts": [{"name": "data", "mountPath": "/data"}]}, "Never", "volumeMounts[0].name"),
        ({"resources": {"limits": {"nvidia.com/gpu": "500m"}}}, "Never", "resources.limits[nvidia.com/gpu]"),
        ({"securityContext": {"runAsUser": -1}}, "Never", "securityContext.runAsUser"),
        ({"lifecycle": {"preStop": {}}}, "Never", "lifecycle.preStop"),
        ({}, "Sometimes", ""),
    ],
)
def test_a_template_of_which_no_pod_can_be_made_is_found(container: dict[str, Any], policy: str, field: str) -> None:
    manifest = tfjob(restartPolicy=policy)
    manifest["spec"]["tfReplicaSpecs"]["Worker"]["template"]["spec"]["containers"][0].update(container)
    assert validate(manifest).accepted
    (finding,) = findings(manifest)
    path = f"template.spec.containers[0].{field}" if field else "restartPolicy"
    assert (finding.code, finding.where) == ("impossible-pod", {"field": f"spec.tfReplicaSpecs.Worker.{path}"})
    assert not reconcile(manifest, [], NOW, {}).status


def test_a_role_that_is_null_is_none() -> None:
    manifest = tfjob()
    manifest["spec"]["tfReplicaSpecs"]["PS"] = None
    assert validate(manifest).accepted
    assert findings(manifest) == []
    assert list(reconcile(manifest, [], NOW, {}).status["replicaStatuses"]) == ["Worker"]


@pytest.mark.parametrize("name", ["1st-train", "t" * 64, "a.b"])
def test_a_name_that_no_service_can_have_is_refused_with_what_to_do(name: str) -> None:
    verdict = validate(tfjob(name))
    assert (verdict.code, verdict.field) == (403, "metadata.name")

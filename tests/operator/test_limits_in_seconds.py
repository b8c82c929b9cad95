"""Limits in seconds may be as large as the API server lets them be: such a deadline is one that never comes."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

from jupyter_mltrain.operator import DeleteJob, Pod, reconcile, validate

KINDS = {
    "TFJob": ("tfReplicaSpecs", "tensorflow"),
    "PyTorchJob": ("pytorchReplicaSpecs", "pytorch"),
    "Job": ("", "main"),
}
PHASES = ("Pending", "Running", "Succeeded", "Failed")
NEVER = 2**63 - 1
START = datetime(2026, 1, 1, tzinfo=UTC)

seconds = st.integers(-(2**63), NEVER) | st.sampled_from([0, 20, 2**31 - 1, 10**12, 86400 * 10**9, NEVER])


def job(kind: str, limits: dict[str, Any], pod: dict[str, Any] | None = None) -> dict[str, Any]:
    field, container = KINDS[kind]
    template = {"spec": {"containers": [{"name": container, "image": "x:1"}], **(pod or {})}}
    if kind == "Job":
        template["spec"]["restartPolicy"] = "Never"
        body = {**limits, "template": template}
        return {"apiVersion": "batch/v1", "kind": kind, "metadata": {"name": "job"}, "spec": body}
    role = {"replicas": 1, "template": template}
    roles = {"Master": role, "Worker": role} if kind == "PyTorchJob" else {"Worker": role}
    body = {"runPolicy": limits, field: roles}
    return {"apiVersion": "kubeflow.org/v1", "kind": kind, "metadata": {"name": "job"}, "spec": body}


def pods(kind: str, phase: str) -> list[Pod]:
    code = {"Succeeded": 0, "Failed": 1}.get(phase)
    roles = {"TFJob": ["Worker"], "PyTorchJob": ["Master", "Worker"], "Job": [""]}[kind]
    return [
        Pod(f"job-{role.lower()}-0", role, -1 if kind == "Job" else 0, phase, exit_code=code, created_at=START)
        for role in roles
    ]


@given(
    kind=st.sampled_from(sorted(KINDS)),
    limits=st.fixed_dictionaries(
        {}, optional={"activeDeadlineSeconds": seconds, "ttlSecondsAfterFinished": seconds, "suspend": st.booleans()}
    ),
    pod=st.fixed_dictionaries(
        {}, optional={"activeDeadlineSeconds": seconds, "terminationGracePeriodSeconds": seconds}
    ),
    looks=st.lists(st.tuples(st.sampled_from(PHASES), st.integers(0, 10**10)), max_size=4),
)
@example("TFJob", {"activeDeadlineSeconds": NEVER}, {}, [])
@example("PyTorchJob", {"activeDeadlineSeconds": -(2**63)}, {}, [])
@example("Job", {"activeDeadlineSeconds": NEVER}, {"terminationGracePeriodSeconds": NEVER}, [])
def test_whatever_the_api_server_accepts_can_be_reconciled(
    kind: str, limits: dict[str, Any], pod: dict[str, Any], looks: list[tuple[str, int]]
) -> None:
    manifest = job(kind, limits, pod)
    assume(validate(manifest).accepted)
    now = START
    decision = reconcile(manifest, [], now, {})
    for phase, pause in [("Running", 0), *looks]:
        now += timedelta(seconds=pause)
        decision = reconcile(manifest, pods(kind, phase), now, decision.status)
        assert decision.requeue_after is None or decision.requeue_after >= 0


@pytest.mark.parametrize("kind", sorted(KINDS))
@pytest.mark.parametrize("deadline", [10**11, 10**12, 10**14, NEVER])
def test_a_deadline_beyond_the_calendar_never_comes(kind: str, deadline: int) -> None:
    manifest = job(kind, {"activeDeadlineSeconds": deadline})
    assert validate(manifest).accepted
    begun = reconcile(manifest, pods(kind, "Running"), START, {})
    later = reconcile(manifest, pods(kind, "Running"), START + timedelta(days=365_000), begun.status)
    assert later.status.get("conditions") == begun.status.get("conditions")
    assert later.requeue_after == pytest.approx(deadline - 365_000 * 86400)


@pytest.mark.parametrize("kind", sorted(KINDS))
def test_the_longest_time_to_live_keeps_a_finished_job(kind: str) -> None:
    manifest = job(kind, {"ttlSecondsAfterFinished": 2**31 - 1})
    assert validate(manifest).accepted
    begun = reconcile(manifest, pods(kind, "Running"), START, {})
    ended = reconcile(manifest, pods(kind, "Succeeded"), START, begun.status)
    kept = reconcile(manifest, pods(kind, "Succeeded"), START + timedelta(days=365 * 60), ended.status)
    over = reconcile(manifest, pods(kind, "Succeeded"), START + timedelta(days=365 * 70), ended.status)
    assert (DeleteJob() in kept.actions, DeleteJob() in over.actions) == (False, True)

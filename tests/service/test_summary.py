"""A job in short: why, since when, what can be done."""

from dataclasses import replace
from typing import Any

import pytest

from jupyter_mltrain.model.job import JobRef, JobStatus, ReplicaState
from jupyter_mltrain.runner.records import Rebuilder, Record, encode
from jupyter_mltrain.service.summary import (
    RunState,
    actions,
    failure,
    finished_at,
    is_out_of_memory,
    role_counts,
    run_state,
    summarize,
    why,
)

WORKER = ReplicaState("job-worker-0", "Worker", 0, "Running")
PRESENT = "2026-01-02T03:04:05Z"


def job(*conditions: str, kind: str = "TFJob", replicas: tuple[ReplicaState, ...] = (), **fields: Any) -> JobStatus:
    """Return a job whose conditions are true; ``Failed: message`` gives one its message."""
    found = []
    for condition in conditions:
        name, _, message = condition.partition(": ")
        found.append({"type": name, "status": "True", "message": message, "lastTransitionTime": PRESENT})
    spec = {"tfReplicaSpecs": {"Worker": {"replicas": 2}, "PS": {}}} if kind == "TFJob" else {"completions": 3}
    manifest = {"kind": kind, "metadata": {"annotations": fields.pop("annotations", {})}, "spec": spec}
    status = {"conditions": found, **fields.pop("status", {})}
    return JobStatus(JobRef("local", "id", kind, "default", "job"), manifest, status, replicas, **fields)


@pytest.mark.parametrize(
    ("replica", "words"),
    [
        (
            {"exit_code": 137, "reason": "OOMKilled", "peak_memory": 2 << 30},
            "Worker 0 failed: exit 137, out of memory at 2.0 GiB",
        ),
        ({"exit_code": 137, "reason": "OOMKilled"}, "Worker 0 failed: exit 137, out of memory"),
        ({"exit_code": 3, "reason": "Error"}, "Worker 0 failed: exit 3"),
        ({"exit_code": 139, "message": "ended by SIGSEGV"}, "Worker 0 failed: exit 139, ended by SIGSEGV"),
        ({"reason": "StartError", "message": "no such program"}, "Worker 0 failed: no such program"),
        ({}, "Worker 0 failed: no reason is known"),
    ],
)
def test_a_failure_in_words(replica: dict[str, Any], words: str) -> None:
    failed = job("Failed: TFJob job has failed", replicas=(replace(WORKER, phase="Failed", **replica),))
    assert why(failed) == words
    assert is_out_of_memory(failed) == ("out of memory" in words)
    assert not is_out_of_memory(job("Restarting", replicas=failed.replicas))


def test_the_cell_that_failed_is_named_where_the_leader_is_the_one_that_failed() -> None:
    error = RunState(error="cell 2: ValueError: no")
    leader = replace(WORKER, phase="Failed", exit_code=1)
    other = replace(leader, name="job-worker-1", index=1, exit_code=9, finished_at="2026-01-01T00:00:00Z")
    assert why(job("Failed", replicas=(leader,)), error) == "Worker 0 failed: cell 2: ValueError: no"
    assert why(job("Failed", replicas=(leader, other)), error) == "Worker 1 failed: exit 9"


def test_the_cell_that_failed_is_named_where_another_replica_is_the_one_that_failed() -> None:
    other = replace(WORKER, name="job-worker-1", index=1, phase="Failed", exit_code=1, finished_at=PRESENT)
    stopped = replace(WORKER, phase="Failed", exit_code=143, finished_at=PRESENT)  # within the same second
    run = RunState(error="cell 9: KeyboardInterrupt", blame="cell 2: ValueError: no")
    for leader in (WORKER, stopped, replace(stopped, exit_code=137)):
        failed = job("Failed", replicas=(leader, other))
        assert why(failed, run) == failure(failed, run) == "Worker 1 failed: cell 2: ValueError: no"
    assert failure(failed, RunState(error="cell 1: E")) == "cell 1: E"


def test_a_limit_is_the_reason_and_not_the_replica_that_it_stopped() -> None:
    said = "TFJob job has failed because it was active longer than specified deadline"
    stopped = replace(WORKER, phase="Failed", exit_code=143)
    assert why(job(f"Failed: {said}", replicas=(stopped,))) == said


def test_why_a_job_waits() -> None:
    pulling = replace(WORKER, phase="Pending", reason="ImagePullBackOff", message="no such image")
    assert why(job("Created", replicas=(pulling,))) == "Worker 0 waits: no such image"
    assert why(job("Created", queue_position=1, message="Waits for a slot.")) == "Waits for a slot."
    assert "Resume" in why(job("Suspended"))
    assert why(job("Running", replicas=(WORKER,))) == why(job("Succeeded")) == ""


def test_a_job_that_is_being_stopped_says_so() -> None:
    cancelled = {"jupyter-mltrain/cancelled": PRESENT}
    assert why(job("Suspended", replicas=(WORKER,), annotations=cancelled)) == "It is being stopped."
    assert finished_at(job("Suspended", replicas=(WORKER,), annotations=cancelled)) == ""
    assert finished_at(job("Suspended", annotations=cancelled)) == PRESENT


def test_when_a_job_ended() -> None:
    assert finished_at(job("Running")) == ""
    assert finished_at(job("Succeeded", status={"completionTime": "2026-05-05T05:05:05Z"})) == "2026-05-05T05:05:05Z"
    assert finished_at(job("Failed", kind="Job")) == PRESENT  # batch/v1 has no other time for it


def test_replicas_by_role() -> None:
    counts = role_counts(job("Running", status={"replicaStatuses": {"Worker": {"active": 1, "failed": 1}}}))
    assert {role: (count.total, count.active, count.failed) for role, count in counts.items()} == {
        "Worker": (2, 1, 1),
        "PS": (1, 0, 0),
    }
    plain = role_counts(job(kind="Job", status={"succeeded": 2, "active": 1}))["Worker"]
    assert (plain.total, plain.active, plain.succeeded) == (3, 1, 2)


def test_what_can_be_done() -> None:
    assert actions(job("Running")) == ("cancel", "suspend", "resubmit", "delete")
    assert actions(job("Running"), suspend=False) == ("cancel", "resubmit", "delete")
    assert actions(job("Succeeded")) == ("resubmit", "delete")
    asked = job("Running")
    asked.manifest["spec"]["runPolicy"] = {"suspend": True}
    assert actions(asked) == ("cancel", "resume", "resubmit", "delete")


def test_metrics_are_the_newest_and_none_where_json_has_no_number() -> None:
    rebuilder = Rebuilder()
    for step, values in enumerate([{"loss": 2.0, "gap": 1.0}, {"loss": "NaN"}]):
        (line,) = encode(Record("metrics", {"step": step, "time": 1.0, "values": values}))
        rebuilder.feed(line + "\n")
    assert run_state(rebuilder).metrics == {"loss": None, "gap": 1.0}


def test_a_job_that_runs_no_notebook_has_a_summary_too() -> None:
    summary = summarize(job("Running"))
    assert (summary.notebook, summary.progress, dict(summary.metrics)) == ("", None, {})

"""The state of a job in one word, from its conditions."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jupyter_mltrain.model.job import Condition, JobRef, JobStatus, Phase, ReplicaState, parse_timestamp, timestamp
from jupyter_mltrain.model.labels import ANNOTATION_CANCELLED

CANCELLED = {"metadata": {"annotations": {ANNOTATION_CANCELLED: "2026-01-01T00:00:00Z"}}}


def job(*conditions: str, kind: str = "TFJob", **fields: Any) -> JobStatus:
    """A job with the conditions given as ``"Running"`` or ``"Running=False"``."""
    listed = [
        {"type": text.partition("=")[0], "status": text.partition("=")[2] or "True", "reason": "R", "message": "m"}
        for text in conditions
    ]
    ref = JobRef("local", "7f3a", kind, "default", "job")
    status = {**fields.pop("status", {}), "conditions": listed} if listed else fields.pop("status", {})
    return JobStatus(ref, fields.pop("manifest", {}), status, **fields)


@pytest.mark.parametrize(
    ("conditions", "phase"),
    [
        ([], Phase.CREATED),
        (["Created"], Phase.CREATED),
        (["Created", "Running"], Phase.RUNNING),
        (["Created", "Running=False", "Succeeded"], Phase.SUCCEEDED),
        (["Created", "Succeeded"], Phase.SUCCEEDED),
        (["Created", "Running=False", "Failed"], Phase.FAILED),
        (["Created", "Restarting"], Phase.RESTARTING),
        (["Created", "Restarting", "Failed"], Phase.FAILED),  # Restarting stays True after a failure
        (["Created", "Running=False", "Succeeded", "Failed"], Phase.FAILED),  # both seen in one sync
        (["Created", "Suspended"], Phase.SUSPENDED),
        (["Created", "Running=False", "Suspended"], Phase.SUSPENDED),
        (["Created", "Suspended=False", "Running"], Phase.RUNNING),
        (["Suspended=False"], Phase.CREATED),
        (["SuccessCriteriaMet", "Complete"], Phase.SUCCEEDED),
        (["FailureTarget", "Failed"], Phase.FAILED),
    ],
)
def test_phase(conditions: list[str], phase: Phase) -> None:
    assert job(*conditions).phase is phase
    assert job(*reversed(conditions)).phase is phase, "the order of conditions says nothing"


@pytest.mark.parametrize(
    ("conditions", "phase"),
    [
        ([], Phase.CANCELLED),
        (["Created", "Running"], Phase.CANCELLED),
        (["Created", "Running=False", "Suspended"], Phase.CANCELLED),
        (["Created", "Running=False", "Succeeded"], Phase.SUCCEEDED),  # it was done before the cancel came
        (["Created", "Running=False", "Failed"], Phase.FAILED),
    ],
)
def test_phase_of_a_cancelled_job(conditions: list[str], phase: Phase) -> None:
    assert job(*conditions, manifest=CANCELLED).phase is phase
    assert job(*conditions, manifest=CANCELLED, queue_position=1).phase is phase


def test_a_job_that_waits_is_queued_until_it_has_a_deciding_condition() -> None:
    assert job("Created", queue_position=2).phase is Phase.QUEUED
    assert job("Created", "Suspended", queue_position=2).phase is Phase.QUEUED  # resumed
    assert job("Created", "Suspended").phase is Phase.SUSPENDED


def test_a_plain_job_has_no_running_condition_so_its_pods_tell() -> None:
    waiting = job(kind="Job", status={"active": 1})
    pod = ReplicaState("job-abcde", "Worker", 0, "Pending")
    assert waiting.phase is Phase.CREATED
    assert replace(waiting, replicas=(pod,)).phase is Phase.CREATED
    assert replace(waiting, replicas=(replace(pod, phase="Running"),)).phase is Phase.RUNNING
    assert job(kind="Job", status={"active": 1, "ready": 1}).phase is Phase.RUNNING


@pytest.mark.parametrize("phase", list(Phase))
def test_only_three_phases_are_final(phase: Phase) -> None:
    assert phase.finished == (phase.value in ("Succeeded", "Failed", "Cancelled"))


def test_condition_of_a_plain_job_has_its_probe_time_as_update_time() -> None:
    data = {"type": "Complete", "status": "True", "lastProbeTime": "2026-01-01T00:00:00Z"}
    assert Condition.from_dict(data) == Condition("Complete", "True", last_update_time="2026-01-01T00:00:00Z")


def test_replica_statuses_as_the_operator_wrote_them() -> None:
    assert job(status={"replicaStatuses": {"Worker": {"succeeded": 2}}}).replica_statuses == {
        "Worker": {"succeeded": 2}
    }
    assert job().replica_statuses == {}


def test_object_for_machines() -> None:
    status = job("Created", manifest={"kind": "TFJob"})
    assert status.to_dict()["phase"] == "Created"


@given(st.datetimes(timezones=st.timezones()).filter(lambda moment: 1900 < moment.year < 9000))
def test_timestamp_is_whole_seconds_of_utc(moment: datetime) -> None:
    text = timestamp(moment)
    back = parse_timestamp(text)
    assert text.endswith("Z")
    assert back.tzinfo == UTC
    assert timedelta(0) <= moment - back < timedelta(seconds=1)


def test_timestamp_of_another_zone() -> None:
    assert timestamp(datetime(2026, 1, 1, 1, tzinfo=timezone(timedelta(hours=2)))) == "2025-12-31T23:00:00Z"


@pytest.mark.parametrize(
    ("phases", "leader"),
    [
        ({"job-a": "Failed", "job-b": "Running"}, "job-b"),
        ({"job-a": "Failed", "job-b": "Failed"}, "job-b"),
        ({"job-a": "Running", "job-b": "Running"}, "job-a"),
        ({"job-a": "Succeeded", "job-b": "Failed"}, "job-a"),
        ({}, None),
    ],
)
def test_of_the_pods_of_a_plain_job_one_that_follows_a_failed_one_leads(
    phases: dict[str, str], leader: str | None
) -> None:
    pods = tuple(ReplicaState(name, "", -1, phase) for name, phase in phases.items())
    found = job(kind="Job", replicas=pods).leader
    assert (found and found.name) == leader


def test_a_chief_leads_whatever_becomes_of_it() -> None:
    pods = tuple(
        ReplicaState(f"job-{role}-0", role, 0, phase) for role, phase in [("Worker", "Running"), ("Chief", "Failed")]
    )
    found = job(replicas=pods).leader
    assert found is not None
    assert found.role == "Chief"

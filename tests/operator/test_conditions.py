from __future__ import annotations

from datetime import UTC, datetime

from jupyter_mltrain.operator import conditions as cond
from jupyter_mltrain.operator import failed

T1 = datetime(2024, 1, 1, 10, tzinfo=UTC)
T2 = datetime(2024, 1, 1, 11, tzinfo=UTC)


def put(conditions: list[cond.Condition], type_: str, status: str = "True", **text: str) -> list[cond.Condition]:
    text = {"reason": f"TFJob{type_}", "message": f"is {type_}", **text}
    return cond.updated(conditions, T2 if conditions else T1, type_, status, text["reason"], text["message"])


def test_a_new_condition_carries_the_time_in_whole_seconds() -> None:
    assert put([], "Created") == [
        {
            "type": "Created",
            "status": "True",
            "reason": "TFJobCreated",
            "message": "is Created",
            "lastUpdateTime": "2024-01-01T10:00:00Z",
            "lastTransitionTime": "2024-01-01T10:00:00Z",
        }
    ]


def test_the_first_message_stays() -> None:
    failing = put([], "Restarting", message="1 failed")
    assert put(failing, "Restarting", message="2 failed") == failing


def test_another_reason_moves_the_condition_but_not_its_transition() -> None:
    conditions = put(put(put([], "Running"), "Created"), "Running", reason="Other")
    assert [c["type"] for c in conditions] == ["Created", "Running"]
    assert conditions[1]["lastTransitionTime"] == "2024-01-01T10:00:00Z"
    assert conditions[1]["lastUpdateTime"] == "2024-01-01T11:00:00Z"


def test_another_status_is_a_transition() -> None:
    (condition,) = put(put([], "Suspended"), "Suspended", "False", reason="TFJobResumed")
    assert condition["lastTransitionTime"] == "2024-01-01T11:00:00Z"


def test_running_and_restarting_remove_each_other() -> None:
    running = put([], "Running")
    assert [c["type"] for c in put(running, "Restarting")] == ["Restarting"]
    assert [c["type"] for c in put(put(running, "Restarting"), "Running")] == ["Running"]


def test_the_end_turns_running_to_false_in_place() -> None:
    running = put([], "Running")
    for end in ("Succeeded", "Failed"):
        conditions = put(running, end)
        assert conditions[0] == {**running[0], "status": "False"}
        assert cond.is_true(conditions, end)
        assert cond.is_finished(conditions)


def test_failed_is_final_but_succeeded_can_still_fail() -> None:
    failed = put(put([], "Succeeded"), "Failed")
    assert [c["type"] for c in failed] == ["Succeeded", "Failed"]
    assert put(failed, "Running") == failed


def test_nothing_is_changed_in_place() -> None:
    running = put([], "Running")
    copy = [dict(c) for c in running]
    put(running, "Failed")
    put(running, "Restarting")
    assert running == copy


def test_a_failure_beyond_the_rules_looks_like_any_other() -> None:
    moment = "2024-01-01T10:00:00Z"
    said = {"type": "Failed", "status": "True", "reason": "Odd", "message": "words", "lastTransitionTime": moment}
    running = {"type": "Running", "status": "True", "reason": "TFJobRunning", "message": ""}
    tfjob = failed("TFJob", {"startTime": moment, "conditions": [running]}, T1, "Odd", "words")
    assert tfjob == {
        "startTime": moment,
        "completionTime": moment,
        "conditions": [{**running, "status": "False"}, {**said, "lastUpdateTime": moment}],
    }
    job = failed("Job", {"active": 2, "ready": 2, "failed": 1}, T1, "Odd", "words")
    assert job == {"failed": 1, "ready": 0, "terminating": 0, "conditions": [{**said, "lastProbeTime": moment}]}

"""How the operator changes the list of conditions (``pkg/util/status.go``)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from ..model.job import timestamp

Condition = dict[str, Any]

CREATED = "Created"
RUNNING = "Running"
RESTARTING = "Restarting"
SUCCEEDED = "Succeeded"
FAILED = "Failed"
SUSPENDED = "Suspended"

_EXCLUDED_BY = {RUNNING: RESTARTING, RESTARTING: RUNNING}
_FINAL = (SUCCEEDED, FAILED)


def is_true(conditions: Sequence[Condition], type_: str) -> bool:
    """Whether the condition is there and true."""
    return any(c["type"] == type_ and c["status"] == "True" for c in conditions)


def is_finished(conditions: Sequence[Condition]) -> bool:
    """Whether the job has succeeded or failed."""
    return any(is_true(conditions, type_) for type_ in _FINAL)


def find(conditions: Sequence[Condition], type_: str) -> Condition | None:
    """Return the condition of a type, true or not."""
    return next((c for c in conditions if c["type"] == type_), None)


def updated(
    conditions: Sequence[Condition], now: datetime, type_: str, status: str, reason: str, message: str
) -> list[Condition]:
    """Return the conditions after one is set.

    A failed job's conditions are final. Same type, status and reason: nothing changes, so the first message stays
    even where a later one would count more failures. Otherwise the condition moves to the end.
    """
    old = find(conditions, type_)
    if is_true(conditions, FAILED) or (old is not None and (old["status"], old["reason"]) == (status, reason)):
        return list(conditions)
    moment = timestamp(now)
    new = {
        "type": type_,
        "status": status,
        "reason": reason,
        "message": message,
        "lastUpdateTime": moment,
        "lastTransitionTime": old["lastTransitionTime"] if old is not None and old["status"] == status else moment,
    }
    return [*_remaining(conditions, type_), new]


def _remaining(conditions: Sequence[Condition], type_: str) -> list[Condition]:
    kept = [c for c in conditions if c["type"] not in (type_, _EXCLUDED_BY.get(type_))]
    if type_ not in _FINAL:
        return kept
    # Only the status turns: reason, message and both times of Running stay as they were.
    return [{**c, "status": "False"} if c["type"] == RUNNING else c for c in kept]


def failed(kind: str, status: Mapping[str, Any], now: datetime, reason: str, message: str) -> dict[str, Any]:
    """Return the status of a job that had not ended, failed for a reason of which the rules know nothing."""
    conditions = updated(status.get("conditions") or [], now, FAILED, "True", reason, message)
    if kind != "Job":
        return {"completionTime": timestamp(now), **status, "conditions": conditions}
    # batch/v1 has another word for the time of an update, no time of completion, and counts of what runs.
    conditions[-1]["lastProbeTime"] = conditions[-1].pop("lastUpdateTime")
    ended = {key: value for key, value in status.items() if key != "active"}
    return {**ended, "ready": 0, "terminating": 0, "conditions": conditions}

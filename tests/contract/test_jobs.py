"""The Job rules against more that Kubernetes' own controllers were seen to do; and what a replay must not overlook."""

from __future__ import annotations

import copy
import gzip
import importlib
import json
import sys
from pathlib import Path
from typing import Any

import pytest

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE))
jobs = importlib.import_module("_jobs")


def load(name: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(gzip.decompress((HERE / "data" / name).read_bytes()))
    return found


# Recorded from Kubernetes 1.36.3 with limits per index, policies for failure, success and replacement.
@pytest.mark.parametrize("name", sorted(load("more/jobs.json.gz")))
def test_jobs_with_policies(name: str) -> None:
    assert jobs.replay(name, load("more/jobs.json.gz")[name]) == []


def test_one_pace_explains_all_recordings(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(jobs, "PACES", (3.0,))
    assert [name for name, record in load("jobs.json.gz").items() if jobs.replay(name, record)] == []


CHANGES: dict[str, Any] = {
    "condition": lambda step: step["status"]["conditions"][0].update(message="otherwise"),
    "count": lambda step: step["status"].update(failed=7),
    "nothing counted": lambda step: step["status"].pop("failed"),
    "completion": lambda step: step["status"].update(completionTime=True),
    "pod": lambda step: step["pods"].popitem(),
    "phase": lambda step: step["pods"]["pod1"].update(phase="Running"),
    "index": lambda step: step["pods"]["pod1"].update(index="0"),
    "environment": lambda step: step["pods"]["pod1"].update(env=["A"]),
    "existence": lambda step: step.update(exists=False),
}


@pytest.mark.parametrize("what", CHANGES)
def test_a_replay_sees_any_difference(what: str) -> None:
    record = copy.deepcopy(load("jobs.json.gz")["job-41"])
    assert jobs.replay("job-41", record) == []
    CHANGES[what](record["trace"][-1])
    assert jobs.replay("job-41", record) != []


@pytest.mark.parametrize("change", [lambda events: events.pop(), lambda events: events.append(["Normal", "A", "b"])])
def test_a_replay_sees_other_events(change: Any) -> None:
    record = copy.deepcopy(load("jobs.json.gz")["job-41"])
    change(record["events"])
    assert jobs.replay("job-41", record) != []

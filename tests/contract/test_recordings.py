"""The rules against what the real operator, API server and Job controller were seen to do.

``odd.json.gz`` has the form of ``traces.json.gz``: unusual manifests that the API server takes all the same (unknown
roles, restart policies that do not exist, names too long for a service, other managers, limits, side containers).

``more/traces.json.gz`` has further scenarios of that kind. ``more/pods.json.gz`` has templates that no
pod can be made of (mounts without a volume, probes without a handler ...): the schema of the job lets them pass.
"""

from __future__ import annotations

import gzip
import importlib.util
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

HERE = Path(__file__).parent
DATA = HERE / "data"
RECORDINGS = [*sorted(DATA.glob("*.json.gz")), DATA / "more" / "traces.json.gz", DATA / "more" / "pods.json.gz"]
SCRIPT = HERE / "replay.py"

_spec = importlib.util.spec_from_file_location("replay", SCRIPT)
assert _spec is not None
assert _spec.loader is not None
replay = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(replay)


@pytest.mark.parametrize("recording", RECORDINGS, ids=lambda path: str(path.relative_to(DATA)).split(".")[0])
def test_the_rules_agree_with_every_record(recording: Path) -> None:
    records = replay.load(recording)
    assert {name: found for name, record in records.items() if (found := replay.replay(name, record))} == {}


def test_every_recording_is_there() -> None:
    assert {str(path.relative_to(DATA)): len(replay.load(path)) for path in RECORDINGS} == {
        "jobs.json.gz": 80,
        "more/pods.json.gz": 43,
        "more/traces.json.gz": 220,
        "odd.json.gz": 106,
        "traces.json.gz": 342,
        "verdicts.json.gz": 400,
    }


def run(path: Path, folder: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, SCRIPT, path], cwd=folder, capture_output=True, text=True, check=False)


def one_case() -> dict[str, Any]:
    return {"case-9": replay.load(HERE / "data" / "traces.json.gz")["case-9"]}


def test_the_script_says_how_many_agree(tmp_path: Path) -> None:
    path = tmp_path / "some.json.gz"
    path.write_bytes(gzip.compress(json.dumps(one_case()).encode()))
    done = run(path, tmp_path)
    assert (done.stdout, done.returncode) == ("1 of 1\n", 0)


def changed(record: dict[str, Any], what: str) -> None:
    last = record["trace"][-1]
    match what:
        case "condition":
            last["conditions"][-1]["message"] = "otherwise"
        case "count":
            last["replicaStatuses"]["Worker"]["failed"] = 2
        case "pod":
            last["pods"].popitem()
        case "time":
            last["completionTime"] = False
        case "event":
            record["events"].append(["Normal", "Surprise", "nobody expects it"])
        case "missing event":
            record["events"].pop()
        case "environment":
            record["env"]["c9-worker-0"] = []


@pytest.mark.parametrize("what", ["condition", "count", "pod", "time", "event", "missing event", "environment"])
def test_the_script_sees_any_difference(what: str, tmp_path: Path) -> None:
    records = one_case()
    changed(records["case-9"], what)
    path = tmp_path / "some.json"
    path.write_text(json.dumps(records))
    done = run(path, tmp_path)
    assert done.stdout.startswith("0 of 1\ncase-9:\n  ")
    assert done.returncode == 1

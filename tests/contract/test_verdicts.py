"""Verdicts against more answers of the real API server; and what a replay must not overlook."""

from __future__ import annotations

import gzip
import importlib
import json
import sys
from pathlib import Path
from typing import Any

import pytest

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE))
verdicts = importlib.import_module("_verdicts")


def load(name: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(gzip.decompress((HERE / "data" / name).read_bytes()))
    return found


# Answers of Kubernetes 1.36.3 with the Training Operator 1.9.4: "verdicts" to manifests spoilt at random places,
# "features" to jobs of the three kinds that use what a pod can have (probes, volumes of every kind, affinity, security
# contexts ...) rightly and wrongly; of batch/v1 Jobs only rules that are kept here.
@pytest.mark.parametrize(("recording", "size"), [("verdicts", 400), ("features", 600)])
def test_any_field_of_the_pod_template(recording: str, size: int) -> None:
    records = load(f"more/{recording}.json.gz")
    assert len(records) == size
    assert {name: found for name, record in records.items() if (found := verdicts.replay(name, record))} == {}


@pytest.mark.parametrize("key", ["code", "message"])
def test_a_replay_sees_any_difference(key: str) -> None:
    name, record = next((n, r) for n, r in load("verdicts.json.gz").items() if r["code"] == 422)
    assert verdicts.replay(name, record) == []
    assert verdicts.replay(name, {**record, key: 418 if key == "code" else "I am a teapot"}) != []


def test_the_order_of_errors_is_open_but_not_their_number() -> None:
    assert verdicts.same_message("x is invalid: [a: b, c: d]", "x is invalid: [c: d, a: b]")
    assert not verdicts.same_message("x is invalid: [a: b, c: d]", "x is invalid: a: b")

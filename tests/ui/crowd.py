"""Many ended jobs at once, written straight into the database as a long life would have left them."""

from __future__ import annotations

import random
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from jupyter_mltrain.backends.local import tables
from jupyter_mltrain.backends.local.records import Job
from jupyter_mltrain.backends.local.store import Store
from jupyter_mltrain.model.job import timestamp

START = datetime(2026, 1, 1, tzinfo=UTC).timestamp()
MINUTE = 60.0


def write_jobs(home: Path, count: int) -> None:
    """Write ended jobs, one a minute, ``crowd-00000`` the oldest; every tenth has failed."""
    store = Store(home)
    chance = random.Random(7)
    with store.write() as connection:
        for number in range(count):
            tables.insert_job(connection, _ended_job(number, chance.uniform(5, 500)))
    store.close()


def _ended_job(number: int, seconds: float) -> Job:
    name = f"crowd-{number:05}"
    start = START + number * MINUTE
    failed = number % 10 == 9
    return Job(
        id=name,
        kind="TFJob",
        namespace="default",
        name=name,
        manifest=_manifest(name),
        status=_status(start, start + seconds, failed),
        created=start,
        clock=start + seconds,
        ended=start + seconds,
        size=0,
    )


def _manifest(name: str) -> dict[str, Any]:
    container = {"name": "tensorflow", "image": "none", "command": ["true"]}
    worker = {"replicas": 2, "restartPolicy": "Never", "template": {"spec": {"containers": [container]}}}
    return {
        "apiVersion": "kubeflow.org/v1",
        "kind": "TFJob",
        "metadata": {"name": name, "namespace": "default"},
        "spec": {"runPolicy": {}, "tfReplicaSpecs": {"Worker": worker}},
    }


def _status(start: float, end: float, failed: bool) -> dict[str, Any]:
    def condition(name: str, moment: float, reason: str, status: str = "True") -> dict[str, str]:
        at = _text(moment)
        return {
            "type": name,
            "status": status,
            "reason": reason,
            "message": f"TFJob is {name.lower()}.",
            "lastUpdateTime": at,
            "lastTransitionTime": at,
        }

    last = condition("Failed", end, "TFJobFailed") if failed else condition("Succeeded", end, "TFJobSucceeded")
    return {
        "conditions": [
            condition("Created", start, "TFJobCreated"),
            condition("Running", end, "TFJobRunning", "False"),
            last,
        ],
        "replicaStatuses": {"Worker": {"failed": 1, "succeeded": 1} if failed else {"succeeded": 2}},
        "startTime": _text(start),
        "completionTime": _text(end),
    }


def _text(moment: float) -> str:
    return timestamp(datetime.fromtimestamp(moment, UTC))

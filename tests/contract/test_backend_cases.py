"""The contract's case table with real replicas: what each event makes of conditions and replica statuses.

Rows that no replica can force are left to the rules' own tests: 2 (never seen Running), 10 (two ends in one sync), 18
(pending for ever), 31 (a pod deleted by hand), 33 (evicted).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import pytest

from jupyter_mltrain.model.job import JobStatus

LETTERS = {"C": "Created", "R": "Running", "S": "Succeeded", "F": "Failed", "X": "Restarting", "Z": "Suspended"}
COUNTS = {"a": "active", "s": "succeeded", "f": "failed"}
ROLES = {"Ch": "Chief", "Ev": "Evaluator", "M": "Master", "PS": "PS", "W": "Worker"}


def short_conditions(job: JobStatus) -> str:
    """``C R=F S``, as the table writes conditions."""
    letters = {name: letter for letter, name in LETTERS.items()}
    return " ".join(letters[c.type] + ("" if c.status == "True" else "=F") for c in job.conditions)


def short_statuses(job: JobStatus) -> str | None:
    """``PS a2, W a2 s2``, as the table writes replica statuses."""
    if job.status.get("replicaStatuses") is None:
        return None
    words = []
    for short, role in ROLES.items():
        if role in job.replica_statuses:
            counts = job.replica_statuses[role]
            words.append(" ".join([short, *(f"{c}{counts[name]}" for c, name in COUNTS.items() if counts.get(name))]))
    return ", ".join(words)


@dataclass(frozen=True)
class Case:
    """A job, and steps: what happens to whom, then what is to be seen."""

    id: str
    roles: dict[str, int]
    steps: list[tuple[Any, str, str | None]]
    kind: str = "TFJob"
    restart: str = "Never"
    policy: dict[str, Any] = field(default_factory=dict)
    spec: dict[str, Any] = field(default_factory=dict)
    message: str = ""  # of the last condition


def ends(*pods: str, code: int = 0) -> Callable[..., None]:
    def act(site, ref) -> None:
        for pod in pods:
            site.cue(f"{ref.name}-{pod}", code)

    return act


def one_after_the_other(*codes: tuple[str, int]) -> Callable[..., None]:
    """Let replicas fail in turn, each when the one before has been started again."""

    def act(site, ref) -> None:
        for restarts, (pod, code) in enumerate(codes, 1):
            site.cue(f"{ref.name}-{pod}", code)
            site.until(
                ref,
                lambda job, wanted=restarts: (
                    sum(r.restarts + r.generation for r in job.replicas) == wanted
                    and all(r.phase == "Running" for r in job.replicas)
                ),
            )

    return act


def suspends(site, ref) -> None:
    site.call(site.backend.suspend, ref)


def resumes(site, ref) -> None:
    site.call(site.backend.resume, ref)


def nothing(site, ref) -> None:
    pass


STARTED = nothing
PS2_W4 = {"PS": 2, "Worker": 4}
BACKOFF = "Job {name} has failed because it has reached the specified backoff limit"
DEADLINE = "Job {name} has failed because it was active longer than specified deadline"

CASES = [
    Case("1", {"Worker": 1}, [(STARTED, "C R", "W a1"), (ends("worker-0"), "C R=F S", "W s1")],
         message="TFJob default/{name} successfully completed."),
    Case("3", {"Worker": 1}, [(STARTED, "C R", "W a1"), (ends("worker-0", code=1), "C R=F F", "W f1")],
         message="TFJob default/{name} has failed because 1 Worker replica(s) failed."),
    Case("4-5", PS2_W4, [
        (STARTED, "C R", "PS a2, W a4"),
        (ends("worker-1", "worker-2"), "C R", "PS a2, W a2 s2"),
        (ends("worker-0"), "C R=F S", "PS s2, W s4"),
    ]),
    Case("6a", PS2_W4, [(STARTED, "C R", "PS a2, W a4"), (ends("worker-0"), "C R=F S", "PS s2, W s4")],
         policy={"cleanPodPolicy": "Running"}),
    Case("6b", PS2_W4, [(STARTED, "C R", "PS a2, W a4"), (ends("worker-0"), "C R=F S", "PS s2, W s4")],
         policy={"cleanPodPolicy": "All"}),
    Case("7-8", {"Worker": 4}, [
        (STARTED, "C R", "W a4"),
        (ends("worker-0"), "C R", "W a3 s1"),
        (ends("worker-1", "worker-2", "worker-3"), "C R=F S", "W s4"),
    ], spec={"successPolicy": "AllWorkers"}),
    Case("9", {"Worker": 4}, [
        (STARTED, "C R", "W a4"),
        (ends("worker-0"), "C R", "W a3 s1"),
        (ends("worker-1", code=1), "C R=F F", "W a2 s1 f1"),
    ], spec={"successPolicy": "AllWorkers"}),
    Case("11", {"Worker": 2}, [
        (STARTED, "C R", "W a2"),
        (ends("worker-0"), "C R=F S", "W s2"),
        (ends("worker-1", code=1), "C R=F S", "W s2"),
    ]),
    Case("12-13", {"Chief": 1, **PS2_W4}, [
        (STARTED, "C R", "Ch a1, PS a2, W a4"),
        (ends(*(f"worker-{n}" for n in range(4))), "C R", "Ch a1, PS a2, W s4"),
        (ends("chief-0"), "C R=F S", "Ch s1, PS s2, W s4"),
    ]),
    Case("14", {"Chief": 1, "Worker": 1}, [
        (STARTED, "C R", "Ch a1, W a1"), (ends("worker-0", code=1), "C R=F F", "Ch a1, W f1"),
    ]),
    Case("15", PS2_W4, [(STARTED, "C R", "PS a2, W a4"), (ends("ps-1", code=1), "C R=F F", "PS a1 f1, W a4")],
         message="TFJob default/{name} has failed because 1 PS replica(s) failed."),
    Case("16", {"Evaluator": 1, "Worker": 2}, [
        (STARTED, "C R", "Ev a1, W a2"), (ends("evaluator-0", code=1), "C R=F F", "Ev f1, W a2"),
    ], message="TFJob default/{name} has failed because 1 Evaluator replica(s) failed."),
    Case("17", {"PS": 1}, [(STARTED, "C", "PS a1"), (ends("ps-0"), "C", "PS s1")]),
    Case("19-20", {"Worker": 1}, [(STARTED, "C R", "W a1"), (one_after_the_other(("worker-0", 130)), "C R", "W a1")],
         restart="ExitCode"),
    Case("21", {"Worker": 2}, [(STARTED, "C R", "W a2"), (one_after_the_other(("worker-1", 137)), "C R", "W a2")],
         restart="ExitCode"),
    Case("22", {"Worker": 2}, [(STARTED, "C R", "W a2"), (ends("worker-0", code=1), "C R=F F", "W a1 f1")],
         restart="ExitCode", message='job "{name}" is failing because "Worker" replica(s) failed.'),
    Case("23", {"Worker": 1}, [
        (STARTED, "C R", "W a1"), (one_after_the_other(*[("worker-0", 130)] * 3), "C R", "W a1"),
    ], restart="ExitCode", policy={"backoffLimit": 1}),
    Case("24", {"Worker": 1}, [(STARTED, "C R", "W a1"), (ends("worker-0", code=1), "C R=F F", "W a1")],
         policy={"backoffLimit": 0}, message=BACKOFF),
    Case("25", PS2_W4, [
        (STARTED, "C R", "PS a2, W a4"),
        (one_after_the_other(("worker-0", 1), ("worker-1", 1), ("worker-2", 1)), "C R", "PS a2, W a4"),
        (ends("worker-3", code=1), "C R=F F", "PS a2, W a4"),
    ], restart="OnFailure", policy={"backoffLimit": 4}, message=BACKOFF),
    Case("26", {"Worker": 2}, [(STARTED, "C R=F F", "W a2")], policy={"activeDeadlineSeconds": 2}, message=DEADLINE),
    Case("27-29", {"Worker": 2}, [
        (nothing, "C Z", None),
        (resumes, "C Z=F R", "W a2"),
        (suspends, "C R=F Z", "W"),
        (resumes, "C Z=F R", "W a2"),
    ], policy={"suspend": True}),
    Case("32", {"Worker": 3}, [
        (STARTED, "C R", "W a3"),
        (ends("worker-2", code=1), "C R", "W a2 f1"),
        (ends("worker-0"), "C R=F S", "W s2 f1"),
    ], spec={"enableDynamicWorker": True}),
    Case("P1", {"Master": 1, "Worker": 1}, [
        (STARTED, "C R", "M a1, W a1"), (ends("master-0"), "C R=F S", "M s1, W s1"),
    ], kind="PyTorchJob", message="PyTorchJob {name} is successfully completed."),
    Case("P2", {"Master": 1, "Worker": 2}, [
        (STARTED, "C R", "M a1, W a2"), (ends("worker-0", code=1), "C R=F F", "M a1, W a1 f1"),
    ], kind="PyTorchJob", message="PyTorchJob {name} is failed because 1 Worker replica(s) failed."),
    Case("P3", {"Master": 1, "Worker": 2}, [
        (STARTED, "C R", "M a1, W a2"), (ends("worker-0", code=1), "C R=F F", "M a1, W a1 f1"),
    ], kind="PyTorchJob", restart="ExitCode"),
    Case("P4", {"Master": 1, "Worker": 2}, [
        (STARTED, "C R", "M a1, W a2"), (ends("worker-0", "worker-1"), "C R", "M a1, W s2"),
    ], kind="PyTorchJob"),
    Case("P5", {"Worker": 3}, [
        (STARTED, "C R", "W a3"),
        (ends("worker-0"), "C R", "W a2 s1"),
        (ends("worker-1", "worker-2"), "C R=F S", "W s3"),
    ], kind="PyTorchJob"),
    Case("P6", {"Worker": 3}, [(STARTED, "C R", "W a3"), (ends("worker-1"), "C R=F S", "W s3")], kind="PyTorchJob",
         spec={"elasticPolicy": {"minReplicas": 1, "maxReplicas": 3, "rdzvBackend": "c10d"}}),
    Case("P7", {"Master": 1, "Worker": 1}, [
        (STARTED, "C R", "M a1, W a1"),
        (one_after_the_other(("worker-0", 1), ("worker-0", 1)), "C R", "M a1, W a1"),
        (ends("master-0", code=1), "C R=F F", "M a1, W a1"),
    ], kind="PyTorchJob", restart="OnFailure", policy={"backoffLimit": 3}),
    Case("P8", {"Master": 1, "Worker": 1}, [(STARTED, "C R", "M a1, W a1"), (suspends, "C R=F Z", "M, W")],
         kind="PyTorchJob"),
]  # fmt: skip


def manifest_of(case: Case, name: str, command: list[str]) -> dict[str, Any]:
    container = {"name": "tensorflow" if case.kind == "TFJob" else "pytorch", "image": "none:1", "command": command}
    template = {"spec": {"containers": [container], "terminationGracePeriodSeconds": 1}}
    roles = {
        role: {"replicas": count, "restartPolicy": case.restart, "template": template}
        for role, count in case.roles.items()
    }
    body = {"runPolicy": dict(case.policy), f"{case.kind.removesuffix('Job').lower()}ReplicaSpecs": roles, **case.spec}
    return {"apiVersion": "kubeflow.org/v1", "kind": case.kind, "metadata": {"name": name}, "spec": body}


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.id)
def test_case(site, case: Case) -> None:
    name = f"case-{case.id.lower()}"
    ref = site.submit(manifest_of(case, name, site.waiting))
    for act, conditions, statuses in case.steps:
        act(site, ref)
        job = site.until(
            ref, lambda job, c=conditions, s=statuses: (short_conditions(job), short_statuses(job)) == (c, s)
        )
    if case.message:
        assert job.conditions[-1].message == case.message.format(name=name)
    check_times(job, case)


def check_times(job: JobStatus, case: Case) -> None:
    """Completion is recorded when the job has ended, but not where the operator forgets it."""
    assert ("completionTime" in job.status) == (job.finished and case.id != "P3")
    for condition in job.conditions:
        assert condition.last_transition_time <= condition.last_update_time


@pytest.mark.parametrize(("policy", "left"), [("None", 3), ("Running", 1), ("All", 0)])
def test_clean_pod_policy(site, policy: str, left: int) -> None:
    """What has ended under ``None`` stays, under ``Running`` what has ended, under ``All`` nothing."""
    case = Case("clean", {"PS": 1, "Worker": 2}, [], policy={"cleanPodPolicy": policy})
    ref = site.submit(manifest_of(case, "clean", site.waiting))
    site.until(ref, lambda job: short_statuses(job) == "PS a1, W a2")
    site.cue("clean-worker-0", 0)
    site.until(ref, lambda job: short_conditions(job) == "C R=F S")
    site.until(ref, lambda job: sum(replica.phase == "Running" for replica in job.replicas) == (2 if left == 3 else 0))
    deleted = {e.message for e in site.call(site.backend.events, ref) if e.reason == "SuccessfulDeletePod"}
    assert len(deleted) == 3 - left

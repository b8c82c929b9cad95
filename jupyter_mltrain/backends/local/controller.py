"""The part of the API server and of the operator: what the rules decide becomes rows of the database.

Nothing here starts or stops a process. A pod that is created is a row that waits to be launched, a pod that is deleted
is a row that is marked; the supervisor turns rows into processes. So a decision and all that follows from it is one
transaction, and whatever dies, it is there or it is not.
"""

from __future__ import annotations

import sqlite3
import uuid
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

from ...operator import reconcile as decide
from ...operator import types
from . import tables
from .kubelet import Backoff, vanish
from .records import KEPT_RUNS, Job, Pod, run_policy

# A decision leads to new pods, these to a new decision: a few looks. More means that the rules never come to rest.
_LOOKS = 50
_BACKOFF = Backoff()


_SEEN_SECONDS: Final = 1.0
"""How long a job that has just ended stays even with a time to live of 0: whoever waits for its end is to see it."""


@dataclass(slots=True)
class Outcome:
    """What came of letting the rules look at a job."""

    changed: bool = False
    requeue_after: float | None = None  # seconds until a limit falls due


def reconcile(
    connection: sqlite3.Connection, job: Job, pods: list[Pod], now: float, backoff: Backoff = _BACKOFF
) -> Outcome:
    """Let the rules look until they want nothing more, and record it all. ``job`` and ``pods`` are brought along."""
    outcome = Outcome()
    for _ in range(_LOOKS):
        decision = _decide(connection, job, pods, now)
        outcome.requeue_after = decision.requeue_after
        # Events first: where pods are refused at creation, they are all that tells of it.
        for event in decision.events:
            tables.record_event(connection, job.id, now, event.type, event.reason, event.message, job.name)
        if decision.status == job.status and not decision.actions:
            break
        if outcome.changed and any(isinstance(action, types.DeleteJob) for action in decision.actions):
            outcome.requeue_after = _SEEN_SECONDS
            break
        outcome.changed = True
        job.status = decision.status
        for action in decision.actions:
            _carry_out(connection, job, pods, action, now, backoff)
        if job.deleted:
            break
    if outcome.changed:
        job.clock = now
        tables.save_job(connection, job)
    return outcome


def _decide(connection: sqlite3.Connection, job: Job, pods: list[Pod], now: float) -> types.Decision:
    observed = [_observed(pod) for pod in pods if not pod.gone]
    services = tables.service_names(connection, job.id)
    return decide(job.manifest, observed, datetime.fromtimestamp(now, UTC), job.status, services=services)


def _moment(seconds: float | None) -> datetime | None:
    return None if seconds is None else datetime.fromtimestamp(seconds, UTC)


def _observed(pod: Pod) -> types.Pod:
    return types.Pod(
        name=pod.name,
        role=pod.role,
        index=pod.idx,
        phase=pod.phase,
        deleting=pod.deleting,
        exit_code=pod.exit_code if pod.stage == "ended" else None,
        restart_count=pod.restarts,
        restart_policy=pod.restart_policy,
        scheduled=pod.runs > 0,
        ready=pod.phase == "Running" and pod.stage == "launched" and not pod.deleting,
        created_at=_moment(pod.created),
        started_at=_moment(pod.started),
        finished_at=_moment(pod.finished),
        reason=pod.reason if pod.stage == "ended" else "",
        uid=pod.uid,
        generation=pod.generation,
    )


def _carry_out(
    connection: sqlite3.Connection, job: Job, pods: list[Pod], action: types.Action, now: float, backoff: Backoff
) -> None:
    match action:
        case types.CreatePod():
            pods.append(_create_pod(connection, job, action, now, backoff))
        case types.DeletePod(name):
            for pod in pods:
                if pod.name == name and not pod.gone:
                    delete_pod(connection, pod)
        case types.CreateService(name, manifest):
            tables.put_service(connection, job.id, name, manifest)
        case types.DeleteService(name):
            tables.remove_service(connection, job.id, name)
        case types.DeleteJob():
            delete_job(connection, job, pods)


def _create_pod(connection: sqlite3.Connection, job: Job, action: types.CreatePod, now: float, backoff: Backoff) -> Pod:
    previous = tables.last_pod(connection, job.id, action.name)
    pod = Pod(
        uid=uuid.uuid4().hex,
        job=job.id,
        name=action.name,
        role=action.role,
        idx=action.index,
        generation=0 if previous is None else previous.generation + 1,
        manifest=action.manifest,
        created=now,
        due=now if previous is None else now + backoff.before_recreation(previous),
    )
    tables.insert_pod(connection, pod)
    tables.forget_pods(connection, pod, KEPT_RUNS)
    return pod


def delete_pod(connection: sqlite3.Connection, pod: Pod) -> None:
    """Ask a pod to go. One of which nothing runs is gone at once."""
    pod.deleting = True
    if pod.stage != "launched":
        vanish(pod)
    tables.save_pod(connection, pod)


def delete_job(connection: sqlite3.Connection, job: Job, pods: list[Pod]) -> None:
    """Take the job out of sight and ask all its pods to go."""
    tables.mark_deleted(connection, job)
    delete_pods(connection, pods)


def delete_pods(connection: sqlite3.Connection, pods: list[Pod]) -> None:
    """Ask all pods to go that were not asked yet."""
    for pod in pods:
        if not pod.deleting:
            delete_pod(connection, pod)


def suspend(job: Job) -> None:
    """Set the job's ``suspend`` as a patch of the object would."""
    run_policy(job.manifest)["suspend"] = True
    job.resume = False


def annotate(job: Job, name: str, value: str) -> None:
    """Set one annotation of the job."""
    metadata: dict[str, Any] = job.manifest["metadata"]
    metadata["annotations"] = {**(metadata.get("annotations") or {}), name: value}

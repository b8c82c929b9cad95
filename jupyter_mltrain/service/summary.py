"""A job in short, for lists and headers: state, progress, newest metrics, the reason in words, what can be done."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from math import isfinite
from typing import Any, Final, Literal

from ..backends.base import Backend
from ..errors import NotFound
from ..model import labels
from ..model.job import JobStatus, Manifest, Phase, ReplicaState, notebook_of
from ..runner.records import Rebuilder
from .following import run_error, run_progress
from .request import RunProgress

Action = Literal["cancel", "suspend", "resume", "resubmit", "delete"]

_REPLICA_SPECS: Final = {"TFJob": "tfReplicaSpecs", "PyTorchJob": "pytorchReplicaSpecs"}

# The newest few records tell progress and metrics; where one cell wrote more than these, a log's guaranteed end does.
_TAILS: Final = (100, 600)  # lines
_OUT_OF_MEMORY: Final = "OOMKilled"  # as a kubelet says it
_STOPPED: Final = (137, 143)  # exit codes by SIGKILL and SIGTERM
_KEPT: Final = 20_000  # jobs


@dataclass(frozen=True, slots=True)
class RoleCount:
    """How many replicas of a role there are to be, and where they are."""

    total: int
    active: int = 0
    succeeded: int = 0
    failed: int = 0


@dataclass(frozen=True, slots=True)
class RunState:
    """What the leader's log tells of its run, and why another replica failed.

    Attributes
    ----------
    metrics:
        The newest value of each metric; None: not finite.
    error:
        What ended the notebook: ``cell 2: ZeroDivisionError: division by zero``.
    blame:
        What ended the notebook of the replica that failed first, where that is not the leader.
    """

    progress: RunProgress | None = None
    metrics: Mapping[str, float | None] = field(default_factory=dict)
    error: str = ""
    blame: str = ""


UNKNOWN: Final = RunState()

_Key = tuple[str, str, str]  # id, when it ended, because of whom


@dataclass(frozen=True, slots=True)
class Summary:
    """A row of the list of jobs. Times are RFC 3339 in UTC, empty where nothing has happened yet."""

    id: str
    name: str
    namespace: str
    kind: str
    backend: str
    phase: Phase
    finished: bool
    why: str
    out_of_memory: bool
    notebook: str
    created_at: str
    started_at: str
    finished_at: str
    queue_position: int | None
    roles: Mapping[str, RoleCount]
    progress: RunProgress | None
    metrics: Mapping[str, float | None]
    actions: tuple[Action, ...]


def summarize(job: JobStatus, run: RunState = UNKNOWN, *, suspend: bool = True) -> Summary:
    """Return a job in short; ``suspend`` says whether its backend can suspend jobs."""
    return Summary(
        id=job.ref.id,
        name=job.ref.name,
        namespace=job.ref.namespace,
        kind=job.ref.kind,
        backend=job.ref.backend,
        phase=job.phase,
        finished=job.finished,
        why=why(job, run),
        out_of_memory=is_out_of_memory(job),
        notebook=notebook_of(job.manifest),
        created_at=job.created_at,
        started_at=job.status.get("startTime") or "",
        finished_at=finished_at(job),
        queue_position=job.queue_position,
        roles=role_counts(job),
        progress=run.progress,
        metrics=run.metrics,
        actions=actions(job, suspend=suspend),
    )


def actions(job: JobStatus, *, suspend: bool = True) -> tuple[Action, ...]:
    """Return what can be done with a job now."""
    over, suspended = job.phase.finished, _is_suspended(job.manifest)
    possible: dict[Action, bool] = {
        "cancel": not over,
        "suspend": suspend and not over and not suspended,
        "resume": not over and suspended,
        "resubmit": True,
        "delete": True,
    }
    return tuple(action for action, is_possible in possible.items() if is_possible)


def _is_suspended(manifest: Manifest) -> bool:
    """Say whether a job was asked to stop, be it that its replicas have not heard of it yet."""
    spec = manifest.get("spec") or {}
    holder = spec if manifest.get("kind") == "Job" else spec.get("runPolicy") or {}
    return bool(holder.get("suspend"))


def finished_at(job: JobStatus) -> str:
    """Return when a job ended, ``""`` while it has not. A failed batch/v1 Job tells it by its condition only."""
    if not job.finished:
        return ""
    if job.phase is Phase.CANCELLED:
        return str(_annotations(job.manifest).get(labels.ANNOTATION_CANCELLED, ""))
    if job.status.get("completionTime"):
        return str(job.status["completionTime"])
    deciding = ("Failed", "Succeeded", "Complete")
    return next((c.last_transition_time for c in job.conditions if c.type in deciding and c.status == "True"), "")


def role_counts(job: JobStatus) -> dict[str, RoleCount]:
    """Return by role how many replicas the manifest asks for, and the operator's counts."""
    spec = job.manifest.get("spec") or {}
    if job.ref.kind not in _REPLICA_SPECS:
        return {"Worker": _role_count(_wanted_pods(spec), job.status)}
    counts = job.replica_statuses
    return {
        role: _role_count(_number((entry or {}).get("replicas"), 1), counts.get(role) or {})
        for role, entry in (spec.get(_REPLICA_SPECS[job.ref.kind]) or {}).items()
    }


def _role_count(total: int, counts: Mapping[str, Any]) -> RoleCount:
    return RoleCount(total, *(_number(counts.get(word), 0) for word in ("active", "succeeded", "failed")))


def _wanted_pods(spec: Mapping[str, Any]) -> int:
    """Return how many pods of a batch/v1 Job are to succeed; without ``completions`` it is a queue of workers."""
    return _number(spec.get("completions"), _number(spec.get("parallelism"), 1))


def _number(value: object, default: int) -> int:
    return value if isinstance(value, int) else default


def _annotations(manifest: Manifest) -> Mapping[str, str]:
    return manifest.get("metadata", {}).get("annotations") or {}


# Why


def why(job: JobStatus, run: RunState = UNKNOWN) -> str:
    """Say in words why a job waits or failed: ``Worker 0 failed: exit 137, out of memory at 2.0 GiB``."""
    match job.phase:
        case Phase.FAILED:
            return _why_failed(job, run)
        case Phase.RESTARTING:
            return _why_restarting(job)
        case Phase.CREATED:
            return job.message or _why_pending(job)
        case Phase.SUSPENDED:
            return job.message or "Suspended. Resume it to go on."
        case Phase.CANCELLED if not job.finished:
            return "It is being stopped."
        case _:
            return job.message


def is_out_of_memory(job: JobStatus) -> bool:
    """Say whether a job failed because a replica took more memory than it was given; a GPU's is not meant."""
    named = _culprit(job)
    return job.phase is Phase.FAILED and named is not None and named[1].reason == _OUT_OF_MEMORY


def _why_failed(job: JobStatus, run: RunState) -> str:
    said = _condition_message(job, "Failed")
    named = _culprit(job)
    if named is None or "deadline" in said:  # who was stopped by a limit did nothing wrong
        return said or job.message
    place, replica = named
    error = run.error if replica == job.leader else run.blame
    return f"{_title(replica, place)} failed: {error or _how_it_ended(replica)}"


def failure(job: JobStatus, run: RunState) -> str:
    """Return what ended a job's notebook: ``cell 2: ZeroDivisionError: division by zero``, or ``""``.

    Where it is another replica than the leader that failed, it is named: ``Worker 3 failed: cell 2: ...``.
    """
    return why(job, run) if run.blame else run.error


def _why_restarting(job: JobStatus) -> str:
    said = _condition_message(job, "Restarting")
    named = _culprit(job)
    if named is None:
        return said
    place, replica = named
    return f"{_title(replica, place)} is started again after {_how_it_ended(replica)}"


def _why_pending(job: JobStatus) -> str:
    for place, replica in enumerate(job.replicas):
        reason = replica.message or replica.reason
        if replica.phase == "Pending" and reason:
            return f"{_title(replica, place)} waits: {reason}"
    return ""


def blamed(job: JobStatus) -> ReplicaState | None:
    """Return the replica because of which a job failed, None where there is none, or where that is the leader."""
    named = _culprit(job) if job.phase is Phase.FAILED else None
    return None if named is None or named[1] == job.leader else named[1]


def _condition_message(job: JobStatus, kind: str) -> str:
    return next((c.message for c in job.conditions if c.type == kind and c.status == "True"), "")


def _culprit(job: JobStatus) -> tuple[int, ReplicaState] | None:
    """Return place and state of the replica that failed first; the others often fail because it did."""
    failed = [(n, replica) for n, replica in enumerate(job.replicas) if replica.exit_code or replica.phase == "Failed"]

    def order(item: tuple[int, ReplicaState]) -> tuple[str, bool, bool]:
        replica = item[1]
        # Times are whole seconds: within one, who was stopped comes last, as a job's others are once it has failed.
        return replica.finished_at or "~", _was_stopped(replica), replica != job.leader

    return min(failed, key=order, default=None)


def _was_stopped(replica: ReplicaState) -> bool:
    return replica.exit_code in _STOPPED and replica.reason != _OUT_OF_MEMORY


def _title(replica: ReplicaState, place: int) -> str:
    """Return ``Worker 0``. The pods of a batch/v1 Job have no role, and an index only where it is an indexed one."""
    return f"{replica.role or 'Worker'} {replica.index if replica.index >= 0 else place}"


def _how_it_ended(replica: ReplicaState) -> str:
    code = "" if replica.exit_code is None else f"exit {replica.exit_code}"
    if replica.reason == _OUT_OF_MEMORY:
        said = f"out of memory at {replica.peak_memory / 2**30:.1f} GiB" if replica.peak_memory else "out of memory"
        return ", ".join(filter(None, (code, said)))
    said = replica.message or (replica.reason if replica.reason != "Error" else "")
    return ", ".join(filter(None, (code, said))) or "no reason is known"


# Progress and metrics


def run_state(rebuilder: Rebuilder) -> RunState:
    """Return what a log tells of the run, as far as it was read."""
    return RunState(run_progress(rebuilder), newest_metrics(rebuilder.metrics), run_error(rebuilder))


def newest_metrics(points: Iterable[Mapping[str, Any]]) -> dict[str, float | None]:
    """Return the newest value of each metric among a rebuilder's points, oldest first."""
    newest: dict[str, float | None] = {}
    for point in points:
        newest.update(finite(point["values"]))
    return newest


def finite(values: Mapping[str, float]) -> dict[str, float | None]:
    """Return metrics with None for what is not finite: JSON has no word for it."""
    return {name: value if isfinite(value) else None for name, value in values.items()}


class RunStates:
    """What the ends of logs tell of runs; of ended jobs it is kept.

    Parameters
    ----------
    backend:
        Where the jobs are.
    """

    def __init__(self, backend: Backend) -> None:
        self._backend = backend
        self._kept: OrderedDict[_Key, RunState] = OrderedDict()

    async def of(self, job: JobStatus) -> RunState:
        """Return what a job's logs tell now. Never reads more than a log's end; without a log nothing is known."""
        key = _key(job)
        if job.finished and key in self._kept:
            self._kept.move_to_end(key)
            return self._kept[key]
        state = await self._read(job)
        if job.finished:
            self._keep(key, state)
        return state

    async def of_all(self, jobs: Sequence[JobStatus]) -> list[RunState]:
        """Return what is known of each of several jobs."""
        return list(await asyncio.gather(*(self.of(job) for job in jobs)))

    def _keep(self, key: _Key, state: RunState) -> None:
        self._kept[key] = state
        if len(self._kept) > _KEPT:
            self._kept.popitem(last=False)

    async def _read(self, job: JobStatus) -> RunState:
        if not notebook_job(job):
            return UNKNOWN
        state, culprit = await self._read_replica(job, job.leader), blamed(job)
        return state if culprit is None else replace(state, blame=(await self._read_replica(job, culprit)).error)

    async def _read_replica(self, job: JobStatus, replica: ReplicaState | None) -> RunState:
        state = UNKNOWN
        if replica is None or replica.phase == "Pending":
            return state
        for tail in _TAILS:
            state, lines = await self._read_end(job, replica.name, tail)
            if state.progress is not None or lines < tail:
                break
        return state

    async def _read_end(self, job: JobStatus, replica: str, tail: int) -> tuple[RunState, int]:
        rebuilder, lines = Rebuilder(), 0
        try:
            async for chunk in self._backend.logs(job.ref, replica, tail=tail):
                lines += chunk.text.count("\n")
                await asyncio.to_thread(rebuilder.feed, chunk.text)
        except NotFound:  # deleted meanwhile, or the pod was cleaned up with its log
            return UNKNOWN, 0
        return run_state(rebuilder), lines


def _key(job: JobStatus) -> _Key:
    culprit = blamed(job)
    return job.ref.id, finished_at(job), "" if culprit is None else culprit.name


def notebook_job(job: JobStatus) -> bool:
    """Say whether a job runs a frozen notebook: only such a job's log tells progress and metrics."""
    return labels.ANNOTATION_PROGRAM in _annotations(job.manifest)

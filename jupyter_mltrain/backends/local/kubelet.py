"""The rules of a node for one pod: order of its containers, restarts in place, back-off, how it ends.

Pure: rows and observations in, changed rows out. Source: Kubernetes' pod lifecycle
(https://kubernetes.io/docs/concepts/workloads/pods/pod-lifecycle/#restart-policy).
"""

from __future__ import annotations

from dataclasses import dataclass

from .records import Pod
from .replica import ExitRecord, ReplicaRun, RunState


@dataclass(frozen=True, slots=True)
class Backoff:
    """Seconds to wait before a container or a pod is started again.

    Attributes
    ----------
    restart:
        Before the second restart in place; the first is at once, each further one doubles it.
    recreation:
        Before the second pod in place of a failed one, doubled likewise. A cluster takes about this long to schedule
        a pod, which keeps a replica that fails at once under ExitCode from spinning; here a process starts in no time.
    longest:
        No wait is longer.
    reset:
        A container that ran for so long starts afresh.
    """

    restart: float = 10.0
    recreation: float = 1.0
    longest: float = 300.0
    reset: float = 600.0

    def before_restart(self, failures: int) -> float:
        """Return the wait before a restart in place, after so many of them in quick succession."""
        return self._doubled(self.restart, failures)

    def before_recreation(self, previous: Pod) -> float:
        """Return the wait before the pod that takes the place of a previous one is launched."""
        if previous.phase != "Failed" or _seconds_run(previous) >= self.reset:
            return 0.0
        return self._doubled(self.recreation, previous.generation)

    def _doubled(self, first: float, count: int) -> float:
        return 0.0 if count == 0 else min(first * 2.0 ** min(count - 1, 32), self.longest)


def _seconds_run(pod: Pod) -> float:
    return 0.0 if pod.started is None or pod.finished is None else pod.finished - pod.started


def begin(pod: Pod) -> None:
    """Note the intent to launch the pod's next container."""
    pod.stage = "launched"
    pod.runs += 1
    pod.exit_code = None
    if pod.failures:
        pod.restarts += 1


def observe(pod: Pod, run: ReplicaRun, now: float, backoff: Backoff) -> bool:
    """Take in what the run of a launched container does; return whether the pod has changed.

    A main container that has started is Running for at least one look, however soon it ends.
    """
    if run.state in (RunState.ABSENT, RunState.LAUNCHING):
        return run.state is RunState.ABSENT and _vanish_if_deleting(pod)
    if pod.phase == "Pending" and pod.step == len(pod.init_containers) and run.started_at is not None:
        pod.phase, pod.started = "Running", run.started_at
        return True
    if run.state is RunState.RUNNING:
        return False
    _take_exit(pod, run.exit or lost(run, now), backoff)
    _settle(pod, now, backoff)
    return True


def events(pod: Pod) -> list[tuple[str, str, str]]:
    """Return type, reason and message of what the kubelet would tell of a pod that :func:`observe` has just changed."""
    if pod.phase == "Running" and pod.stage == "launched":
        return [("Normal", "Started", "Started container")]
    found = []
    if pod.reason == "OOMKilled":
        found.append(("Warning", "OOMKilled", f"Out of memory: {pod.message}"))
    if pod.reason == "StartError":
        found.append(("Warning", "Failed", f"Error: {pod.message}"))
    if pod.stage == "waiting" and pod.failures > 1:
        found.append(("Warning", "BackOff", "Back-off restarting failed container"))
    return found


def _vanish_if_deleting(pod: Pod) -> bool:
    if pod.deleting:
        vanish(pod)
    return pod.deleting


def vanish(pod: Pod) -> None:
    """Let a pod go of which nothing runs."""
    if pod.phase not in ("Succeeded", "Failed"):
        pod.phase, pod.reason = "Failed", "Deleted"
    pod.stage, pod.gone = "ended", True


def lost(run: ReplicaRun, now: float, last_words: str = "") -> ExitRecord:
    """Return what the kubelet reports of a container that it can no longer find."""
    return ExitRecord(
        exit_code=137,
        signal=9,
        reason="ContainerStatusUnknown",
        message=last_words or "killed together with the process that watched it, or the machine went down",
        peak_memory=None,
        cpu_seconds=0.0,
        started_at=run.started_at or now,
        finished_at=now,
    )


def _take_exit(pod: Pod, record: ExitRecord, backoff: Backoff) -> None:
    pod.exit_code, pod.reason, pod.message = record.exit_code, record.reason, record.message
    pod.finished = record.finished_at
    if record.peak_memory is not None:
        pod.peak_memory = max(record.peak_memory, pod.peak_memory or 0)
    if record.finished_at - record.started_at >= backoff.reset:
        pod.failures = 0


def _settle(pod: Pod, now: float, backoff: Backoff) -> None:
    failed = pod.exit_code != 0
    initialising = pod.step < len(pod.init_containers)
    again = pod.restart_policy == "Always" or (pod.restart_policy == "OnFailure" and failed)
    if pod.deleting:
        pod.phase, pod.stage, pod.gone = "Failed" if failed else "Succeeded", "ended", True
    elif initialising and not failed:
        pod.step, pod.failures, pod.stage, pod.due = pod.step + 1, 0, "waiting", now
    elif again:
        pod.stage, pod.due = "waiting", now + backoff.before_restart(pod.failures)
        pod.failures += 1
    else:
        pod.phase, pod.stage = "Failed" if failed else "Succeeded", "ended"

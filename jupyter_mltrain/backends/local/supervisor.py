"""The process that looks after one running job: ``python -m jupyter_mltrain.backends.local.supervisor HOME JOB LOCK``.

It plays the operator (what should be: :mod:`.controller`) and the node (what is: :mod:`.kubelet`, :mod:`.replica`).
Each cycle looks at the replicas, decides and records everything in one transaction, and only then starts and stops
processes. Starting is idempotent by run folder, stopping by nature, so a supervisor that died anywhere is replaced by
one that just does the next cycle. Between cycles it sleeps until its bell rings, a replica ends or a time has come.

When nothing of the job is left to run, the process goes on with the next job that has got its turn, or ends.
"""

from __future__ import annotations

import contextlib
import os
import selectors
import sqlite3
import sys
import time
from dataclasses import replace
from pathlib import Path

from ...errors import BackendUnavailable, Conflict, MltrainError, StorageError
from . import kubelet, leases, replica, tables
from .abandon import abandon, in_words, log_of, write_down
from .bell import Bell
from .clock import Clock
from .controller import Outcome, delete_pods, reconcile
from .ending import discard_old_runs, finish, purge, remove_folder
from .liveness import start_supervisor
from .records import Job, Pod
from .replica import ExitRecord, ReplicaRun, RunState
from .runspec import allocate_ports, pod_folder, run_folder, run_spec
from .shim import LONGEST_SLEEP, ring_all
from .store import Store, setting
from .upkeep import keep_budget, tend

_RETRY_SECONDS = (0.2, 1.0, 5.0, 15.0, 30.0)
"""Waits before trying again when the disk refuses, e.g. because it is full."""

_TRIES = 3
"""How often in a row an error that nobody foresaw is taken for one that passes."""

_DONE = -1.0


class Supervisor:
    """Looks after one job until nothing of it is left to run. Its maker holds the job's lock meanwhile."""

    def __init__(self, store: Store, job: str) -> None:
        self.store = store
        self.job = job
        self.folder = store.job_folder(job)
        self.clock = Clock(self._latest_moment())
        self._selector = selectors.DefaultSelector()
        self._watched: dict[str, int] = {}  # run uid -> descriptor that tells when its shim has ended
        self._stopped: set[str] = set()  # run uids that were asked to end
        self._refused: dict[str, ReplicaRun] = {}  # run uid -> why it cannot be started
        self._failures = 0
        self._surprises = 0

    def _latest_moment(self) -> float:
        """Return when the job last changed, by the clock of that time."""
        with self.store.read() as connection:
            job = tables.find_job(connection, self.job)
        return job.clock if job else 0.0

    def run(self) -> None:
        """Do what is to be done until there is nothing more."""
        (self.folder / "outputs").mkdir(parents=True, exist_ok=True)
        with Bell(self.folder / "bell") as bell, self._selector as selector:
            selector.register(bell, selectors.EVENT_READ)
            try:
                while (seconds := self._try_cycle()) != _DONE:
                    for key, _ in selector.select(seconds):
                        if key.fileobj is not bell:
                            self._unwatch(key.data)
                    bell.drain()
            finally:
                for uid in list(self._watched):
                    self._unwatch(uid)

    def _try_cycle(self) -> float | None:
        try:
            seconds = self._cycle()
        except Exception as error:  # noqa: BLE001 - whatever it is, somebody goes on looking after the job, or ends it
            self._surprises += not isinstance(error, (StorageError, BackendUnavailable))
            if self._surprises > _TRIES:
                write_down(self.store.home)
                abandon(self.store, self.job, error)
                return _DONE
            self._tell_why_it_waits(error)
            seconds = _RETRY_SECONDS[min(self._failures, len(_RETRY_SECONDS) - 1)]
            self._failures += 1
        else:
            self._failures = self._surprises = 0
        return seconds

    def _tell_why_it_waits(self, error: Exception) -> None:
        with contextlib.suppress(StorageError), self.store.write() as connection:
            job = tables.find_job(connection, self.job)
            if job is not None:
                now = max(self.clock(), job.clock)
                tables.record_event(connection, job.id, now, "Warning", "Retrying", in_words(error), job.name)
                tables.save_job(connection, job)  # so that who watches it reads the event

    def _cycle(self) -> float | None:
        """Look, decide, record, act. Return how long to sleep unless something happens, ``None`` for ever, or done."""
        runs = self._look()
        with self.store.write() as connection:
            job = tables.find_job(connection, self.job)
            if job is None:
                remove_folder(self.folder)  # purged a moment ago; starting to look after it has made it again
                return _DONE
            pods = tables.pods_of(connection, self.job)
            now = self.clock()
            changed, outcome = self._decide(connection, job, pods, runs, now)
            seconds = _rest(job, pods, bool(changed) or outcome.changed, outcome, now)
            if seconds == _DONE and not job.deleted:
                finish(connection, self.store.home, job, now, outcome.requeue_after)
        if changed or outcome.changed:
            for pod in pods:
                ring_all(str(pod_folder(self.folder, pod.name) / "followers"))
        if seconds == _DONE and job.deleted:
            purge(self.store, job)
        return 0.0 if self._act(job, pods, runs) else seconds

    # Look

    def _look(self) -> dict[str, ReplicaRun]:
        """Return what each launched run does, by run uid."""
        with self.store.read() as connection:
            pods = [pod for pod in tables.pods_of(connection, self.job) if pod.stage == "launched"]
        return {pod.run_uid: self._refused.get(pod.run_uid) or self._inspect(pod) for pod in pods}

    def _inspect(self, pod: Pod) -> ReplicaRun:
        folder = run_folder(self.folder, pod)
        run = replica.inspect(folder)
        if run.state is not RunState.LOST:
            return run
        replica.reap_lost(pod.run_uid, run)
        return replace(run, exit=kubelet.lost(run, self.clock(), _last_words(folder)))

    # Decide and record

    def _decide(
        self, connection: sqlite3.Connection, job: Job, pods: list[Pod], runs: dict[str, ReplicaRun], now: float
    ) -> tuple[list[Pod], Outcome]:
        """Record what was seen and what follows from it; return the pods that have changed, and what the rules said."""
        backoff = kubelet.Backoff(**setting(connection, "backoff", {}))
        changed = [p for p in pods if p.run_uid in runs and kubelet.observe(p, runs[p.run_uid], now, backoff)]
        for pod in changed:
            for event in kubelet.events(pod):
                tables.record_event(connection, job.id, now, *event, about=pod.name)
        changed += _begin_due(connection, pods, now)
        if job.deleted:
            delete_pods(connection, pods)
            outcome = Outcome()
        else:
            outcome = reconcile(connection, job, pods, now, backoff)
        changed += _begin_due(connection, pods, now)
        if allocate_ports(self.store.home, job, pods) or changed:
            job.clock = now
            for pod in changed:
                tables.save_pod(connection, pod)
            tables.save_job(connection, job)
        return changed, outcome

    # Act

    def _act(self, job: Job, pods: list[Pod], runs: dict[str, ReplicaRun]) -> bool:
        """Start, stop and watch processes as the rows say; return whether there is something to look at right away."""
        again = False
        for pod in pods:
            if pod.stage != "launched" or pod.gone:
                continue
            run = runs.get(pod.run_uid)
            if pod.deleting:
                self._stop(pod)
            elif run is None or run.state is RunState.ABSENT:
                again |= not self._launch(job, pod)
            again |= not self._watch(pod)
        return again

    def _launch(self, job: Job, pod: Pod) -> bool:
        """Start a run; return whether that was possible."""
        try:
            discard_old_runs(self.folder, pod)
            replica.launch(run_folder(self.folder, pod), run_spec(self.store.home, job, pod))
        except Conflict:
            pass  # a supervisor before this one got as far as that
        except StorageError:
            raise
        except MltrainError as error:
            self._refused[pod.run_uid] = _never_started(error)
            return False
        return True

    def _stop(self, pod: Pod) -> None:
        if pod.run_uid not in self._stopped:
            replica.stop(run_folder(self.folder, pod))
            self._stopped.add(pod.run_uid)

    def _watch(self, pod: Pod) -> bool:
        """Be woken when the run's shim ends, however it ends; return whether it still lives."""
        if pod.run_uid in self._watched or pod.run_uid in self._refused:
            return True
        descriptor = replica.end_fd(run_folder(self.folder, pod))
        if descriptor is None:
            return False
        self._watched[pod.run_uid] = descriptor
        self._selector.register(descriptor, selectors.EVENT_READ, pod.run_uid)
        return True

    def _unwatch(self, run_uid: str) -> None:
        descriptor = self._watched.pop(run_uid)
        self._selector.unregister(descriptor)
        os.close(descriptor)


def _begin_due(connection: sqlite3.Connection, pods: list[Pod], now: float) -> list[Pod]:
    """Note the intent to launch whatever waits, is due and has its accelerators."""
    begun = []
    for pod in pods:
        due = pod.stage == "waiting" and not pod.deleting and not pod.gone and pod.due <= now
        if due and leases.take_share(connection, pod, pods):
            kubelet.begin(pod)
            begun.append(pod)
    return begun


def _rest(job: Job, pods: list[Pod], changed: bool, outcome: Outcome, now: float) -> float | None:
    """Return how long to sleep, ``None`` until something happens, or that the job is done with."""
    at_rest = job.deleted or job.finished or job.suspended or outcome.requeue_after is None
    if at_rest and not any(pod.alive for pod in pods):
        return _DONE
    if changed:
        return 0.0
    times = [pod.due - now for pod in pods if pod.stage == "waiting" and not pod.gone and pod.due > now]
    if outcome.requeue_after is not None:
        times.append(outcome.requeue_after)
    return max(0.0, min(*times, LONGEST_SLEEP)) if times else None


def _last_words(run: Path) -> str:
    """Return what a shim said that could not do its work, on a full disk for example."""
    try:
        lines = (run / "shim.err").read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return ""
    return f"the process that watches it failed: {lines[-1]}" if lines else ""


def _never_started(error: MltrainError) -> ReplicaRun:
    """Return the end of a run for which there is nothing to start: Kubernetes' code for it, and why."""
    now = time.time()
    record = ExitRecord(128, None, "StartError", error.message, None, 0.0, now, now)
    return ReplicaRun(RunState.EXITED, exit=record)


def main(arguments: list[str]) -> None:
    """Look after a job, then after the next ones that get their turn."""
    home, job, lock = Path(arguments[0]), arguments[1], int(arguments[2])
    os.set_inheritable(lock, False)
    os.chdir(home)
    try:
        _look_after(Store(home), job, lock)
    except BaseException:
        write_down(home)
        raise


def _look_after(store: Store, job: str, lock: int) -> None:
    pending = [(job, lock)]
    while pending:
        (job, lock), *others = pending
        for other in others:
            start_supervisor(store.home, *other)
        try:
            Supervisor(store, job).run()
        except Exception as error:
            _tell(store, job, error)
            raise
        os.close(lock)
        keep_budget(store)
        pending = tend(store)


def _tell(store: Store, job: str, error: Exception) -> None:
    """Leave word of what should not happen where the user looks: the job goes on with the next supervisor."""
    message = f"The supervisor could not do its work: {in_words(error)} (see {log_of(store.home)})"
    with store.write() as connection:
        found = tables.find_job(connection, job)
        if found is not None:
            tables.record_event(connection, job, time.time(), "Warning", "SupervisorFailed", message, found.name)


if __name__ == "__main__":
    main(sys.argv[1:])

"""Errors that nobody foresaw: the job ends and says so, its replicas are stopped, and its slot is free for the next."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

import pytest

from jupyter_mltrain.backends.local import supervisor, tables, upkeep
from jupyter_mltrain.backends.local.liveness import take_lock
from jupyter_mltrain.model.job import JobRef, Phase

KINDS = ("TFJob", "PyTorchJob", "Job")


@pytest.fixture
def alone(monkeypatch) -> Callable[[], None]:
    """Let no process start a supervisor from now on."""

    def leave_alone() -> None:
        monkeypatch.setattr(upkeep, "start_supervisor", lambda home, job, lock: os.close(lock))

    return leave_alone


@pytest.fixture
def look_after(alone, monkeypatch) -> Callable[[Any, JobRef], None]:
    """Look after a job in this process, in place of its supervisor, and after all that get their turn then."""

    def run(machine: Any, job: JobRef) -> None:
        alone()
        machine.kill_supervisors()
        monkeypatch.setattr(supervisor, "_RETRY_SECONDS", (0.0,))
        monkeypatch.chdir(machine.home)
        lock = take_lock(machine.backend.store.job_folder(job.id))
        assert lock is not None
        supervisor.main([str(machine.home), job.id, str(lock)])

    return run


@pytest.fixture
def fail(monkeypatch) -> Callable[..., None]:
    """Let a function fail for one job, so many times."""

    def patch(owner: Any, name: str, job: JobRef, times: int = 1_000) -> None:
        function, left = getattr(owner, name), [times]

        def failing(*arguments: Any) -> Any:
            if left[0] and any(job.id in (getattr(a, "id", ""), getattr(a, "job", "")) for a in arguments):
                left[0] -= 1
                raise OverflowError("date value out of range")
            return function(*arguments)

        monkeypatch.setattr(owner, name, failing)

    return patch


@pytest.mark.parametrize("kind", KINDS)
def test_a_job_that_cannot_be_reconciled_fails_and_frees_its_slot(make_machine, alone, look_after, fail, kind) -> None:
    machine = make_machine(slots=1)
    alone()
    ref = machine.submit(machine.waiting("odd", kind=kind))
    after = machine.run("after", "true")
    fail(supervisor, "reconcile", ref)
    look_after(machine, ref)
    job = machine.status(ref)
    assert (job.phase, job.finished, job.replicas) == (Phase.FAILED, True, ())
    assert "an error that nobody foresaw" in job.message
    assert "OverflowError: date value out of range" in job.message
    assert "supervisors.log" in job.message
    assert "OverflowError" in (machine.home / "supervisors.log").read_text()
    assert "SupervisorFailed" in {reason for reason, _ in machine.events(ref)}
    assert machine.status(after).phase is Phase.SUCCEEDED


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    ("owner", "name"), [(supervisor, "reconcile"), (supervisor, "_rest"), (supervisor.Supervisor, "_look")]
)
def test_replicas_that_run_are_stopped(machine, look_after, monkeypatch, kind: str, owner: Any, name: str) -> None:
    ref = machine.submit(machine.waiting("busy", kind=kind))
    machine.running(ref)

    def fail(*_: object) -> None:
        raise OverflowError("date value out of range")

    monkeypatch.setattr(owner, name, fail)
    look_after(machine, ref)
    assert machine.processes() == []
    job = machine.status(ref)
    assert (job.phase, [replica.phase for replica in job.replicas]) == (Phase.FAILED, ["Failed"])
    assert not any(c.type == "Running" and c.status == "True" for c in job.conditions)
    assert machine.call(machine.backend.devices).slots_free == 4
    machine.call(machine.backend.delete, ref)
    assert not machine.backend.store.job_folder(ref.id).exists()


def test_a_replica_that_is_stopped_has_its_grace(machine, look_after, fail) -> None:
    ref = machine.run("polite", "trap 'echo saved; exit 0' TERM; echo ready; while :; do sleep 0.05; done")
    machine.running(ref)
    machine.said(ref, "polite-worker-0", "ready")
    fail(supervisor, "reconcile", ref)
    look_after(machine, ref)
    assert machine.log(ref, "polite-worker-0").endswith("saved\n")


def test_a_job_that_was_deleted_goes_all_the_same(machine, look_after, fail) -> None:
    ref = machine.submit(machine.waiting("unloved"))
    machine.running(ref)
    machine.kill_supervisors()
    with machine.backend.store.write() as connection:
        job = tables.find_job(connection, ref.id)
        tables.mark_deleted(connection, job)
    fail(supervisor, "delete_pods", ref)
    fail(supervisor, "allocate_ports", ref)
    look_after(machine, ref)
    assert machine.processes() == []
    assert not machine.backend.store.job_folder(ref.id).exists()


def test_an_error_that_passes_does_no_harm(machine, alone, look_after, fail) -> None:
    alone()
    ref = machine.submit(machine.waiting("lucky"))
    machine.cue("lucky-worker-0", 0)
    fail(supervisor, "reconcile", ref, times=2)
    look_after(machine, ref)
    assert machine.status(ref).phase is Phase.SUCCEEDED
    assert "Retrying" in {reason for reason, _ in machine.events(ref)}

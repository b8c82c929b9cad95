"""A job from submit to its end, and what is done to it on the way."""

from __future__ import annotations

import asyncio
import json
import sys
from pathlib import Path

import pytest

from jupyter_mltrain.backends.local import LocalBackend
from jupyter_mltrain.errors import Conflict, InvalidInput, NotFound
from jupyter_mltrain.model.job import Phase


def conditions(job):
    return [(c.type, c.status) for c in job.conditions]


def test_a_job_runs_to_its_end(machine) -> None:
    ref = machine.run("hello", "echo hello")
    job = machine.ended(ref)
    assert conditions(job) == [("Created", "True"), ("Running", "False"), ("Succeeded", "True")]
    assert job.replica_statuses == {"Worker": {"succeeded": 1}}
    [replica] = job.replicas
    assert (replica.name, replica.role, replica.phase, replica.exit_code) == (
        "hello-worker-0",
        "Worker",
        "Succeeded",
        0,
    )
    assert job.phase is Phase.SUCCEEDED
    machine.at_rest()
    assert ("TFJobSucceeded", "TFJob default/hello successfully completed.") in machine.events(ref)


def test_a_failure_says_why(machine) -> None:
    job = machine.ended(machine.run("bad", "exit 3"))
    assert conditions(job) == [("Created", "True"), ("Running", "False"), ("Failed", "True")]
    assert job.message == (
        "TFJob default/bad has failed because 1 Worker replica(s) failed. bad-worker-0 ended with exit code 3 (Error)."
    )


def test_submit_is_idempotent_and_names_are_unique(machine, manifest) -> None:
    first = machine.submit(machine.waiting("one"), "id1")
    assert machine.submit(machine.waiting("one"), "id1") == first
    with pytest.raises(Conflict):
        machine.submit(machine.waiting("one"), "id2")
    machine.submit(manifest("one", "true", kind="Job"), "id3")
    assert len(machine.call(machine.backend.jobs)) == 2


def test_restart_in_place_as_the_kubelet_does(machine, tmp_path) -> None:
    counter = tmp_path / "count"
    ref = machine.run("again", f'echo x >> {counter}; test "$(wc -l < {counter})" -ge 2', restart="OnFailure")
    job = machine.ended(ref)
    [replica] = job.replicas
    assert (replica.restarts, replica.generation, replica.exit_code) == (1, 0, 0)
    assert conditions(job) == [("Created", "True"), ("Running", "False"), ("Succeeded", "True")]


def test_exit_code_policy_makes_a_new_pod(machine) -> None:
    ref = machine.submit(machine.waiting("retry", restart="ExitCode"))
    machine.running(ref)
    machine.cue("retry-worker-0", 130)
    job = machine.until(ref, lambda job: job.replicas[0].generation == 1 and job.replicas[0].phase == "Running")
    assert conditions(job) == [("Created", "True"), ("Running", "True")]
    machine.cue("retry-worker-0", 0)
    assert machine.ended(ref).phase is Phase.SUCCEEDED


def test_suspend_stops_and_resume_starts_again(machine) -> None:
    ref = machine.submit(machine.waiting("pause"))
    machine.running(ref)
    machine.call(machine.backend.suspend, ref)
    job = machine.until(ref, lambda job: job.phase is Phase.SUSPENDED)
    assert job.replica_statuses == {"Worker": {}}
    machine.at_rest()
    machine.call(machine.backend.suspend, ref)
    machine.call(machine.backend.resume, ref)
    machine.call(machine.backend.resume, ref)
    machine.running(ref)
    machine.cue("pause-worker-0", 0)
    assert machine.ended(ref).phase is Phase.SUCCEEDED


def test_created_suspended_takes_no_slot(make_machine) -> None:
    machine = make_machine(slots=1)
    ref = machine.submit(machine.waiting("later", policy={"suspend": True}))
    job = machine.status(ref)
    assert conditions(job) == [("Created", "True"), ("Suspended", "True")]
    assert "startTime" not in job.status
    assert machine.ended(machine.run("now", "true")).phase is Phase.SUCCEEDED
    machine.call(machine.backend.resume, ref)
    machine.running(ref)


def test_cancel_is_for_good(machine) -> None:
    ref = machine.submit(machine.waiting("stop"))
    machine.running(ref)
    machine.call(machine.backend.cancel, ref)
    job = machine.until(ref, lambda job: job.phase is Phase.CANCELLED and job.replicas[0].phase == "Failed")
    assert job.replicas[0].exit_code == 143
    machine.at_rest()
    with pytest.raises(Conflict):
        machine.call(machine.backend.resume, ref)
    machine.call(machine.backend.cancel, ref)


def test_cancel_a_waiting_job_and_a_finished_one(make_machine) -> None:
    machine = make_machine(slots=1)
    running = machine.submit(machine.waiting("first"))
    waiting = machine.submit(machine.waiting("second"))
    machine.call(machine.backend.cancel, waiting)
    assert machine.status(waiting).phase is Phase.CANCELLED
    machine.running(running)
    machine.cue("first-worker-0", 0)
    ended = machine.ended(running)
    machine.call(machine.backend.cancel, running)
    assert machine.status(running).to_dict()["status"] == ended.to_dict()["status"]
    assert machine.status(running).phase is Phase.SUCCEEDED


def test_delete_stops_and_forgets(machine) -> None:
    ref = machine.submit(machine.waiting("away"))
    machine.running(ref)
    folder = machine.home / "jobs" / ref.id
    assert folder.exists()
    machine.call(machine.backend.delete, ref)
    with pytest.raises(NotFound):
        machine.status(ref)
    machine.run("away", "true")  # the name is free at once
    machine.call(machine.backend.delete, ref)
    machine.at_rest()
    assert not folder.exists()


def test_the_queue_is_first_in_first_out(make_machine) -> None:
    machine = make_machine(slots=1)
    refs = [machine.submit(machine.waiting(f"q{n}")) for n in range(4)]
    machine.running(refs[0])
    assert [machine.status(ref).queue_position for ref in refs] == [None, 1, 2, 3]
    assert machine.status(refs[1]).phase is Phase.QUEUED
    assert machine.status(refs[1]).message == "Waits for a slot: 1 of 1 in use."
    assert len(machine.supervisors()) == 1
    for n in range(4):
        machine.cue(f"q{n}-worker-0", 0)
    ended = [machine.ended(ref) for ref in refs]
    times = [job.replicas[0].started_at for job in ended]
    assert times == sorted(times)
    machine.at_rest()


def test_a_watch_sees_those_that_wait_move_up(make_machine) -> None:
    machine = make_machine(slots=1)
    refs = [machine.submit(machine.waiting(f"m{n}")) for n in range(3)]
    machine.running(refs[0])

    async def positions() -> list[int]:
        seen: list[int] = []
        async for change in machine.backend.watch():
            if change.job is not None and change.job.ref == refs[2] and change.job.queue_position:
                seen.append(change.job.queue_position)
            if change.type == "synced":
                machine.cue("m0-worker-0", 0)
            if seen[-1:] == [1]:
                break
        return seen

    assert asyncio.run(asyncio.wait_for(positions(), 60)) == [2, 1]


def test_a_watch_can_be_taken_up_again(machine) -> None:
    first = machine.run("one", "true")
    machine.ended(first)

    async def after(cursor):
        changes = machine.backend.watch(after=cursor)
        found = []
        async for change in changes:
            found.append((change.type, (change.ref or change.job.ref).name if change.type != "synced" else ""))
            last = change.cursor
            if change.type == "synced":
                break
        await changes.aclose()
        return found, last

    seen, cursor = asyncio.run(after(None))
    assert seen == [("snapshot", "one"), ("synced", "")]
    machine.at_rest()
    machine.call(machine.backend.delete, first)
    machine.ended(machine.run("two", "true"))
    seen, _ = asyncio.run(after(cursor))
    assert seen == [("deleted", "one"), ("changed", "two"), ("synced", "")]
    assert asyncio.run(after("nonsense"))[0] == [("snapshot", "two"), ("synced", "")]


def test_environment_of_a_replica(machine, monkeypatch) -> None:
    monkeypatch.setenv("SECRET_TOKEN", "never")
    show = [sys.executable, "-c", "import json, os; print(json.dumps(dict(os.environ)))"]
    ref = machine.run(
        "env", show, container={"env": [{"name": "A", "value": "1"}, {"name": "B", "value": "$(A)$$(A)"}]}
    )
    machine.ended(ref)
    env = json.loads(machine.log(ref, "env-worker-0"))
    assert (env["A"], env["B"]) == ("1", "1$(A)")
    assert "SECRET_TOKEN" not in env
    assert env["MLTRAIN_INDEX"] == "0"
    assert env["MLTRAIN_OUTPUT_URI"] == f"file://{machine.home}/jobs/{ref.id}/outputs"
    assert env["PATH"].startswith(str(Path(sys.executable).parent) + ":")


@pytest.mark.parametrize("job_id", ["", "../up", "a/b", "-x", "x" * 64])
def test_an_id_is_a_safe_name_of_a_folder(machine, manifest, job_id: str) -> None:
    with pytest.raises(InvalidInput):
        machine.call(lambda: machine.backend.submit(manifest("x", "true"), job_id=job_id))
    assert machine.call(machine.backend.jobs) == []


@pytest.mark.parametrize("slots", ["0", "-1", "two", "1.5"])
def test_slots_are_a_whole_number(tmp_path, monkeypatch, slots: str) -> None:
    monkeypatch.setenv("MLTRAIN_SLOTS", slots)
    with pytest.raises(InvalidInput):
        LocalBackend(tmp_path)


def test_slots_are_remembered_and_can_be_raised_while_jobs_wait(make_machine) -> None:
    machine = make_machine(slots=1)
    refs = [machine.submit(machine.waiting(f"s{n}")) for n in range(2)]
    machine.running(refs[0])
    assert machine.status(refs[1]).queue_position == 1
    more = make_machine(slots=2)
    more.call(more.backend.recover)
    machine.running(refs[1])
    inventory = make_machine(slots=None).call(machine.backend.devices)
    assert (inventory.slots, inventory.slots_free) == (2, 0)
    assert inventory.cpus
    assert inventory.memory

"""What goes wrong with disks, clocks and badly behaved commands, and what is made of it."""

from __future__ import annotations

import asyncio
import errno
import json
import os
import signal
import sqlite3
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from jupyter_mltrain.backends.local import LocalBackend, schema
from jupyter_mltrain.backends.local.clock import Clock
from jupyter_mltrain.backends.local.store import Store, put_setting
from jupyter_mltrain.errors import BackendUnavailable, ManifestError, NotFound, StorageError
from jupyter_mltrain.model.job import Phase

PATIENCE = 60


# Disks


def test_a_read_only_folder_says_so(small_disk) -> None:
    subprocess.run(["mount", "-o", "remount,ro", small_disk], check=True)
    with pytest.raises(StorageError) as caught:
        LocalBackend(small_disk / "home")
    assert "Read-only" in caught.value.message
    assert "MLTRAIN_HOME" in caught.value.hint


def test_a_folder_that_has_become_read_only_says_so(small_disk, make_machine) -> None:
    machine = make_machine(home="disk/home")
    ref = machine.run("done", "true")
    machine.ended(ref)
    machine.at_rest()
    machine.call(machine.backend.close)
    subprocess.run(["mount", "-o", "remount,ro", small_disk], check=True)
    with pytest.raises(StorageError) as caught:
        LocalBackend(small_disk / "home").store.write().__enter__()
    assert caught.value.hint
    subprocess.run(["mount", "-o", "remount,rw", small_disk], check=True)
    assert make_machine(home="disk/home").status(ref).phase is Phase.SUCCEEDED


def test_a_damaged_database_says_so(tmp_path) -> None:
    (tmp_path / "jobs.sqlite3").write_bytes(b"no database at all, but long enough to be looked at" * 100)
    with pytest.raises(StorageError) as caught:
        LocalBackend(tmp_path)
    assert "not a database" in caught.value.message
    assert "start afresh" in caught.value.hint


def test_a_database_of_a_newer_version_is_left_alone(tmp_path) -> None:
    Store(tmp_path).close()
    connection = sqlite3.connect(tmp_path / "jobs.sqlite3")
    connection.execute(f"PRAGMA user_version = {len(schema.MIGRATIONS) + 1}")
    connection.close()
    with pytest.raises(StorageError) as caught:
        Store(tmp_path)
    assert "newer version" in caught.value.message


def test_a_file_in_the_way_of_the_folder_says_so(tmp_path) -> None:
    (tmp_path / "home").write_text("")
    with pytest.raises(StorageError):
        LocalBackend(tmp_path / "home")


# Clocks


def test_time_never_goes_back(monkeypatch) -> None:
    monkeypatch.setattr("time.time", lambda: 1_000.0)
    clock = Clock(floor=5_000.0)
    first = clock()
    assert first >= 5_000.0
    monkeypatch.setattr("time.time", lambda: 0.0)
    assert clock() >= first


def test_a_clock_set_back_between_supervisors_changes_nothing(machine) -> None:
    """The second supervisor begins where the first one's time ended, though the machine's clock is a day behind."""
    with machine.backend.store.write() as connection:
        put_setting(connection, "backoff", {"restart": 0.05})
    ref = machine.submit(machine.waiting("travel", restart="OnFailure"))
    before = machine.running(ref)
    [supervisor] = machine.supervisors()
    supervisor.kill()
    psutil.wait_procs([supervisor], timeout=PATIENCE)
    with machine.backend.store.write() as connection:  # as if the first one had lived a day ahead
        connection.execute("UPDATE jobs SET clock = clock + 86400")
    machine.call(machine.backend.recover)
    for _ in range(2):  # a timer goes by the same clock: the second restart waits
        machine.cue("travel-worker-0", 1)
    machine.until(ref, lambda job: job.replicas[0].restarts == 2)
    machine.cue("travel-worker-0", 0)
    after = machine.ended(ref)
    times = [c.last_transition_time for c in after.conditions]
    assert times == sorted(times)
    assert after.status["completionTime"] > before.status["startTime"]


@pytest.mark.parametrize("kind", ["TFJob", "PyTorchJob", "Job"])
@pytest.mark.parametrize("seconds", [26 * 86400, 10**12, 2**63 - 1])
def test_a_deadline_may_be_as_far_away_as_the_api_server_lets_it(machine, kind: str, seconds: int) -> None:
    job = machine.ended(machine.run("patient", "true", kind=kind, policy={"activeDeadlineSeconds": seconds}))
    assert job.phase is Phase.SUCCEEDED
    machine.at_rest()


def test_the_longest_time_to_live_keeps_the_job(machine) -> None:
    ref = machine.run("kept", "true", policy={"ttlSecondsAfterFinished": 2**31 - 1})
    machine.ended(ref)
    machine.at_rest()
    assert machine.status(ref).phase is Phase.SUCCEEDED


def test_a_grace_may_be_as_long_as_the_api_server_lets_it(machine) -> None:
    script = "trap 'sleep 0.2; exit 6' TERM; echo ready; while :; do sleep 0.05; done"
    ref = machine.run("slow", script, pod={"terminationGracePeriodSeconds": 2**63 - 1})
    machine.running(ref)
    machine.said(ref, "slow-worker-0", "ready")
    machine.call(machine.backend.cancel, ref)
    machine.at_rest()
    assert machine.status(ref).replicas[0].exit_code == 6


# Commands


def test_a_hundred_megabytes_of_output(machine) -> None:
    script = "import os\nfor n in range(1600): os.write(1, b'x' * 65535 + b'\\n')\nos.write(1, b'the end\\n')"
    job = machine.ended(ref := machine.run("loud", [sys.executable, "-c", script]))
    assert job.phase is Phase.SUCCEEDED
    assert machine.log(ref, "loud-worker-0").endswith("the end\n")
    logs = machine.home / "jobs" / ref.id / "replicas"
    assert sum(path.stat().st_size for path in logs.rglob("log.*")) < 60 * 2**20


@pytest.mark.parametrize(
    "script",
    [
        "sleep 1000 & sleep 1000 & exit 4",
        "setsid sleep 1000 & exit 4",
        "(setsid sh -c 'sleep 1000 & sleep 1000' &) ; exit 4",
    ],
)
def test_what_a_command_leaves_behind_is_ended(machine, script: str) -> None:
    job = machine.ended(machine.run("litter", script))
    assert job.replicas[0].exit_code == 4
    machine.at_rest()


def test_a_command_that_ignores_sigterm_is_killed_after_its_grace(machine) -> None:
    script = "trap '' TERM; echo ready; while :; do sleep 0.05; done"
    ref = machine.run("deaf", script, pod={"terminationGracePeriodSeconds": 1})
    machine.running(ref)
    machine.said(ref, "deaf-worker-0", "ready")
    machine.call(machine.backend.cancel, ref)
    machine.at_rest()
    job = machine.status(ref)
    assert (job.phase, job.replicas[0].exit_code) == (Phase.CANCELLED, 137)


@pytest.mark.parametrize(
    ("name", "script", "code", "reason"),
    [
        ("exit", "import os; os._exit(42)", 42, "Error"),
        ("segv", "import ctypes; ctypes.string_at(0)", 139, "Error"),
        ("kill", "import os, signal; os.kill(os.getpid(), signal.SIGKILL)", 137, "Error"),
        ("abort", "import os; os.abort()", 134, "Error"),
    ],
)
def test_exit_codes_are_those_of_a_container(machine, name: str, script: str, code: int, reason: str) -> None:
    job = machine.ended(machine.run(name, [sys.executable, "-c", script]))
    assert (job.replicas[0].exit_code, job.replicas[0].reason) == (code, reason)


def test_a_memory_limit_ends_a_replica_as_out_of_memory(machine) -> None:
    script = "x = bytearray(400 * 2**20); import time; time.sleep(60)"
    container = {"resources": {"limits": {"memory": "100Mi"}}}
    job = machine.ended(machine.run("greedy", [sys.executable, "-c", script], container=container))
    [replica] = job.replicas
    assert (replica.exit_code, replica.reason) == (137, "OOMKilled")
    assert "OOMKilled" in job.message


def test_a_command_that_cannot_be_started_says_why(machine) -> None:
    job = machine.ended(machine.run("typo", ["/no/such/program"]))
    [replica] = job.replicas
    assert (replica.exit_code, replica.reason, replica.started_at) == (128, "StartError", "")
    assert "/no/such/program" in job.message


def test_an_image_without_a_command_is_refused(machine, manifest) -> None:
    job = manifest("empty", "true")
    del job["spec"]["tfReplicaSpecs"]["Worker"]["template"]["spec"]["containers"][0]["command"]
    with pytest.raises(ManifestError) as caught:
        machine.submit(job)
    assert "entry point" in caught.value.message
    [finding] = machine.call(machine.backend.preflight, job)
    assert finding.severity == "error"


# Several at once

STORM = """
import asyncio, json, sys
from pathlib import Path
from jupyter_mltrain.backends.local import LocalBackend

async def main(home, who):
    backend = LocalBackend(Path(home))
    template = json.load(sys.stdin)
    async def one(number):
        manifest = json.loads(json.dumps(template))
        manifest["metadata"]["name"] = f"storm-{who}-{number}"
        await backend.submit(manifest, job_id=f"{who}-{number}")
        await backend.submit(manifest, job_id=f"{who}-{number}")
    await asyncio.gather(*(one(number) for number in range(15)))
    await backend.recover()

asyncio.run(main(*sys.argv[1:]))
"""


def test_three_processes_submit_at_once_and_every_job_runs_once(make_machine, manifest, tmp_path: Path) -> None:
    trace = tmp_path / "trace"
    machine = make_machine(slots=2)
    started, ended = f'echo "+ $MLTRAIN_JOB_UID$HOSTNAME" >> {trace}', f'echo "- $HOSTNAME" >> {trace}'
    template = json.dumps(manifest("x", f"{started}; sleep 0.02; {ended}"))
    storms = [
        subprocess.Popen(
            [sys.executable, "-c", STORM, str(machine.home), who], stdin=subprocess.PIPE, text=True, env=clean_env()
        )
        for who in ("a", "b", "c")
    ]
    for storm in storms:
        storm.communicate(template, timeout=PATIENCE)
        assert storm.returncode == 0
    jobs = machine.call(machine.backend.jobs)
    assert len(jobs) == 45
    for job in jobs:
        assert machine.ended(job.ref).phase is Phase.SUCCEEDED
    machine.at_rest()
    lines = [line.split() for line in trace.read_text().splitlines()]
    assert sorted(name for sign, name in lines if sign == "+") == sorted(f"{job.ref.name}-worker-0" for job in jobs)
    at_once = most = 0
    for sign, _ in lines:
        at_once += 1 if sign == "+" else -1
        most = max(most, at_once)
    assert most <= 2


def clean_env() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if not name.startswith("MLTRAIN_")}


def test_fresh_folder_opened_by_many_at_once(tmp_path: Path) -> None:
    code = (
        "import sys; from pathlib import Path; from jupyter_mltrain.backends.local.store import Store; "
        "Store(Path(sys.argv[1])).close()"
    )
    processes = [subprocess.Popen([sys.executable, "-c", code, str(tmp_path / "home")]) for _ in range(6)]
    assert [process.wait(PATIENCE) for process in processes] == [0] * 6


def test_one_look_at_a_job_replaces_a_supervisor_that_was_killed(machine) -> None:
    ref = machine.submit(machine.waiting("lonely"))
    machine.running(ref)
    machine.kill_supervisors()
    assert machine.status(ref).phase is Phase.RUNNING
    [supervisor] = machine.supervisors()
    machine.cue("lonely-worker-0", 3)
    psutil.wait_procs([supervisor], timeout=PATIENCE)
    assert machine.status(ref).phase is Phase.FAILED
    machine.at_rest()


def test_a_look_at_a_waiting_job_sees_to_the_one_that_holds_it_up(make_machine) -> None:
    machine = make_machine(slots=1)
    first = machine.submit(machine.waiting("first"))
    machine.running(first)
    second = machine.run("second", "true")
    machine.kill_supervisors()
    machine.cue("first-worker-0", 0)
    assert machine.status(second).queue_position == 1
    machine.at_rest()
    assert machine.status(second).phase is Phase.SUCCEEDED


def test_who_follows_a_log_sees_its_end_though_the_supervisor_was_killed(machine) -> None:
    ref = machine.submit(machine.waiting("told"))
    machine.running(ref)

    async def follow() -> str:
        log = machine.backend.logs(ref, "told-worker-0", follow=True)
        return "".join([chunk.text async for chunk in log])

    async def story() -> str:
        following = asyncio.create_task(follow())
        followers = machine.backend.store.job_folder(ref.id) / "replicas" / "told-worker-0" / "followers"
        while not list(followers.iterdir()):
            await asyncio.sleep(0)
        await asyncio.to_thread(machine.kill_supervisors)
        machine.cue("told-worker-0", 0)
        return await asyncio.wait_for(following, PATIENCE)

    assert asyncio.run(story()) == ""
    machine.at_rest()
    assert machine.status(ref).phase is Phase.SUCCEEDED


def test_a_job_whose_time_to_live_is_over_is_gone_for_who_looks(machine) -> None:
    ref = machine.run("brief", "true", policy={"ttlSecondsAfterFinished": 3600})
    machine.ended(ref)
    machine.at_rest()
    with machine.backend.store.write() as connection:
        connection.execute("UPDATE jobs SET expires = 1")
    with pytest.raises(NotFound):
        machine.status(ref)
    assert not machine.backend.store.job_folder(ref.id).exists()


def test_no_room_for_a_supervisor_loses_no_job(machine, monkeypatch) -> None:
    def refuse(*_: object, **__: object) -> int:
        raise BlockingIOError(errno.EAGAIN, os.strerror(errno.EAGAIN))

    with monkeypatch.context() as patch:
        patch.setattr(os, "posix_spawn", refuse)
        with pytest.raises(BackendUnavailable) as caught:
            machine.submit(machine.waiting("squeezed"), "squeezed")
        assert caught.value.hint
        [job] = machine.call(machine.backend.jobs)
    machine.running(job.ref)


def test_a_supervisor_that_is_stopped_and_killed_is_replaced_by_a_watch(machine) -> None:
    ref = machine.submit(machine.waiting("orphan"))
    machine.running(ref)

    async def story() -> Phase:
        killed = False
        async for change in machine.backend.watch():
            if change.type == "synced":
                [supervisor] = machine.supervisors()
                supervisor.send_signal(signal.SIGKILL)
                killed = True
                machine.cue("orphan-worker-0", 5)
            if killed and change.job is not None and change.job.finished:
                return change.job.phase
        raise AssertionError

    assert asyncio.run(asyncio.wait_for(story(), PATIENCE)) is Phase.FAILED
    assert machine.status(ref).replicas[0].exit_code == 5

from __future__ import annotations

import asyncio
import os
import pickle
import select
import signal
import subprocess
import sys
import time
import uuid

import psutil
import pytest

from jupyter_mltrain.backends.local import memory, replica
from jupyter_mltrain.backends.local.replica import ReplicaSpec, RunState
from jupyter_mltrain.errors import Conflict, InvalidInput, StorageError


def test_a_run_goes_from_absent_to_exited(shell):
    run = shell("read line < fifo; echo $line; exit 3")
    os.mkfifo(run.spec.cwd / "fifo")
    assert run.now.state is RunState.ABSENT
    run.launch().running()
    assert psutil.Process(run.now.pid).ppid() == run.now.shim_pid
    (run.spec.cwd / "fifo").write_text("done\n")
    record = run.ended()
    assert (record.exit_code, record.signal, record.reason) == (3, None, "Error")
    assert run.now.state is RunState.EXITED
    assert record.started_at <= record.finished_at
    assert run.output() == "done\n"
    assert run.errors() == ""


def test_the_environment_is_the_given_one_and_the_uid(make_run):
    run = make_run("env", env={"PATH": os.environ["PATH"], "GREETING": "grüß dich"}).launch()
    assert run.ended().reason == "Completed"
    lines = set(run.output().splitlines())
    expected = {"GREETING=grüß dich", f"PATH={os.environ['PATH']}", f"MLTRAIN_REPLICA_UID={run.spec.uid}"}
    assert lines == expected


def test_secrets_do_not_stay_on_the_disk(make_run):
    run = make_run("true", env={"PATH": os.environ["PATH"], "PASSWORD": "hunter2"}).launch()
    run.ended()
    assert not [path for path in run.folder.rglob("*") if path.is_file() and b"hunter2" in path.read_bytes()]


def test_launch_returns_before_the_command_runs_and_state_is_never_lost_on_the_way(shell):
    run = shell("cat fifo")
    os.mkfifo(run.spec.cwd / "fifo")
    run.launch()
    states = {run.now.state}
    run.until(lambda: states.add(run.now.state) or RunState.RUNNING in states)
    assert states <= {RunState.LAUNCHING, RunState.RUNNING}


def test_a_folder_is_for_one_run(shell):
    run = shell("true").launch()
    with pytest.raises(Conflict, match="launched"):
        replica.launch(run.folder, run.spec)
    run.ended()
    with pytest.raises(Conflict):
        replica.launch(run.folder, run.spec)


def test_no_command(tmp_path):
    with pytest.raises(InvalidInput, match="no command"):
        replica.launch(tmp_path / "0-0", ReplicaSpec(uid="u", argv=(), env={}, cwd=tmp_path))


def test_a_folder_that_cannot_be_written(tmp_path):
    (tmp_path / "pod").write_text("a file where a folder should be")
    with pytest.raises(StorageError, match="could not be launched"):
        replica.launch(tmp_path / "pod" / "0-0", ReplicaSpec(uid="u", argv=("true",), env={}, cwd=tmp_path))


def test_a_run_outlives_the_process_that_launched_it(shell):
    run = shell("cat fifo; exit 7")
    os.mkfifo(run.spec.cwd / "fifo")
    launcher = """
import pickle, sys
from jupyter_mltrain.backends.local import memory, replica
replica.launch(*pickle.loads(sys.stdin.buffer.read()))
import os; os.killpg(0, 9)
"""
    done = subprocess.run(
        [sys.executable, "-c", launcher], input=pickle.dumps((run.folder, run.spec)), start_new_session=True
    )
    assert done.returncode == -signal.SIGKILL
    run.running()
    (run.spec.cwd / "fifo").write_text("adopted\n")
    assert run.ended().exit_code == 7
    assert run.output() == "adopted\n"


POLITE = """
import signal, sys
signal.signal(signal.SIGTERM, lambda *_: (print("bye"), sys.exit(143)))
print("ready")
signal.pause()
"""


def test_stop_sends_sigterm_first(python):
    run = python(POLITE).launch().said("ready")
    assert replica.stop(run.folder)
    record = run.ended()
    assert (record.exit_code, record.signal, record.reason) == (143, None, "Error")
    assert run.output() == "ready\nbye\n"
    assert not replica.stop(run.folder)


def test_stop_before_the_command_has_started_is_not_lost(shell):
    run = shell("cat fifo")
    os.mkfifo(run.spec.cwd / "fifo")
    run.launch()
    assert replica.stop(run.folder)
    assert run.ended().signal == signal.SIGTERM


IGNORES = "import os, signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('ready'); os.read(os.pipe()[0], 1)"


def test_what_ignores_sigterm_is_killed_after_the_grace(python):
    run = python(IGNORES, grace_seconds=0.2).launch().said("ready")
    replica.stop(run.folder)
    record = run.ended()
    assert (record.exit_code, record.signal, record.reason) == (137, signal.SIGKILL, "Error")


def test_kill_does_not_wait_for_the_grace(python):
    run = python(IGNORES, grace_seconds=3600).launch().said("ready")
    replica.stop(run.folder)
    assert replica.kill(run.folder)
    assert run.ended().exit_code == 137
    assert not replica.kill(run.folder)


def test_a_killed_shim_is_a_lost_run_and_takes_the_command_along(python):
    run = python("import os; print('ready'); os.read(os.pipe()[0], 1)").launch().said("ready")
    command = psutil.Process(run.now.pid)
    end = replica.end_fd(run.folder)
    os.kill(run.now.shim_pid, signal.SIGKILL)
    psutil.wait_procs([command], timeout=60)
    assert not command.is_running()
    os.close(end)
    run.until(lambda: run.now.state is RunState.LOST)
    assert replica.end_fd(run.folder) is None
    assert not replica.stop(run.folder)


DAEMON = """
import os, signal
for number in (signal.SIGTERM, signal.SIGHUP):
    signal.signal(number, signal.SIG_IGN)
for _ in range(3):
    if os.fork() == 0:
        os.setsid()
        if os.fork() == 0:
            os.close(1), os.close(2)
            os.read(os.pipe()[0], 1)
        os._exit(0)
    os.wait()
print('ready')
os.read(os.pipe()[0], 1)
"""


def test_reap_lost_ends_what_a_killed_shim_left_behind(python):
    run = python(DAEMON).launch().said("ready")
    assert len(run.processes()) == 5  # the shim, the command, three daemons
    os.kill(run.now.shim_pid, signal.SIGKILL)
    run.until(lambda: run.now.state is RunState.LOST)
    assert replica.reap_lost(run.spec.uid, run.now) >= 3
    assert run.processes() == []
    assert replica.reap_lost(run.spec.uid, run.now) == 0


def test_reap_lost_leaves_others_alone(shell):
    mine, other = shell("cat fifo"), shell("cat fifo")
    os.mkfifo(mine.spec.cwd / "fifo")
    mine.launch().running(), other.launch().running()
    assert replica.reap_lost(mine.spec.uid, mine.now) >= 2
    assert other.now.state is RunState.RUNNING


OUTSIDE = """
import os, subprocess
child = subprocess.Popen({command!r}, env={{"PATH": os.environ["PATH"]}}, stdout=subprocess.PIPE)
child.stdout.readline()
print("ready", flush=True)
os.read(os.pipe()[0], 1)
"""
SLEEPER = "echo $$; sleep 1000"
"""Says that it is there, then starts a process below itself."""


@pytest.mark.parametrize(
    ("command", "kernel_limit"),
    [
        (["sh", "-c", SLEEPER], False),
        (["sh", "-c", f"setsid sh -c '{SLEEPER}' & echo $!; sleep 1000"], False),
        (["setsid", "--fork", "sh", "-c", SLEEPER], True),
    ],
    ids=["own environment", "below one found", "own session too"],
)
def test_reap_lost_ends_what_has_an_environment_of_its_own(python, command, kernel_limit):
    if kernel_limit and not groups_work():
        pytest.skip("only a control group finds it, and none can be made here")
    run = python(OUTSIDE.format(command=command), kernel_limit=kernel_limit).launch().said("ready")
    outside = [p for p in below(run.now.shim_pid) if "MLTRAIN_REPLICA_UID" not in p.environ()]
    assert outside
    os.kill(run.now.shim_pid, signal.SIGKILL)
    run.until(lambda: run.now.state is RunState.LOST)
    replica.reap_lost(run.spec.uid, run.now)
    assert psutil.wait_procs(outside, timeout=60)[1] == []
    assert memory.find_groups(run.spec.uid) == []


def groups_work() -> bool:
    group = memory.make_group(uuid.uuid4().hex, None)
    if group:
        group.remove()
    return group is not None


def below(pid: int) -> list[psutil.Process]:
    found = psutil.Process(pid).children(recursive=True)
    return [process for process in found if process.status() != psutil.STATUS_ZOMBIE]


@pytest.mark.parametrize("leader_lives", [True, False])
def test_reap_lost_harms_nobody_who_has_the_number_by_now(leader_lives):
    script = SLEEPER if leader_lives else "sleep 1000 & echo $!"
    leader = subprocess.Popen(["sh", "-c", script], start_new_session=True, stdout=subprocess.PIPE, text=True)
    other = psutil.Process(int(leader.stdout.readline()))
    if not leader_lives:
        leader.wait()
    started = time.time() - 100 if leader_lives else other.create_time() + 100
    reused = replica.ReplicaRun(RunState.LOST, pid=leader.pid, shim_pid=leader.pid, started_at=started)
    assert replica.reap_lost("no-such-run", reused) == 0
    assert other.is_running()
    os.killpg(leader.pid, signal.SIGKILL)
    leader.wait()
    leader.stdout.close()


async def _until_readable(fd: int) -> None:
    woken = asyncio.Event()
    asyncio.get_running_loop().add_reader(fd, woken.set)
    await asyncio.wait_for(woken.wait(), 60)
    asyncio.get_running_loop().remove_reader(fd)


def test_the_end_wakes_an_event_loop(python):
    run = python("import os; print('ready'); os.read(os.pipe()[0], 1)").launch().said("ready")
    end = replica.end_fd(run.folder)
    os.kill(run.now.shim_pid, signal.SIGKILL)
    asyncio.run(_until_readable(end))
    os.close(end)
    assert run.now.state is RunState.LOST


def test_no_zombie_shim_stays_with_the_launcher(shell):
    run = shell("true").launch()
    run.ended()
    shim = run.now.shim_pid
    if psutil.pid_exists(shim):
        assert select.select([os.pidfd_open(shim)], [], [], 60)[0]
    assert run.now.exit
    assert not psutil.pid_exists(shim)

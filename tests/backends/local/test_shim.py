from __future__ import annotations

import contextlib
import json
import os
import random
import signal
import stat
import subprocess
import sys
import time
from itertools import pairwise
from pathlib import Path

import psutil
import pytest

from jupyter_mltrain.backends.local import replica, shim
from jupyter_mltrain.backends.local.replica import RunState
from jupyter_mltrain.backends.local.shim import LINE_LIMIT, Log

WAIT = "import os; os.read(os.pipe()[0], 1)"


# How it ends


@pytest.mark.parametrize(
    ("code", "exit_code", "number", "reason", "message"),
    [
        ("pass", 0, None, "Completed", ""),
        ("import sys; sys.exit(1)", 1, None, "Error", ""),
        ("import os; os._exit(255)", 255, None, "Error", ""),
        ("import os; os.kill(os.getpid(), 9)", 137, 9, "Error", "ended by SIGKILL (Killed)"),
        ("import ctypes; ctypes.string_at(0)", 139, 11, "Error", "ended by SIGSEGV (Segmentation fault)"),
        ("import os; os.abort()", 134, 6, "Error", "ended by SIGABRT (Aborted)"),
        ("import os, sys; sys.stdout.close(); os.close(2); os._exit(4)", 4, None, "Error", ""),
    ],
)
def test_every_end_has_its_record(python, code, exit_code, number, reason, message):
    record = python(code).launch().ended()
    assert (record.exit_code, record.signal, record.reason, record.message) == (exit_code, number, reason, message)
    assert record.peak_memory > 2**20


@pytest.mark.parametrize(
    ("count", "said"),
    [(300 * 2**20, "300Mi"), (2**31, "2Gi"), (2**20 + 2**10, "1025Ki"), (1_000_000, "1000000 bytes"), (0, "0 bytes")],
)
def test_sizes_are_said_as_in_a_manifest(count, said):
    assert shim.size(count) == said


def test_a_signal_without_a_name_of_its_own_has_its_number():
    assert shim.signal_name(40) == "signal 40"


def test_processor_time_of_the_whole_tree_is_counted(python):
    burn = "import time, os\nwhile time.process_time() < 0.3: pass\n"
    record = python(f"import os\nif os.fork(): os.wait()\n{burn}").launch().ended()
    assert record.cpu_seconds >= 0.6


def make_script(folder: Path, text: str, mode: int = 0o755) -> str:
    path = folder / "script"
    path.write_text(text)
    path.chmod(mode)
    return str(path)


@pytest.mark.parametrize(
    ("argv", "message"),
    [
        (lambda folder: "no-such-program", 'exec: "{0}": executable file not found in $PATH'),
        (lambda folder: "/no/such/program", 'exec: "/no/such/program": no such file or directory'),
        (lambda folder: str(folder), 'exec: "{0}": permission denied'),
        (lambda folder: make_script(folder, "#!/bin/sh\n", 0o644), 'exec: "{0}": permission denied'),
        (lambda folder: make_script(folder, "no interpreter\n"), 'exec: "{0}": exec format error'),
        (
            lambda folder: make_script(folder, "#!/no/such/python\n"),
            'exec: "{0}": the interpreter in its first line does not exist',
        ),
    ],
)
def test_a_command_that_cannot_start(make_run, tmp_path, argv, message):
    program = argv(tmp_path)
    record = make_run(program).launch().ended()
    assert (record.exit_code, record.reason) == (128, "StartError")
    assert record.message == f"The replica could not be started: {message.format(program)}"


def test_a_folder_that_may_not_be_searched_does_not_hide_that_a_program_is_missing(make_run, tmp_path):
    closed = tmp_path / "closed"
    closed.mkdir(mode=0)
    record = make_run("no-such-program", env={"PATH": f"{closed}:{os.environ['PATH']}"}).launch().ended()
    assert record.message.endswith("executable file not found in $PATH")


def test_a_script_on_the_path_whose_interpreter_is_missing(make_run, tmp_path):
    make_script(tmp_path, "#!/no/such/python\n")
    record = make_run("script", env={"PATH": str(tmp_path)}).launch().ended()
    assert record.message.endswith('exec: "script": the interpreter in its first line does not exist')


def test_a_working_directory_that_does_not_exist(make_run, tmp_path):
    record = make_run("true", cwd=tmp_path / "nowhere").launch().ended()
    assert (record.exit_code, record.reason) == (128, "StartError")
    assert record.message.endswith(f"working directory '{tmp_path / 'nowhere'}': No such file or directory")


def test_the_command_starts_with_default_signals_no_input_and_no_foreign_files(python):
    code = """
import os, signal, sys
print(signal.getsignal(signal.SIGTERM), signal.getsignal(signal.SIGHUP), signal.pthread_sigmask(0, []))
print(repr(sys.stdin.read()), sorted(os.listdir("/proc/self/fd")), os.getpgid(0) == os.getpid())
os.execvp("sh", ["sh", "-c", "grep SigIgn /proc/self/status"])
"""
    with Path(os.devnull).open() as foreign:
        os.set_inheritable(foreign.fileno(), True)
        run = python(code).launch()
        run.ended()
    *facts, ignored = run.output().splitlines()
    assert facts == ["0 0 set()", "'' ['0', '1', '2', '3'] True"]  # 3 is that of listdir
    python_itself = 1 << signal.SIGPIPE - 1 | 1 << signal.SIGXFSZ - 1
    assert int(ignored.split()[1], 16) & 0x7FFFFFFF == python_itself


# No orphan ever


FAMILY = """
import os, signal, sys, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
def leave():
    os.setsid()
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    os.read(os.pipe()[0], 1)
for kind in ("child", "group", "session", "daemon"):
    pid = os.fork()
    if pid and kind == "daemon":
        os.waitpid(pid, 0)
    if pid == 0:
        if kind == "group":
            os.setpgid(0, 0)
        if kind == "session":
            leave()
        if kind == "daemon" and os.fork() == 0:
            leave()
        if kind == "daemon":
            os._exit(0)
        os.read(os.pipe()[0], 1)
print("ready")
"""


def test_what_the_command_leaves_behind_ends_with_it(python):
    run = python(FAMILY + "sys.exit(5)").launch()
    assert run.ended().exit_code == 5
    assert {p.pid for p in run.processes()} <= {run.now.shim_pid}


@pytest.mark.parametrize("end", [replica.stop, replica.kill])
def test_stopping_ends_the_whole_family(python, end):
    run = python(FAMILY + "os.read(os.pipe()[0], 1)", grace_seconds=0.1).launch().said("ready")
    end(run.folder)
    assert run.ended().exit_code == 137
    assert {p.pid for p in run.processes()} <= {run.now.shim_pid}


FORKS_FOR_EVER = """
import os
print("ready")
while True:  # a new process takes over all the time, in a session of its own
    if os.fork():
        os._exit(0)
    os.setsid()
"""


def test_one_that_forks_away_for_ever_is_caught(python):
    run = python(FORKS_FOR_EVER).launch()
    assert run.ended().exit_code == 0
    assert {p.pid for p in run.processes()} <= {run.now.shim_pid}


def test_descendants_are_found_in_both_ways(python):
    run = python(FAMILY + "os.read(os.pipe()[0], 1)").launch().said("ready")
    watcher = run.now.shim_pid
    below = {process.pid for process in run.processes()} - {watcher}
    assert len(below) == 5
    assert set(shim.descendants(watcher)) == below
    assert set(shim.children_by_search(watcher)) == set(shim.children(watcher))


def test_sigterm_to_the_shim_is_a_stop_and_a_second_one_a_kill(python):
    run = python(FAMILY + "os.read(os.pipe()[0], 1)", grace_seconds=3600).launch().said("ready")
    os.kill(run.now.shim_pid, signal.SIGTERM)
    assert run.now.state is RunState.RUNNING
    os.kill(run.now.shim_pid, signal.SIGUSR1)
    assert run.ended().exit_code == 137


def test_a_stopped_command_can_be_killed(python):
    run = python(f"print('ready'); {WAIT}", grace_seconds=0.1).launch().said("ready")
    command = psutil.Process(run.now.pid)
    command.suspend()
    while command.status() != psutil.STATUS_STOPPED:
        pass
    replica.stop(run.folder)
    assert run.ended().signal == signal.SIGKILL


# What it says


def test_output_and_errors_are_kept_in_order(shell):
    run = shell("for i in 1 2 3; do echo out $i; echo err $i >&2; done; printf unfinished").launch()
    run.ended()
    assert run.output() == "out 1\nerr 1\nout 2\nerr 2\nout 3\nerr 3\nunfinished"


def test_a_hundred_megabytes_neither_block_nor_grow_the_shim(shell):
    run = shell("yes {} | head -c 100000000; echo; echo the end; read x < fifo".format("x" * 98), log_max_bytes=2**20)
    os.mkfifo(run.spec.cwd / "fifo")
    run.launch().said("the end")
    status = Path(f"/proc/{run.now.shim_pid}/status").read_text()
    (run.spec.cwd / "fifo").write_text("\n")
    assert run.ended().exit_code == 0
    assert int(status.split("VmHWM:")[1].split()[0]) < 20 * 1024
    segments = sorted((run.folder / "log").iterdir())
    assert len(segments) == 5
    assert run.output().endswith("the end\n")
    for segment, following in pairwise(segments):
        assert int(segment.suffix[1:]) + segment.stat().st_size == int(following.suffix[1:])
        assert segment.read_bytes().endswith(b"\n")


def segments(folder: Path) -> dict[int, bytes]:
    return {int(path.name.removeprefix("log.")): path.read_bytes() for path in sorted(folder.iterdir())}


@pytest.mark.parametrize("seed", range(20))
def test_segments_join_to_what_was_written(tmp_path, seed):
    source = random.Random(seed)
    lines = [b"%d " % i + b"x" * source.choice([0, 5, 50, 200]) + b"\n" for i in range(300)]
    stream = b"".join(lines)
    log = Log(str(tmp_path), max_bytes=1000, backups=10**6)
    at = 0
    while at < len(stream):
        size = source.choice([1, 10, 100, 5000])
        log.write(stream[at : at + size])
        at += size
    log.close()
    found = segments(tmp_path)
    assert b"".join(found.values()) == stream
    for start, content in found.items():
        assert stream[start:].startswith(content)
        assert content == b"" or content.endswith(b"\n")
        assert len(content) < 1000 + 210


def test_a_line_that_never_ends_is_broken(tmp_path):
    log = Log(str(tmp_path), max_bytes=10**9, backups=1)
    for _ in range(50):
        log.write(b"x" * 100_000)
    log.close()
    lines = b"".join(segments(tmp_path).values()).splitlines()
    assert sum(map(len, lines)) == 5_000_000
    assert max(map(len, lines)) <= LINE_LIMIT + 100_000


FULL_DISK = """
set -e
mount -t tmpfs -o size=256k tmpfs "$1"
exec "$2" -c "$3" "$1"
"""

LOSES_LINES = """
import os, sys
from jupyter_mltrain.backends.local.shim import Log
disk = sys.argv[1]
os.mkdir(disk + "/log")
log = Log(disk + "/log", max_bytes=10**6, backups=1)
log.write(b"first\\n")
with open(disk + "/ballast", "wb", buffering=0) as ballast:
    try:
        while ballast.write(b"x" * 1024): pass
    except OSError: pass
for line in range(2000):
    log.write(b"line %d\\nbegun " % line)
os.unlink(disk + "/ballast")
log.write(b"and lost\\nlast\\n")
log.close()
(name,) = os.listdir(disk + "/log")
sys.stdout.write(open(disk + "/log/" + name).read())
"""


def on_a_small_disk(folder: Path, code: str) -> str:
    """Run a program with a file system of 256 KiB, mounted where nobody else sees it."""
    folder.mkdir()
    if subprocess.run(["unshare", "-Urm", "true"], capture_output=True).returncode:
        pytest.skip("user namespaces are not allowed here: cannot mount a small disk")
    command = ["unshare", "-Urm", "sh", "-c", FULL_DISK, "sh", str(folder), sys.executable, code]
    done = subprocess.run(command, capture_output=True, text=True, timeout=100)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_a_full_disk_loses_lines_whole_and_says_so(tmp_path):
    lines = on_a_small_disk(tmp_path / "disk", LOSES_LINES).splitlines()
    assert lines[0] == "first"
    assert lines[-1] == "last"
    notes = [line for line in lines if line.startswith("[jupyter_mltrain: the disk was full, ")]
    assert len(notes) == 1
    lost = int("".join(filter(str.isdigit, notes[0])))
    kept = [line for line in lines if line not in notes]
    everything = "first\n" + "".join(f"line {i}\nbegun " for i in range(2000)) + "and lost\nlast\n"
    assert len("\n".join(kept)) + 1 + lost == len(everything)


EXITS_ON_FULL_DISK = """
import os, select, sys
from itertools import pairwise
from pathlib import Path
from jupyter_mltrain.backends.local import replica
from jupyter_mltrain.backends.local.bell import Bell
disk = Path(sys.argv[1])
bell = Bell(disk / "bell")
fill = f"dd if=/dev/zero of={disk}/ballast bs=1k 2>/dev/null; seq 100000; exit 9"
env = {"PATH": os.environ["PATH"]}
spec = replica.ReplicaSpec(uid="u", argv=("sh", "-c", fill), env=env, cwd=disk, bells=(bell.path,))
replica.launch(disk / "pod" / "0-0", spec)
while (run := replica.inspect(disk / "pod" / "0-0")).exit is None:
    assert run.state is not replica.RunState.LOST
    select.select([bell], [], [], 60)
    bell.drain()
assert os.statvfs(disk).f_bfree == 0
print(run.exit.exit_code, run.exit.reason)
"""


def test_the_exit_is_recorded_on_a_full_disk(tmp_path):
    assert on_a_small_disk(tmp_path / "disk", EXITS_ON_FULL_DISK) == "9 Error\n"


# Whatever is killed, and whenever

KILL_POINTS = int(os.environ.get("MLTRAIN_KILL_POINTS", "40"))
BUSY = """
import os, time
for _ in range(3):
    if os.fork() == 0:
        os.setsid()
        break
while True:
    print("x" * 50)
    time.sleep(0.001)
"""


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(KILL_POINTS))
def test_a_kill_at_any_time_leaves_a_state_that_can_be_told(python, seed):
    """The shim or the command dies at some moment of start, run or stop: nothing is left running, no half a file."""
    source = random.Random(seed)
    victim = source.choice(["shim", "command", "both"])
    run = python(BUSY, grace_seconds=0.05, log_max_bytes=500).launch()
    if source.random() < 0.3:
        replica.stop(run.folder)
    time.sleep(source.random() ** 2 * 0.15)  # the moment is what is tried here
    for process in run.processes():
        is_shim = process.info["environ"].keys() == {"MLTRAIN_REPLICA_UID"}
        if victim == "both" or is_shim == (victim == "shim"):
            with contextlib.suppress(psutil.NoSuchProcess):
                process.kill()
    replica.kill(run.folder)
    run.until(lambda: run.now.state in (RunState.ABSENT, RunState.EXITED, RunState.LOST))
    if run.now.state is RunState.EXITED:
        assert run.now.exit.exit_code in (137, 143)
        assert {process.pid for process in run.processes()} <= {run.now.shim_pid}
    elif run.now.state is RunState.LOST:
        replica.reap_lost(run.spec.uid, run.now)
    else:  # the shim came to nothing, so it can be tried again
        assert run.processes() == []
        run.launch().running()
        replica.kill(run.folder)
        run.ended()
    assert all(
        content == b"" or content.endswith(b"\n") for content in list(segments(run.folder / "log").values())[:-1]
    )


# What it costs


def test_the_shim_loads_next_to_nothing():
    """It is one process for each running replica: a module too many is megabytes and milliseconds each time."""
    code = f"import sys; exec(open({shim.__file__!r}).read(), {{'__name__': 'shim'}}); print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-I", "-S", "-c", code], capture_output=True, text=True, check=True).stdout
    for heavy in ("typing", "pathlib", "subprocess", "contextlib", "dataclasses", "jupyter_mltrain", "psutil"):
        assert heavy not in loaded.split()


def test_records_and_logs_are_private(shell):
    run = shell("echo hello").launch()
    run.ended()
    for path in [*run.folder.glob("*.json"), *run.folder.glob("log/*")]:
        assert stat.S_IMODE(path.stat().st_mode) == 0o600, path
    assert not list(run.folder.glob("*.reserve"))
    assert json.loads((run.folder / "started.json").read_bytes())["pid"] > 0

from __future__ import annotations

import os
import signal
import sys
import uuid
from pathlib import Path

import pytest

from jupyter_mltrain.backends.local import memory, replica
from jupyter_mltrain.backends.local.memory import Group, Hierarchy, parse_hierarchies, thread_env
from jupyter_mltrain.backends.local.replica import RunState

LIMIT = 64 * 2**20
GREEDY = """
import sys
hoard = []
while True:
    hoard.append(b"x" * 2**20)
"""
GREEDY_CHILD = f"""
import subprocess, sys
sys.exit(subprocess.run([sys.executable, "-c", '''{GREEDY}''']).returncode and 3)
"""
GREEDY_FAMILY = """
import os, time
for _ in range(4):
    if os.fork() == 0:
        break
hoard = bytearray(os.urandom(2**20) * 24)
print("full")
os.read(os.pipe()[0], 1)
"""


def group_works() -> bool:
    group = memory.make_group(uuid.uuid4().hex, LIMIT)
    if group:
        group.remove()
    return group is not None


@pytest.fixture(params=["kernel", "sampled"])
def limited(python, request):
    """Make a limited run of a Python program, held by a control group or by the shim."""
    if request.param == "kernel" and not group_works():
        pytest.skip("no control group can be made here")
    if request.param == "sampled" and sys.platform != "linux":
        pytest.skip("memory is measured on Linux only")
    return lambda code: python(code, memory_limit=LIMIT, kernel_limit=request.param == "kernel")


@pytest.mark.parametrize("code", [GREEDY, GREEDY_CHILD, GREEDY_FAMILY], ids=["one", "child", "family"])
def test_more_than_the_limit_is_oom_killed(limited, code):
    run = limited(code).launch()
    record = run.ended()
    assert (record.exit_code, record.signal, record.reason) == (137, signal.SIGKILL, "OOMKilled")
    assert record.message == f"more memory than the limit of {LIMIT // 2**20}Mi"
    assert record.peak_memory > LIMIT / 2
    assert {p.pid for p in run.processes()} <= {run.now.shim_pid}
    assert memory.find_groups(run.spec.uid) == []


def test_within_the_limit_nothing_happens(limited):
    run = limited("x = bytearray(16 * 2**20); print('done')").launch()
    record = run.ended()
    assert (record.exit_code, record.reason) == (0, "Completed")
    assert 16 * 2**20 < record.peak_memory < LIMIT
    assert memory.find_groups(run.spec.uid) == []


def test_sigkill_by_somebody_else_is_no_oom_kill(limited):
    record = limited("import os; os.kill(os.getpid(), 9)").launch().ended()
    assert (record.exit_code, record.reason) == (137, "Error")


def test_shared_memory_counts_once(python):
    """Four processes that share 40 MiB are within 64 MiB, though their resident sizes add up to more."""
    code = """
import os, time
shared = bytearray(os.urandom(2**20))
shared *= 40
pids = [os.fork() for _ in range(2)]
time.sleep(0.5)
"""
    assert python(code, memory_limit=LIMIT, kernel_limit=False).launch().ended().reason == "Completed"


@pytest.mark.parametrize("limit", [None, LIMIT])
@pytest.mark.parametrize("command", ["true", "/no/such/program"])
def test_an_ended_run_leaves_no_group_behind(make_run, command, limit):
    run = make_run(command, memory_limit=limit).launch()
    run.ended()
    assert memory.find_groups(run.spec.uid) == []


def test_a_lost_run_leaves_no_group_behind(python):
    if not group_works():
        pytest.skip("no control group can be made here")
    code = "import os\nif os.fork() == 0: os.setsid()\nprint('ready'); os.read(os.pipe()[0], 1)"
    run = python(code, memory_limit=LIMIT).launch().said("ready")
    (group,) = memory.find_groups(run.spec.uid)
    assert run.now.pid in group.members()
    os.kill(run.now.shim_pid, signal.SIGKILL)
    run.until(lambda: run.now.state is RunState.LOST)
    replica.reap_lost(run.spec.uid, run.now)
    assert memory.find_groups(run.spec.uid) == []


# Where a group may be made

V1 = "37 32 0:33 / /sys/fs/cgroup/memory rw,relatime - cgroup cgroup rw,memory"
V1_CPU = "38 32 0:34 / /sys/fs/cgroup/cpu rw,relatime shared:5 - cgroup cgroup rw,cpu"
V2 = "35 24 0:30 / /sys/fs/cgroup rw,nosuid - cgroup2 cgroup2 rw,nsdelegate"
V2_IN_CONTAINER = "35 24 0:30 /docker/abc /sys/fs/cgroup rw,nosuid - cgroup2 cgroup rw"


@pytest.mark.parametrize(
    ("mounts", "groups", "expected"),
    [
        ([V1_CPU, V1], ["4:memory:/user/me", "1:cpu:/"], [(1, "/sys/fs/cgroup/memory", "user/me")]),
        ([V2], ["0::/user.slice/me.scope"], [(2, "/sys/fs/cgroup", "user.slice/me.scope")]),
        ([V2_IN_CONTAINER], ["0::/docker/abc/job"], [(2, "/sys/fs/cgroup", "job")]),
        ([V2_IN_CONTAINER], ["0::/docker/other"], []),
        ([V2], ["0::/../outside"], []),
        ([V1_CPU], ["1:cpu:/"], []),
        ([], [], []),
    ],
)
def test_hierarchies_are_read_from_proc(mounts, groups, expected):
    found = [Hierarchy(version, Path(root), Path(root) / own) for version, root, own in expected]
    assert parse_hierarchies(mounts, groups, "memory") == found


def make_tree(root: Path, **files: str) -> None:
    for name, content in files.items():
        path = root / name.replace("__", "/").replace("_dot_", ".")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content)


def test_version_2_takes_the_nearest_group_that_hands_memory_down(tmp_path):
    make_tree(
        tmp_path,
        cgroup_dot_subtree_control="cpu memory",
        slice__cgroup_dot_subtree_control="cpu memory pids",
        slice__session__cgroup_dot_subtree_control="",
        slice__session__memory_dot_max="max",
        slice__session__memory_dot_high="max",
    )
    assert Hierarchy(2, tmp_path, tmp_path / "slice" / "session").parent() == tmp_path / "slice"


@pytest.mark.parametrize("name", ["memory_dot_max", "memory_dot_high"])
def test_version_2_does_not_leave_a_limit_behind(tmp_path, name):
    make_tree(
        tmp_path,
        cgroup_dot_subtree_control="memory",
        **{"service__cgroup_dot_subtree_control": "", f"service__{name}": "9"},
    )
    assert Hierarchy(2, tmp_path, tmp_path / "service").parent() is None


def test_version_2_without_memory_has_no_place(tmp_path):
    make_tree(tmp_path, cgroup_dot_subtree_control="cpu")
    assert Hierarchy(2, tmp_path, tmp_path).parent() is None


def test_a_group_limits_swap_and_kills_as_a_whole(tmp_path):
    group = Group(tmp_path, 2)
    group.limit(1000)
    assert {path.name: path.read_text() for path in tmp_path.iterdir()} == {
        "memory.max": "1000",
        "memory.swap.max": "0",
        "memory.oom.group": "1",
    }


# Threads


def test_thread_counts_follow_the_processors_and_spare_what_the_user_set():
    env = thread_env(1.5, {"OMP_NUM_THREADS": "7"})
    assert set(env.values()) == {"2"}
    assert "OMP_NUM_THREADS" not in env
    assert {"OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "LOKY_MAX_CPU_COUNT", "TF_NUM_INTRAOP_THREADS"} <= set(env)
    assert set(thread_env(0.1, {}).values()) == {"1"}


def test_joblib_sees_the_processors_given(python):
    pytest.importorskip("joblib")
    env = {"PATH": os.environ["PATH"], **thread_env(1, {})}
    run = python("import joblib; print(joblib.cpu_count())", env=env).launch()
    assert run.ended().exit_code == 0
    assert run.output() == "1\n"


@pytest.mark.skipif(sys.platform != "linux", reason="processors are bound on Linux only")
def test_processors_can_be_bound(python):
    first = min(os.sched_getaffinity(0))
    run = python("import os; print(os.sched_getaffinity(0))", cpus=(first,)).launch()
    run.ended()
    assert run.output() == f"{{{first}}}\n"

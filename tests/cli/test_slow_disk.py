"""A data folder on a slow disk: every write and flush takes long, and everything still comes out right."""

import json
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.support import Mltrain, processes_of

pytestmark = pytest.mark.slow

# A disk that takes 20 ms for each flush and 1 ms for each write, for every process that this library is loaded into.
SLOW_DISK = r"""
#define _GNU_SOURCE
#include <dlfcn.h>
#include <sys/types.h>
#include <time.h>

static void wait_for_the_disk(long microseconds) {
    struct timespec time = {0, microseconds * 1000};
    nanosleep(&time, 0);
}

int fsync(int fd) {
    wait_for_the_disk(20000);
    return ((int (*)(int))dlsym(RTLD_NEXT, "fsync"))(fd);
}

int fdatasync(int fd) {
    wait_for_the_disk(20000);
    return ((int (*)(int))dlsym(RTLD_NEXT, "fdatasync"))(fd);
}

ssize_t pwrite64(int fd, const void *data, size_t size, off64_t offset) {
    wait_for_the_disk(1000);
    return ((ssize_t (*)(int, const void *, size_t, off64_t))dlsym(RTLD_NEXT, "pwrite64"))(fd, data, size, offset);
}
"""


@pytest.fixture
def slow(mltrain: Mltrain, tmp_path: Path) -> Mltrain:
    compiler = shutil.which("cc")
    if compiler is None:
        pytest.skip("no C compiler to make a slow disk with")
    source, library = tmp_path / "slow.c", tmp_path / "slow.so"
    source.write_text(SLOW_DISK)
    subprocess.run([compiler, "-shared", "-fPIC", "-o", library, source, "-ldl"], check=True)
    mltrain.env["LD_PRELOAD"] = str(library)
    return mltrain


def tfjob(name: str, script: str) -> str:
    container = {"name": "tensorflow", "image": "x:1", "command": ["sh", "-c", script]}
    replicas = {"Worker": {"replicas": 2, "template": {"spec": {"containers": [container]}}}}
    body = {"apiVersion": "kubeflow.org/v1", "kind": "TFJob", "metadata": {"name": name}}
    return json.dumps({**body, "spec": {"tfReplicaSpecs": replicas, "successPolicy": "AllWorkers"}})


def test_jobs_run_and_end_on_a_slow_disk(slow: Mltrain) -> None:
    started = [slow.start("apply", "-f", path, "--wait") for path in _files(slow.cwd, 4)]
    for process in started:
        out, err = process.communicate()
        assert process.returncode == 0, out + err
    jobs = slow.json("list")
    assert [job["phase"] for job in jobs] == ["Succeeded"] * 4
    assert all(job["status"]["replicaStatuses"] == {"Worker": {"succeeded": 2}} for job in jobs)
    assert all("done" in slow.run("logs", job["id"]).stdout for job in jobs)


def _files(folder: Path, count: int) -> list[Path]:
    paths = [folder / f"job-{index}.json" for index in range(count)]
    for path in paths:
        path.write_text(tfjob(path.stem, "echo done"))
    return paths


def test_cancel_and_delete_on_a_slow_disk(slow: Mltrain) -> None:
    slow.run("apply", "-f", "-", stdin=tfjob("endless", "cat /dev/zero > /dev/null"))
    slow.run("cancel", "endless")
    slow.run("watch", "endless", code=4)
    slow.run("delete", "endless", "--yes")
    assert slow.json("list") == []
    assert processes_of(slow.home) == []

"""A full disk keeps new jobs out. What there is can be looked at, ends as it should, and is deleted."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from jupyter_mltrain.backends.local import LocalBackend
from jupyter_mltrain.backends.local.disk import RESERVE, Reserve
from jupyter_mltrain.backends.local.store import setting
from jupyter_mltrain.errors import StorageError
from jupyter_mltrain.model.job import Phase

VOLUME = {
    "pod": {"volumes": [{"name": "out", "emptyDir": {}}]},
    "container": {"volumeMounts": [{"name": "out", "mountPath": "/out"}]},
}


def fill(disk: Path) -> Path:
    """Fill a disk to the last byte."""
    ballast = disk / "ballast"
    with ballast.open("ab", buffering=0) as file:
        for size in (65536, 1):
            try:
                while file.write(b"x" * size):
                    pass
            except OSError:
                continue
    return ballast


def free(disk: Path) -> int:
    found = os.statvfs(disk)
    return found.f_bavail * found.f_frsize


@pytest.fixture
def full_disk(small_disk: Path, make_machine: Callable[..., Any]) -> Any:
    """A machine with one ended job, which nobody has opened since its disk was filled."""
    machine = make_machine(home="disk/home")
    machine.ended(machine.run("before", "head -c 1000000 /dev/zero > /out/zeros", **VOLUME))
    machine.at_rest()
    machine.call(machine.backend.close)
    fill(small_disk)
    return make_machine


def test_what_there_is_can_be_looked_at_and_deleted(full_disk, small_disk) -> None:
    for _ in range(3):
        machine = full_disk(home="disk/home")
        [job] = machine.call(machine.backend.jobs)
        assert job.phase is Phase.SUCCEEDED
        assert machine.log(job.ref, "before-worker-0") == ""
        machine.call(machine.backend.close)
        fill(small_disk)
    machine = full_disk(home="disk/home")
    machine.call(machine.backend.delete, job.ref)
    assert machine.call(machine.backend.jobs) == []
    assert not machine.backend.store.job_folder(job.ref.id).exists()
    assert free(small_disk) > 500_000


@pytest.mark.slow
def test_new_jobs_are_refused_and_those_that_run_end(small_disk, make_machine) -> None:
    machine = make_machine(home="disk/home")
    ref = machine.submit(machine.waiting("before"))
    machine.running(ref)
    ballast = fill(small_disk)
    with pytest.raises(StorageError, match="is full") as caught:
        machine.run("during", "true")
    assert "deleting jobs" in caught.value.hint
    assert [job.ref for job in machine.call(machine.backend.jobs)] == [ref]
    machine.cue("before-worker-0", 7)
    job = machine.ended(ref)
    assert (job.phase, job.replicas[0].exit_code) == (Phase.FAILED, 7)
    ballast.unlink()
    assert machine.ended(machine.run("after", "true")).phase is Phase.SUCCEEDED
    assert [job.ref.name for job in machine.call(machine.backend.jobs)] == ["after", "before"]
    machine.at_rest()


def test_a_job_that_fills_the_disk_ends_and_can_be_deleted(small_disk, make_machine) -> None:
    machine = make_machine(home="disk/home")
    ref = machine.run("hog", "cat /dev/zero > /out/zeros", **VOLUME)
    job = machine.ended(ref)
    assert (job.phase, job.replicas[0].exit_code) == (Phase.FAILED, 1)
    assert free(small_disk) < 65536
    machine.call(machine.backend.delete, ref)
    machine.at_rest()
    assert free(small_disk) > 3 * 2**20


def test_a_running_job_can_be_cancelled(small_disk, make_machine) -> None:
    machine = make_machine(home="disk/home")
    ref = machine.submit(machine.waiting("endless"))
    machine.running(ref)
    fill(small_disk)
    machine.call(machine.backend.cancel, ref)
    machine.at_rest()
    assert machine.status(ref).phase is Phase.CANCELLED


def test_where_even_the_reserve_is_gone_it_is_said_that_the_disk_is_full(full_disk, small_disk) -> None:
    (small_disk / "home" / "reserve").unlink()
    fill(small_disk)
    with pytest.raises(StorageError, match="is full") as caught:
        LocalBackend(small_disk / "home")
    assert "locks" not in caught.value.hint


def test_a_setting_that_is_as_it_was_is_not_written_again(tmp_path, make_machine) -> None:
    log = make_machine(slots=3).home / "jobs.sqlite3-wal"
    before = log.read_bytes()
    make_machine(slots=3)
    assert log.read_bytes() == before
    with make_machine(slots=4).backend.store.read() as connection:
        assert setting(connection, "slots") == 4


def test_the_reserve_gives_way_and_comes_back(small_disk) -> None:
    reserve, file = Reserve(small_disk), small_disk / "reserve"
    reserve.restore()
    assert file.stat().st_blocks * 512 == RESERVE
    reserve.give_way()
    assert file.exists()
    ballast = fill(small_disk)
    assert reserve.is_whole()
    reserve.give_way()
    assert free(small_disk) == RESERVE
    (small_disk / "needed").write_bytes(bytes(RESERVE // 4))
    assert not reserve.is_whole()
    assert (file.stat().st_size, free(small_disk)) == (RESERVE * 3 // 4, 0)
    ballast.unlink()
    assert reserve.is_whole()
    assert file.stat().st_size == RESERVE

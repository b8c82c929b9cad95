from __future__ import annotations

import os
import select
import subprocess
import sys
from pathlib import Path

import pytest

from jupyter_mltrain.backends.local.bell import Bell, ring, ring_all
from jupyter_mltrain.errors import StorageError


def rung(bell: Bell) -> bool:
    return bool(select.select([bell], [], [], 0)[0])


def test_rings_melt_into_one(tmp_path):
    with Bell(tmp_path / "bell") as bell:
        assert not rung(bell)
        assert not bell.drain()
        for _ in range(3):
            assert ring(bell.path)
        assert rung(bell)
        assert bell.drain()
        assert not rung(bell)


def test_a_bell_that_is_never_heard_never_blocks(tmp_path):
    with Bell(tmp_path / "bell") as bell:
        assert all(ring(bell.path) for _ in range(100_000))  # more than any pipe holds
        bell.drain()
        assert not rung(bell)


def test_nobody_listens(tmp_path):
    assert not ring(tmp_path / "bell")
    bell = Bell(tmp_path / "bell")
    bell.close()
    bell.close()
    assert not ring(bell.path)
    assert not bell.path.exists()


def test_ring_all_wakes_the_living_and_removes_the_dead(tmp_path):
    leave_a_dead_bell(tmp_path / "dead")
    with Bell(tmp_path / "one") as one, Bell(tmp_path / "two") as two:
        assert ring_all(tmp_path) == 2
        assert rung(one)
        assert rung(two)
        assert {path.name for path in tmp_path.iterdir()} == {"one", "two"}
    assert ring_all(tmp_path) == 0
    assert ring_all(tmp_path / "nowhere") == 0


def leave_a_dead_bell(path: Path) -> None:
    code = (
        f"import os, pathlib; from jupyter_mltrain.backends.local.bell import Bell; Bell(pathlib.Path({str(path)!r}))"
    )
    subprocess.run([sys.executable, "-c", code + "; os.kill(os.getpid(), 9)"], check=False)
    assert path.exists()


def test_the_latest_owner_hears(tmp_path):
    with Bell(tmp_path / "bell") as first, Bell(tmp_path / "bell") as second:
        ring(tmp_path / "bell")
        assert rung(second)
        assert not rung(first)
        first.close()
        assert ring(tmp_path / "bell")


def test_a_ring_from_another_process_wakes_the_sleeper(tmp_path):
    with Bell(tmp_path / "bell") as bell:
        code = f"from jupyter_mltrain.backends.local.bell import ring; ring({str(bell.path)!r})"
        with subprocess.Popen([sys.executable, "-c", code]):
            assert select.select([bell], [], [], 60)[0]


def test_the_path_may_be_longer_than_a_socket_allows(tmp_path):
    folder = tmp_path / ("x" * 200) / ("y" * 200)
    folder.mkdir(parents=True)
    with Bell(folder / "bell") as bell:
        assert ring(bell.path)
        assert rung(bell)


def test_no_such_folder(tmp_path):
    with pytest.raises(StorageError, match="Cannot make a bell"):
        Bell(tmp_path / "nowhere" / "bell")


def test_bells_do_not_leak_into_children(tmp_path):
    with Bell(tmp_path / "bell") as bell:
        assert not os.get_inheritable(bell.fileno())

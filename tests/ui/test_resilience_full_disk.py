"""A full disk is told in words, and once there is room all goes on."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import expect

from tests.ui.full_disk import Disk
from tests.ui.gate import Gate
from tests.ui.job import open_from_notice, path_of, train
from tests.ui.lab import LabServer
from tests.ui.notebooks import write_failing, write_quick, write_steps
from tests.ui.tab import Tab

# JupyterLab cannot store its layout either.
NO_SPACE = "status of 50[07]|No space left"


@pytest.fixture(scope="module")
def shared_disk(tmp_path_factory: pytest.TempPathFactory) -> Disk:
    return Disk(tmp_path_factory.mktemp("disk"))


@pytest.fixture
def disk(shared_disk: Disk) -> Iterator[Disk]:
    yield shared_disk
    shared_disk.free()


@pytest.fixture(scope="module")
def shared_lab(shared_disk: Disk, front_end: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[LabServer]:
    server = LabServer(tmp_path_factory.mktemp("lab"), env=shared_disk.env)
    server.start()
    yield server
    server.close()


def test_submission_says_that_the_disk_is_full(tab: Tab, disk: Disk, work: Path, name: str) -> None:
    tab.expect_problem(NO_SPACE)
    tab.open(path_of(tab, write_quick(work, name)))
    tab.await_kernel()
    # The server has been at work before: Python looks for its temporary folder once, and finds none on a full disk.
    tab.lab.api("POST", "plans", {"notebook": path_of(tab, write_failing(work, "other"))})
    disk.fill()
    tab.menu("Train", "Train with Defaults")
    expect(tab.dialog()).to_contain_text("Free some space on the disk")
    tab.dialog().get_by_role("button").click()
    disk.free()
    tab.menu("Train", "Train with Defaults")
    open_from_notice(tab, name).expect_phase("Succeeded")
    assert len(tab.lab.api("GET", "jobs")["jobs"]) == 1


def test_running_job_lives_through_a_full_disk(tab: Tab, disk: Disk, work: Path, name: str, gate: Gate) -> None:
    tab.expect_problem(NO_SPACE)
    job = train(tab, write_steps(work, name, gate), with_kernel=True)
    job.show("Notebook")
    gate.step()
    expect(job.cells.nth(2)).to_contain_text("step 0 done")
    disk.fill()
    gate.step()
    disk.free()
    gate.step(2)
    job.expect_phase("Succeeded")
    expect(job.cells.nth(3)).to_contain_text("that is all")

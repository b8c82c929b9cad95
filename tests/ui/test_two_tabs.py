"""What is done in one tab is seen in every other, in the same browser and in another one."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import expect

from tests.ui.gate import Gate
from tests.ui.job import JobTab, train
from tests.ui.notebooks import write_quick, write_steps
from tests.ui.panel import Panel
from tests.ui.tab import Tab


@pytest.fixture
def second(new_tab: Callable[..., Tab]) -> Tab:
    return new_tab(elsewhere=True)


@pytest.mark.parametrize("elsewhere", [False, True], ids=["same", "other"])
def test_all_actions(elsewhere: bool, tab: Tab, new_tab: Callable[..., Tab], work: Path, name: str, gate: Gate) -> None:
    there = Panel(new_tab(elsewhere=elsewhere).open())
    here = train(tab, write_steps(work, name, gate))
    there.expect_phase(name, "Running")
    here.act("Suspend")
    there.expect_phase(name, "Suspended")
    there.act(name, "Resume")
    here.expect_phase("Running")
    there.act(name, "Cancel")
    here.expect_phase("Cancelled")
    here.act("Delete…")
    tab.dialog().get_by_role("button", name="Delete").click()
    expect(there.rows).to_have_count(0)


def test_job_deleted_elsewhere_says_so_in_its_tab(tab: Tab, second: Tab, work: Path, name: str) -> None:
    here = train(tab, write_quick(work, name))
    here.expect_phase("Succeeded")
    there = Panel(second.open()).open(name)
    there.expect_phase("Succeeded")
    there.show("Notebook")
    here.act("Delete…")
    tab.dialog().get_by_role("button", name="Delete").click()
    expect(there.root).to_contain_text("This job was deleted.")
    expect(there.panel).to_contain_text("that is all")
    expect(there.header.get_by_role("button")).to_have_count(0)


def test_two_tabs_watch_one_notebook(tab: Tab, second: Tab, work: Path, name: str, gate: Gate) -> None:
    here = train(tab, write_steps(work, name, gate))
    here.show("Notebook")
    gate.step()
    there = Panel(second.open()).open(name)
    there.show("Notebook")
    gate.step()
    for job in (here, there):
        expect(job.cells.nth(2)).to_contain_text("step 1 done")
    gate.step(2)
    for job in (here, there):
        job.expect_phase("Succeeded")
        expect(job.cells.nth(3)).to_contain_text("that is all")
    assert outputs(here) == outputs(there)


def outputs(job: JobTab) -> list[str]:
    return job.panel.locator(".jp-OutputArea").all_inner_texts()

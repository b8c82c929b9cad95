"""The server dies and comes back: jobs go on, and every tab catches up by itself."""

from __future__ import annotations

import os
import signal
from pathlib import Path
from urllib.parse import urlsplit

from playwright.sync_api import Request, Route, expect

from tests.ui.gate import Gate
from tests.ui.job import path_of, train
from tests.ui.notebooks import write_quick, write_steps
from tests.ui.panel import Panel
from tests.ui.tab import NO_SERVER, Tab

SUBMISSIONS = "/jupyter-mltrain/jobs"
STEPS = ["step 0 done", "step 1 done", "step 2 done"]


def steps_in(text: str) -> list[str]:
    """Return what the loop printed, each line as often as it is there."""
    return [line.strip() for line in text.splitlines() if line.strip().startswith("step ")]


def test_job_and_its_tab_outlive_the_server(tab: Tab, work: Path, name: str, gate: Gate) -> None:
    tab.expect_problem(NO_SERVER)
    job = train(tab, write_steps(work, name, gate), with_kernel=True)
    job.show("Notebook")
    gate.step()
    expect(job.cells.nth(2)).to_contain_text("step 0 done")
    tab.lab.kill()
    gate.step()
    tab.lab.start()
    expect(job.cells.nth(2)).to_contain_text("step 1 done")
    gate.step(2)
    job.expect_phase("Succeeded")
    expect(job.cells).to_have_count(4)
    assert steps_in(job.cells.nth(2).inner_text()) == STEPS
    expect(tab.notice("has finished")).to_be_visible()


def test_log_has_each_line_once(tab: Tab, work: Path, name: str, gate: Gate) -> None:
    tab.expect_problem(NO_SERVER)
    job = train(tab, write_steps(work, name, gate), with_kernel=True)
    log = job.show("Logs")
    gate.step()
    expect(log).to_contain_text("step 0 done")
    tab.lab.kill()
    gate.step(3)
    tab.lab.start()
    expect(log).to_contain_text("that is all")
    assert steps_in(log.inner_text()) == STEPS


def test_what_ended_without_a_server_is_told(tab: Tab, work: Path, name: str, gate: Gate) -> None:
    tab.expect_problem(NO_SERVER)
    job = train(tab, write_steps(work, name, gate, steps=0), with_kernel=True)
    job.expect_phase("Running")
    panel = Panel(tab)
    panel.expect_phase(name, "Running")
    tab.lab.kill()
    expect(panel.root).to_contain_text("Connection lost")
    gate.step()
    tab.lab.start()
    job.expect_phase("Succeeded")
    panel.expect_phase(name, "Succeeded")
    expect(panel.rows).to_have_count(1)
    expect(panel.root).not_to_contain_text("Connection lost")
    expect(tab.notice("has finished")).to_be_visible()


def is_submission(request: Request) -> bool:
    return request.method == "POST" and urlsplit(request.url).path == SUBMISSIONS


def test_unread_submission_is_sent_again(tab: Tab, work: Path, name: str) -> None:
    tab.expect_problem(NO_SERVER)
    tab.open(path_of(tab, write_quick(work, name)))
    tab.await_kernel()
    panel = Panel(tab)
    os.kill(tab.lab.pid, signal.SIGSTOP)
    with tab.page.expect_request(is_submission):
        tab.menu("Train", "Train with Defaults")
    tab.lab.restart()
    # Not a notice: JupyterLab has none where it could not load what draws them.
    panel.expect_phase(name, "Succeeded")
    assert len(tab.lab.api("GET", "jobs")["jobs"]) == 1


def test_submission_with_a_lost_answer_makes_one_job(tab: Tab, work: Path, name: str) -> None:
    tab.expect_problem(NO_SERVER)
    tab.open(path_of(tab, write_quick(work, name)))
    tab.await_kernel()
    panel = Panel(tab)

    def die_before_the_answer(route: Route) -> None:
        route.fetch()
        tab.lab.kill()
        route.abort("connectionreset")

    tab.page.route(f"**{SUBMISSIONS}?*", die_before_the_answer, times=1)
    with tab.page.expect_event("requestfailed", is_submission):
        tab.menu("Train", "Train with Defaults")
    tab.lab.start()
    panel.expect_phase(name, "Succeeded")
    assert len(tab.lab.api("GET", "jobs")["jobs"]) == 1

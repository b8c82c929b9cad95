"""One job from its submission to its end, as seen in its tab."""

from __future__ import annotations

import json
from pathlib import Path

from playwright.sync_api import Request, expect

from tests.ui.gate import Gate
from tests.ui.job import open_from_notice, path_of, train
from tests.ui.notebooks import write_failing, write_quick, write_steps
from tests.ui.tab import Tab


def test_notebook_grows_until_the_end(tab: Tab, work: Path, name: str, gate: Gate) -> None:
    job = train(tab, write_steps(work, name, gate))
    job.expect_phase("Running")
    job.show("Notebook")
    loop, last = job.cells.nth(2), job.cells.nth(3)
    expect(loop).to_have_attribute("data-status", "running")
    expect(last).to_have_attribute("data-status", "pending")
    gate.step()
    expect(loop).to_contain_text("step 0 done")
    expect(loop).not_to_contain_text("step 1 done")
    gate.step(2)
    expect(loop).to_have_attribute("data-status", "completed")
    expect(last).to_have_attribute("data-status", "running")
    gate.step()
    job.expect_phase("Succeeded")
    expect(last).to_contain_text("that is all")
    expect(tab.notice("has finished")).to_be_visible()


def test_failure_says_why(tab: Tab, work: Path, name: str) -> None:
    job = train(tab, write_failing(work, name))
    job.expect_phase("Failed")
    expect(job.show("Overview").locator(".jp-mltrain-Why")).to_contain_text("ZeroDivisionError: division by zero")
    # Which reason depends on what was known when the job ended: the replica's exit, or already the cell's error.
    expect(tab.notice("failed: ")).to_be_visible()
    job.show("Notebook")
    expect(job.cells.nth(1)).to_have_attribute("data-status", "failed")
    expect(job.cells.nth(2)).to_have_attribute("data-status", "pending")


def test_logs_metrics_events_manifest_and_provenance(tab: Tab, work: Path, name: str, gate: Gate) -> None:
    job = train(tab, write_steps(work, name, gate))
    log = job.show("Logs")
    gate.step()
    expect(log).to_contain_text("step 0 done")
    gate.step(3)
    job.expect_phase("Succeeded")
    expect(log).to_contain_text("that is all")
    expect(job.show("Metrics")).to_contain_text("loss")
    expect(job.panel.locator("canvas").first).to_be_visible()
    expect(job.show("Events")).to_contain_text("Created pod")
    expect(job.show("Manifest")).to_contain_text("kind: Job")
    expect(job.show("Provenance")).to_contain_text("sha256:")


def test_suspend_resume_and_cancel(tab: Tab, work: Path, name: str, gate: Gate) -> None:
    job = train(tab, write_steps(work, name, gate))
    job.expect_phase("Running")
    job.act("Suspend")
    job.expect_phase("Suspended")
    job.act("Resume")
    job.expect_phase("Running")
    job.act("Cancel")
    job.expect_phase("Cancelled")


def test_resubmit_with_other_parameters(tab: Tab, work: Path, name: str) -> None:
    tab.expect_problem("status of 400")  # a value of the wrong type is refused
    tab.open()
    submission = {"notebook": path_of(tab, write_quick(work, name)), "parameters": {"epochs": 3}}
    tab.lab.api("POST", "jobs", submission)
    job = open_from_notice(tab, "has finished")
    job.expect_phase("Succeeded")
    job.act("Resubmit with Changes…")
    form = job.header.get_by_role("form", name="Resubmit with changes")
    form.get_by_label("epochs").fill("seven")
    form.get_by_role("button", name="Resubmit").click()
    expect(form.get_by_label("epochs")).to_have_attribute("aria-invalid", "true")
    form.get_by_label("epochs").fill("7")
    form.get_by_role("button", name="Resubmit").click()
    expect(form).to_have_count(0)
    job.expect_phase("Succeeded")
    job.show("Notebook")
    expect(job.panel).to_contain_text("epochs are 7")


def layout_with_job(request: Request) -> bool:
    """Whether JupyterLab stores a layout that has the tab of a job: it does so a while after the tab was opened."""
    if request.method != "PUT" or "/api/workspaces/" not in request.url:
        return False
    layout = json.loads(request.post_data or "{}").get("data", {}).get("layout-restorer:data", {})
    return "jupyter-mltrain-jobs:job:" in json.dumps(layout.get("main"))


def test_reload_in_the_middle_shows_the_same(tab: Tab, work: Path, name: str, gate: Gate) -> None:
    with tab.page.expect_response(lambda response: layout_with_job(response.request)):
        job = train(tab, write_steps(work, name, gate))
    job.show("Notebook")
    gate.step()
    expect(job.cells.nth(2)).to_contain_text("step 0 done")
    before = job.cells.nth(2).inner_text()
    tab.reload()
    job.show("Notebook")
    expect(job.cells.nth(2)).to_contain_text("step 0 done")
    assert without_time(job.cells.nth(2).inner_text()) == without_time(before)
    gate.step(3)
    job.expect_phase("Succeeded")
    expect(job.panel).to_contain_text("that is all")


def without_time(text: str) -> list[str]:
    """Leave out how long the running cell has taken so far."""
    return [line for line in text.splitlines() if not line.strip().endswith(" s")]


def test_delete_asks_first(tab: Tab, work: Path, name: str) -> None:
    job = train(tab, write_quick(work, name))
    job.expect_phase("Succeeded")
    job.act("Delete…")
    tab.dialog().get_by_role("button", name="Cancel").click()
    assert len(tab.lab.api("GET", "jobs")["jobs"]) == 1
    job.act("Delete…")
    tab.dialog().get_by_role("button", name="Delete").click()
    expect(job.root).to_contain_text("This job was deleted.")
    assert tab.lab.api("GET", "jobs")["jobs"] == []

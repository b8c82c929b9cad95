"""A job's tab for everybody: by keyboard, by ear, in each theme, narrow and wide, and as it was left."""

from __future__ import annotations

from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Locator, expect

from tests.ui.gate import Gate
from tests.ui.job import JobTab, open_from_notice, path_of, train
from tests.ui.notebooks import write_cells, write_failing, write_quick, write_steps
from tests.ui.tab import Tab

TABS = ("Overview", "Notebook", "Logs", "Metrics", "Events", "Manifest", "Provenance")
THEMES = ("JupyterLab Light", "JupyterLab Dark", "JupyterLab Dark High Contrast")
OVERFLOWS = "node => node.scrollWidth > node.clientWidth + 1"

# What JupyterLab's own colours and renderers do is not ours: terminal colours, highlighted source, sanitised outputs.
NOT_OURS = [[".jp-mltrain-Rendered"], [".jp-mltrain-LogLines"]]


def violations(job: JobTab) -> list[str]:
    """Return what axe has to say about the job's tab."""
    options = {"runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]}
    results = Axe().run(job.page, {"include": [[".jp-mltrain-Job"]], "exclude": NOT_OURS}, options)
    return [
        f"{found['id']}: {node['html'][:200]} {node['failureSummary']}"
        for found in results.response["violations"]
        for node in found["nodes"]
    ]


def tab_of(job: JobTab, name: str) -> Locator:
    """The handle of a tab within."""
    return job.root.get_by_role("tab", name=name, exact=True)


@pytest.mark.slow
@pytest.mark.parametrize("theme", THEMES, ids=["light", "dark", "contrast"])
def test_no_violation_of_accessibility(tab: Tab, work: Path, name: str, gate: Gate, theme: str) -> None:
    job = train(tab, write_steps(work, name, gate))
    tab.theme(theme)
    gate.step(2)
    expect(job.show("Notebook")).to_contain_text("step 1 done")
    for label in TABS:
        expect(job.show(label)).not_to_contain_text("Loading…")
        assert violations(job) == [], label
    gate.step(3)
    job.expect_phase("Succeeded")
    job.act("Resubmit with Changes…")
    assert violations(job) == []


def test_a_failed_job_has_no_violation(tab: Tab, work: Path, name: str) -> None:
    job = train(tab, write_failing(work, name))
    job.expect_phase("Failed")
    for label in ("Overview", "Notebook"):
        job.show(label)
        assert violations(job) == []


def test_tabs_by_keyboard(tab: Tab, work: Path, name: str) -> None:
    job = train(tab, write_quick(work, name))
    job.expect_phase("Succeeded")
    tab_of(job, "Overview").focus()
    for key, label in (
        ("ArrowRight", "Notebook"),
        ("ArrowRight", "Logs"),
        ("End", "Provenance"),
        ("ArrowRight", "Overview"),
        ("ArrowLeft", "Provenance"),
        ("Home", "Overview"),
    ):
        tab.page.keyboard.press(key)
        expect(tab_of(job, label)).to_be_focused()
        expect(tab_of(job, label)).to_have_attribute("aria-selected", "true")
        expect(job.panel).to_have_accessible_name(label)
    tab.page.keyboard.press("Tab")
    expect(job.panel).to_be_focused()
    tab.page.keyboard.press("Shift+Tab")
    expect(tab_of(job, "Overview")).to_be_focused()


def test_focus_stays_when_the_button_goes(tab: Tab, work: Path, name: str, gate: Gate) -> None:
    job = train(tab, write_steps(work, name, gate))
    job.expect_phase("Running")
    actions = job.header.get_by_role("group")
    actions.get_by_role("button", name="Suspend").focus()
    tab.page.keyboard.press("Enter")
    expect(actions.get_by_role("button", name="Resume")).to_be_focused()
    actions.get_by_role("button", name="Cancel").focus()
    tab.page.keyboard.press("Enter")
    job.expect_phase("Cancelled")
    expect(actions.get_by_role("button").first).to_be_focused()
    change = actions.get_by_role("button", name="Resubmit with Changes…")
    change.click()
    job.header.get_by_role("form").get_by_role("button", name="Dismiss").click()
    expect(change).to_be_focused()


def test_screen_readers_hear_of_each_state_once(tab: Tab, work: Path, name: str, gate: Gate) -> None:
    job = train(tab, write_steps(work, name, gate))
    status = job.header.get_by_role("status")
    expect(status).to_have_text("Running")
    gate.step()
    expect(job.show("Notebook")).to_contain_text("step 0 done")
    expect(status).to_have_text("Running")
    gate.step(3)
    expect(status).to_contain_text("Succeeded")


def test_narrow_and_wide(tab: Tab, work: Path, name: str) -> None:
    tab.open()
    spec = {"framework": "tensorflow", "roles": {"Worker": {"replicas": 2}}}
    notebook = write_cells(work, name, "print('x' * 500)\n# " + "a long comment " * 30)
    tab.lab.api("POST", "jobs", {"notebook": path_of(tab, notebook), "spec": spec})
    job = open_from_notice(tab, "has finished")
    for width in (480, 700, 1400):
        tab.page.set_viewport_size({"width": width, "height": 800})
        for label in TABS:
            job.show(label)
            assert not job.root.evaluate(OVERFLOWS), (label, width)
            assert not job.panel.evaluate(OVERFLOWS), (label, width)


def test_a_tab_is_as_it_was_left(tab: Tab, work: Path, name: str) -> None:
    job = train(tab, write_cells(work, name, "for i in range(3000): print('line', i)"))
    job.expect_phase("Succeeded")
    job.show("Logs")
    job.panel.get_by_role("button", name="Load All").click()
    job.panel.get_by_label("Search the log").fill("line 1500")
    expect(job.panel.locator(".jp-mltrain-Search-count")).to_have_text("0 of 1")
    job.panel.get_by_label("Search the log").press("Enter")
    found = job.panel.locator(".jp-mltrain-LogLine[aria-current]")
    expect(found).to_be_in_viewport()
    job.show("Overview")
    expect(found).to_have_count(0)
    job.show("Logs")
    expect(found).to_be_in_viewport()
    expect(job.panel.get_by_label("Search the log")).to_have_value("line 1500")
    expect(job.panel.get_by_role("button", name="Load All")).to_have_count(0)

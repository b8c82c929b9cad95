"""What is told of jobs, where, and how often."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import Locator, expect

from tests.ui.gate import Gate
from tests.ui.job import JobTab
from tests.ui.lab import LabServer
from tests.ui.notebooks import write_failing, write_quick, write_steps
from tests.ui.tab import Tab

# Stands for the browser's own notices, and for a page that nobody looks at once `hidden` says so.
DESKTOP = """
window.desktop = [];
window.Notification = class {
  static permission = 'granted';
  constructor(title, options) { this.options = options; window.desktop.push(this); }
  close() {}
};
window.setHidden = hidden => {
  Object.defineProperty(document, 'hidden', { configurable: true, get: () => hidden });
  document.dispatchEvent(new Event('visibilitychange'));
};
"""


def submit(lab: LabServer, notebook: Path) -> str:
    """Submit as somebody else does; return the job's name."""
    name: str = lab.api("POST", "jobs", {"notebook": notebook.relative_to(lab.work).as_posix()})["name"]
    return name


def notices(tab: Tab) -> Locator:
    """Return all notices that stand there."""
    return tab.page.locator(".Toastify__toast")


def panel_of(tab: Tab) -> Locator:
    """Return the panel, which must be shown."""
    return tab.page.get_by_role("region", name="Training", exact=True)


def follow(tab: Tab) -> Tab:
    """Open JupyterLab with the panel, and wait until the list of jobs is there."""
    tab.open()
    tab.menu("Train", "Show Training Jobs")
    rows = panel_of(tab).get_by_role("grid", name="Training jobs")
    expect(rows.or_(panel_of(tab).get_by_text("No training jobs yet"))).to_be_visible()
    return tab


def test_one_notice_from_submission_to_end(tab: Tab, work: Path, name: str, gate: Gate) -> None:
    tab.open(write_steps(work, name, gate, steps=1).relative_to(tab.lab.work).as_posix())
    tab.menu("Train", "Train with Defaults")
    expect(tab.notice("was submitted.")).to_be_visible()
    gate.step(2)
    end = tab.notice("has finished after 00:")
    expect(end).to_be_visible()
    expect(notices(tab)).to_have_count(1)
    end.get_by_role("button", name="Open Job").click()
    JobTab(tab.page).expect_phase("Succeeded")


def test_failure_with_its_reason_and_the_log(tab: Tab, work: Path, name: str) -> None:
    follow(tab)
    submit(tab.lab, write_failing(work, name))
    notice = tab.notice("failed: Worker 0 failed: cell 2: ZeroDivisionError")
    notice.get_by_role("button", name="Log").click()
    job = JobTab(tab.page)
    expect(job.root.get_by_role("tab", name="Logs")).to_have_attribute("aria-selected", "true")
    expect(job.panel).to_contain_text("ZeroDivisionError")


def test_one_of_two_windows_tells(new_tab: Callable[..., Tab], work: Path, name: str) -> None:
    tabs = [follow(new_tab()), follow(new_tab())]
    job = submit(tabs[0].lab, write_quick(work, name))
    for tab in tabs:
        expect(panel_of(tab).get_by_role("row", name="Succeeded")).to_be_visible()
    told = 0
    for tab in tabs:
        tab.menu("View", "Show Notifications")
        centre = tab.page.locator(".jp-Notification-Center")
        expect(centre).to_be_visible()
        told += centre.locator("li").filter(has_text=f"{job} has finished").count()
    assert told == 1


def test_reload_tells_of_what_ends_later_and_of_nothing_that_has_ended(
    tab: Tab, work: Path, name: str, gate: Gate
) -> None:
    follow(tab)
    ended = submit(tab.lab, write_quick(work, f"{name}-old"))
    expect(tab.notice(f"{ended} has finished")).to_be_visible()
    running = submit(tab.lab, write_steps(work, name, gate, steps=1))
    follow(tab)
    gate.step(2)
    expect(tab.notice(f"{running} has finished")).to_be_visible()
    expect(notices(tab)).to_have_count(1)


def test_cancel_can_be_undone(tab: Tab, work: Path, name: str, gate: Gate) -> None:
    tab.open(write_steps(work, name, gate).relative_to(tab.lab.work).as_posix())
    tab.menu("Train", "Train with Defaults")
    tab.notice("was submitted.").get_by_role("button", name="Open Job").click()
    job = JobTab(tab.page)
    job.expect_phase("Running")
    job.act("Cancel")
    tab.notice("was cancelled.").get_by_role("button", name="Submit Again").click()
    expect(tab.notice("was submitted.")).to_be_visible()
    phases = [job["phase"] for job in tab.lab.api("GET", "jobs")["jobs"]]
    assert len(phases) == 2
    assert "Cancelled" in phases


@pytest.mark.usefixtures("fresh_settings")
def test_desktop_tells_while_nobody_looks(tab: Tab, work: Path, name: str) -> None:
    tab.page.add_init_script(DESKTOP)
    follow(tab)
    tab.menu("Settings", "Settings Editor")
    editor = tab.page.locator(".jp-SettingsPanel, .jp-PluginEditor").first
    tab.page.locator(".jp-PluginList").get_by_text("Training", exact=True).click()
    with tab.page.expect_response(lambda answer: answer.request.method == "PUT" and "settings" in answer.url):
        editor.get_by_label("Desktop notices").check()
    seen = submit(tab.lab, write_quick(work, f"{name}-seen"))
    expect(tab.notice(f"{seen} has finished")).to_be_visible()
    tab.page.evaluate("setHidden(true)")
    job = submit(tab.lab, write_quick(work, name))
    tab.page.wait_for_function("desktop.length > 0")
    texts = tab.page.evaluate("desktop.map(notice => notice.options.body)")
    assert [text.split(" after ")[0] for text in texts] == [f"{job} has finished"]
    tab.page.evaluate("setHidden(false)")
    tab.page.evaluate("desktop[0].onclick()")
    JobTab(tab.page).expect_phase("Succeeded")

"""Settings take effect at once, from the settings editor."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from playwright.sync_api import Locator, expect

from tests.ui.job import JobTab
from tests.ui.notebooks import write_quick
from tests.ui.tab import Tab

pytestmark = pytest.mark.usefixtures("fresh_settings")


def settings_of(tab: Tab) -> Locator:
    """Open the settings editor at the extension's settings."""
    tab.menu("Settings", "Settings Editor")
    tab.page.locator(".jp-PluginList").get_by_text("Training", exact=True).click()
    return tab.page.locator(".jp-SettingsPanel")


@contextmanager
def stored(tab: Tab) -> Iterator[None]:
    """Do something to the settings, and wait until they are stored."""
    with tab.page.expect_response(lambda answer: answer.request.method == "PUT" and "/api/settings/" in answer.url):
        yield


def run(tab: Tab, notebook: Path) -> None:
    """Open the notebook and submit it with the defaults."""
    tab.open(notebook.relative_to(tab.lab.work).as_posix())
    tab.menu("Train", "Train with Defaults")


def test_delete_without_asking(tab: Tab, work: Path, name: str) -> None:
    run(tab, write_quick(work, name))
    tab.notice("has finished").get_by_role("button", name="Open Job").click()
    settings = settings_of(tab)
    with stored(tab):
        settings.locator("[name$=_confirmDelete]").uncheck()
    tab.page.locator("#jp-main-dock-panel .lm-TabBar-tab").filter(has_text=re.compile(f"^{name}-")).click()
    job = JobTab(tab.page)
    job.act("Delete…")
    expect(job.root).to_contain_text("This job was deleted.")
    expect(tab.dialog()).to_have_count(0)


def test_no_notices(tab: Tab, work: Path, name: str) -> None:
    tab.open()
    settings = settings_of(tab)
    with stored(tab):
        settings.locator("[name$=_notices]").select_option(label="none")
    tab.menu("Train", "Show Training Jobs")
    tab.lab.api("POST", "jobs", {"notebook": write_quick(work, name).relative_to(tab.lab.work).as_posix()})
    panel = tab.page.get_by_role("region", name="Training", exact=True)
    expect(panel.get_by_role("row", name="Succeeded")).to_be_visible()
    expect(tab.page.locator(".Toastify__toast")).to_have_count(0)


def test_default_place(tab: Tab, work: Path, name: str) -> None:
    tab.expect_problem("status of 4")
    tab.open()
    settings = settings_of(tab)
    with stored(tab):
        settings.locator("[name$=_defaultBackend]").fill("nowhere")
    run(tab, write_quick(work, name))
    expect(tab.dialog()).to_contain_text("nowhere")

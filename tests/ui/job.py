"""A job's tab, as a user sees it."""

from __future__ import annotations

import re
from pathlib import Path

from playwright.sync_api import Locator, Page, expect

from tests.ui.tab import Tab

TOLD = re.compile("was submitted|has finished|failed")
"""What the notice of a job says: a short one may have ended before anybody could read that it was submitted."""


class JobTab:
    """The job whose tab is in front."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.root: Locator = page.locator(".jp-mltrain-Job:visible")

    def show(self, name: str) -> Locator:
        """Go to a tab within: Overview, Notebook, Logs ...; return what it shows."""
        self.root.get_by_role("tab", name=name, exact=True).click()
        return self.panel

    @property
    def panel(self) -> Locator:
        """What the tab within shows."""
        return self.root.get_by_role("tabpanel")

    @property
    def header(self) -> Locator:
        """State, name, actions."""
        return self.root.locator(".jp-mltrain-JobHeader")

    def expect_phase(self, phase: str) -> None:
        """Wait until the header says that word."""
        expect(self.header.locator(".jp-mltrain-JobHeader-line")).to_contain_text(phase)

    def act(self, action: str) -> None:
        """Press one of the buttons."""
        self.header.get_by_role("group").get_by_role("button", name=action, exact=True).click()

    @property
    def cells(self) -> Locator:
        """The code cells of the live notebook, which must be shown."""
        return self.panel.locator(".jp-mltrain-Cell[data-status]")


def train(tab: Tab, notebook: Path, *, with_kernel: bool = False) -> JobTab:
    """Submit the notebook with its defaults, and open the job from the notice.

    ``with_kernel``: before that the notebook's own kernel is there, and JupyterLab has nothing under way.
    """
    tab.open(path_of(tab, notebook))
    if with_kernel:
        tab.await_kernel()
    tab.menu("Train", "Train with Defaults")
    return open_from_notice(tab, TOLD)


def path_of(tab: Tab, notebook: Path) -> str:
    """Return the path as the contents manager names it."""
    return notebook.relative_to(tab.lab.work).as_posix()


def open_from_notice(tab: Tab, text: str | re.Pattern[str]) -> JobTab:
    """Open the job that a notice tells of."""
    tab.notice(text).get_by_role("button", name="Open").click()
    return JobTab(tab.page)

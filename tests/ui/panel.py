"""The sidebar panel, as a user sees it."""

from __future__ import annotations

from playwright.sync_api import Locator, expect

from tests.ui.job import JobTab
from tests.ui.tab import Tab


class Panel:
    """The panel of a tab; made, it is shown."""

    def __init__(self, tab: Tab) -> None:
        self.tab = tab
        self.root: Locator = tab.page.locator("#jupyter-mltrain-panel .jp-mltrain-Panel")
        if not self.root.is_visible():
            tab.page.get_by_role("tab", name="Training", exact=True).click()
        self.root.wait_for()

    @property
    def rows(self) -> Locator:
        """The jobs that are in the document: those in sight and some around them."""
        return self.root.get_by_role("row")

    def row(self, name: str) -> Locator:
        """Return the row of a job by a part of its name."""
        return self.rows.filter(has_text=name)

    def expect_phase(self, name: str, phase: str) -> None:
        """Wait until a job's row shows that phase."""
        expect(self.row(name)).to_have_attribute("data-phase", phase)

    def open(self, name: str) -> JobTab:
        """Click on a job; return its tab."""
        self.row(name).locator(".jp-mltrain-JobRow-name").click()
        return JobTab(self.tab.page)

    def act(self, name: str, action: str) -> None:
        """Choose an item of the row's context menu."""
        self.row(name).click(button="right")
        self.tab.menu_item(action).click()

    def run_sample(self, title: str) -> None:
        """Press the button that trains a sample."""
        self.root.get_by_role("button", name=f"Run {title}", exact=True).click()

    def open_sample(self, title: str) -> None:
        """Press the button that opens a sample."""
        self.root.get_by_role("button", name=f"Open {title}", exact=True).click()

"""The submit tab, as a user sees it."""

from __future__ import annotations

import re
from typing import Any

from playwright.sync_api import Locator, expect

from tests.ui.job import JobTab
from tests.ui.tab import Tab


class SubmitForm:
    """The form that is in front."""

    def __init__(self, tab: Tab) -> None:
        self.tab = tab
        self.root: Locator = tab.page.locator("form.jp-mltrain-Submit:visible")

    @classmethod
    def open(cls, tab: Tab, notebook: str) -> SubmitForm:
        """Open a notebook, then its form by the notebook's toolbar; return when the server has looked at it."""
        tab.open(notebook)
        tab.await_kernel()
        press_train(tab)
        return cls(tab).planned()

    def planned(self) -> SubmitForm:
        """Wait until the server has looked at what the form says."""
        expect(self.preview).to_have_attribute("aria-busy", "false")
        return self

    @property
    def preview(self) -> Locator:
        """What would be, on the right or below."""
        return self.root.locator(".jp-mltrain-Preview")

    @property
    def status(self) -> Locator:
        """What stands beside the button."""
        return self.root.get_by_role("status")

    @property
    def submit_button(self) -> Locator:
        """The button that submits."""
        return self.root.get_by_role("button", name="Submit", exact=True)

    def field(self, path: str) -> Locator:
        """Return the control of a field by its path, such as ``parameters.epochs`` or ``roles.Worker.replicas``."""
        return self.root.locator(f'[data-field="{path}"]').locator("input, select, textarea").first

    def parameter(self, name: str) -> Locator:
        """Return the control of one of the notebook's parameters."""
        return self.field(f"parameters.{name}")

    def part(self, title: str) -> Locator:
        """Return the heading of a part, which opens and closes it."""
        return self.root.get_by_role("button", name=re.compile(f"^{re.escape(title)}"))

    def show(self, preview: str) -> Locator:
        """Go to one of the preview's tabs; return what it shows."""
        self.root.get_by_role("tab", name=preview).click()
        return self.preview.get_by_role("tabpanel").filter(visible=True)

    def expect_problem(self, path: str, text: str) -> None:
        """Wait until a field is said to be wrong, to those who see it and to those who do not."""
        expect(self.field(path)).to_have_attribute("aria-invalid", "true")
        expect(self.field(path)).to_have_accessible_description(re.compile(re.escape(text)))

    def submit(self) -> JobTab:
        """Submit; return the job's tab, which then is in front."""
        self.submit_button.click()
        expect(self.tab.page.locator(".jp-mltrain-Job:visible")).to_have_count(1)
        return JobTab(self.tab.page)

    def jobs(self) -> list[dict[str, Any]]:
        """Return all jobs that there are, whole."""
        found = self.tab.lab.api("GET", "jobs")["jobs"]
        return [self.tab.lab.api("GET", f"jobs/{job['id']}") for job in found]


def press_train(tab: Tab) -> None:
    """Press Train in the notebook's toolbar."""
    tab.page.locator(".jp-NotebookPanel-toolbar").get_by_text("Train", exact=True).click()

"""What a user does in one tab of the browser, and what went wrong in it meanwhile."""

from __future__ import annotations

import re
from urllib.parse import quote

from playwright.sync_api import BrowserContext, ConsoleMessage, Locator, Page, expect

from tests.ui.lab import LabServer

# A busy machine is no error: Playwright waits for what it looks for, and goes on as soon as it is there.
PATIENCE = 30_000
# What is on the console while there is no way to the server: JupyterLab has errors too, with no word of this project.
NO_SERVER = (
    r"ERR_|Failed to fetch|WebSocket connection to|status of 50[234]|status of 400"
    r"|(?s:\A(?!.*jupyter-mltrain).*/static/lab/)"
)


class Tab:
    """A tab with JupyterLab in it.

    Parameters
    ----------
    url:
        Where the browser finds the server, if not at its own address.

    Attributes
    ----------
    problems:
        Errors on the console, the extension's own warnings, and uncaught exceptions; refusals by the content security
        policy are among them.
    """

    def __init__(self, context: BrowserContext, lab: LabServer, workspace: str, url: str | None = None) -> None:
        self.lab = lab
        self.url = url or lab.url
        self.workspace = workspace
        self.page: Page = context.new_page()
        self.page.set_default_timeout(PATIENCE)
        self.problems: list[str] = []
        self._expected: list[re.Pattern[str]] = []
        self.page.on("console", self._note)
        self.page.on("pageerror", lambda error: self.problems.append(f"{error}\n{error.stack}"))

    def _note(self, message: ConsoleMessage) -> None:
        url = message.location["url"]
        if message.type == "error" or (message.type == "warning" and "/extensions/jupyter-mltrain/" in url):
            self.problems.append(f"{message.text} ({url})")

    def expect_problem(self, pattern: str) -> None:
        """Say that errors with this in their text are meant to happen here."""
        self._expected.append(re.compile(pattern))

    def unexpected_problems(self) -> list[str]:
        """Return what must not have happened."""
        return [text for text in self.problems if not any(pattern.search(text) for pattern in self._expected)]

    # Lab itself

    def open(self, notebook: str = "") -> Tab:
        """Open JupyterLab, with a notebook or without."""
        tree = f"/tree/{quote(notebook)}" if notebook else ""
        self.page.goto(f"{self.url}lab/workspaces/{self.workspace}{tree}?token={self.lab.token}")
        self.await_lab()
        if notebook:
            self.page.locator(".jp-NotebookPanel .jp-Cell").first.wait_for()
            self.page.locator(".jp-NotebookPanel .jp-Spinner").wait_for(state="detached")
        else:
            # It takes the keyboard once the layout is restored, on a busy machine long after it is to be seen.
            self.page.locator(".jp-Launcher:focus").wait_for()
        return self

    def reload(self) -> None:
        """Press F5."""
        self.page.reload()
        self.await_lab()

    def await_lab(self) -> None:
        """Wait until JupyterLab has put its tabs back."""
        self.page.locator("#jupyterlab-splash").wait_for(state="detached")
        self.page.locator(".jp-LabShell, .jp-NotebookShell").first.wait_for()

    def await_kernel(self) -> None:
        """Wait until the open notebook's kernel is there, so that JupyterLab has nothing of its own under way."""
        self.page.locator("#jp-main-statusbar").get_by_text("| Idle").wait_for()

    def menu(self, *path: str) -> None:
        """Choose an item of the main menu, such as ``menu("File", "Save Notebook")``."""
        top, *rest = path
        self.page.get_by_role("menubar").get_by_role("menuitem", name=top, exact=True).click()
        for item in rest:
            self.menu_item(item).click()

    def menu_item(self, text: str) -> Locator:
        """Return an item of the menus that are open."""
        return self.page.locator(".lm-Menu-itemLabel").get_by_text(text, exact=True)

    def card(self, label: str) -> Locator:
        """Return a card of the launcher."""
        return self.page.locator(".jp-LauncherCard").filter(has=self.page.get_by_text(label, exact=True))

    def palette(self, command: str) -> None:
        """Choose a command from the palette."""
        self.menu("View", "Activate Command Palette")
        search = self.page.locator(".lm-CommandPalette-input")
        search.fill(command)
        self.page.locator(".lm-CommandPalette-item", has_text=command).first.click()

    def dialog(self) -> Locator:
        """Return the dialog that is open."""
        return self.page.locator(".jp-Dialog")

    def notice(self, text: str | re.Pattern[str]) -> Locator:
        """Return the notice that says so; others may stand beside it."""
        return self.page.locator(".Toastify__toast", has_text=text).last

    def theme(self, name: str) -> None:
        """Choose a theme by its name."""
        self.menu("Settings", "Theme", name)
        expect(self.page.locator("body")).to_have_attribute("data-jp-theme-name", name)

"""The extension in Notebook 7: no side bars by default, one document on a page."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from urllib.parse import quote

import pytest
from playwright.sync_api import Browser, Locator, expect

from tests.ui.job import JobTab
from tests.ui.lab import LabServer
from tests.ui.notebooks import write_quick
from tests.ui.tab import Tab

SUBMIT = "Submit as training job"
# Notebook says so without any extension, too.
KNOWN = "reading 'schema'"


@pytest.fixture(scope="module")
def notebook_server(browser: Browser, front_end: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[LabServer]:
    server = LabServer(tmp_path_factory.mktemp("notebook"), application="notebook")
    server.start()
    yield server
    server.close()


@pytest.fixture
def server(notebook_server: LabServer) -> Iterator[LabServer]:
    yield notebook_server
    notebook_server.delete_jobs()


@pytest.fixture
def page(server: LabServer, new_tab: Callable[..., Tab]) -> Tab:
    tab = new_tab(server)
    tab.expect_problem(KNOWN)
    return tab


def open_page(tab: Tab, what: str) -> Tab:
    """Open ``tree`` or ``notebooks/NAME``."""
    tab.page.goto(f"{tab.lab.url}{quote(what)}?token={tab.lab.token}")
    tab.page.get_by_role("menuitem", name="Train", exact=True).wait_for()
    return tab


def write(tab: Tab, stem: str) -> str:
    return write_quick(tab.lab.work, stem).name


def submission(tab: Tab) -> Locator:
    return tab.page.locator(".jp-mltrain-SubmitWidget:visible")


def test_toolbar_and_menus_of_a_notebook(page: Tab, name: str) -> None:
    open_page(page, f"notebooks/{write(page, name)}")
    page.page.locator(".jp-NotebookPanel-toolbar").get_by_text("Train", exact=True).click()
    expect(submission(page)).to_have_count(1)
    box = submission(page).bounding_box()
    assert box is not None
    assert box["width"] > 500
    for menu in ("File", "Train"):
        page.menu(menu, SUBMIT)
        expect(submission(page)).to_have_count(1)


def test_a_job_beside_its_notebook(page: Tab, name: str) -> None:
    open_page(page, f"notebooks/{write(page, name)}")
    page.menu("Train", "Train with Defaults")
    page.notice("has finished").get_by_role("button", name="Open Job").click()
    job = JobTab(page.page)
    job.expect_phase("Succeeded")
    job.show("Notebook")
    expect(job.panel).to_contain_text("that is all")
    expect(page.page.locator(".jp-NotebookPanel")).to_be_visible()


def test_file_list_and_panel(page: Tab, name: str) -> None:
    write(page, name)
    open_page(page, "tree")
    item = page.page.locator(".jp-DirListing-item").filter(has_text=name)
    item.click(button="right")
    page.menu_item(SUBMIT).click()
    expect(submission(page)).to_have_count(1)
    page.lab.api("POST", "jobs", {"notebook": f"{name}.ipynb"})
    page.menu("Train", "Show Training Jobs")
    panel = page.page.get_by_role("region", name="Training", exact=True)
    panel.get_by_text(f"{name}-").first.dblclick()
    JobTab(page.page).expect_phase("Succeeded")

"""Every way from a notebook to its submission, each through the user's door."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.ui.notebooks import write_quick
from tests.ui.tab import Tab

SUBMIT = "Submit as training job"


def main_tab(page: Page, label: str) -> Locator:
    """Return a tab of the main area by its label."""
    return page.locator("#jp-main-dock-panel .lm-TabBar-tab").filter(has_text=label)


def expect_submission(page: Page, stem: str) -> None:
    """Wait until the submit tab of that notebook is in front and filled."""
    expect(main_tab(page, f"Train {stem}")).to_have_class(re.compile(r"\blm-mod-current\b"))
    expect(page.locator(".jp-mltrain-SubmitWidget:visible")).to_have_count(1)


def path_of(tab: Tab, notebook: Path) -> str:
    """Return the path as the contents manager names it."""
    return notebook.relative_to(tab.lab.work).as_posix()


def shortcut(tab: Tab) -> None:
    tab.page.locator(".jp-Notebook .jp-Cell").first.click()
    tab.page.keyboard.press("Control+Alt+Enter")


def toolbar(tab: Tab) -> None:
    tab.page.locator(".jp-NotebookPanel-toolbar").get_by_text("Train", exact=True).click()


def show_panel(tab: Tab) -> Locator:
    tab.menu("Train", "Show Training Jobs")
    return tab.page.get_by_role("region", name="Training", exact=True)


DOORS: dict[str, Callable[[Tab], object]] = {
    "toolbar": toolbar,
    "file-menu": lambda tab: tab.menu("File", SUBMIT),
    "train-menu": lambda tab: tab.menu("Train", SUBMIT),
    "palette": lambda tab: tab.palette(SUBMIT),
    "shortcut": shortcut,
    "panel": lambda tab: show_panel(tab).get_by_role("button", name="Submit the open notebook").click(),
}


@pytest.mark.parametrize("door", DOORS)
def test_open_notebook(tab: Tab, work: Path, name: str, door: str) -> None:
    tab.open(path_of(tab, write_quick(work, name)))
    tab.await_kernel()
    DOORS[door](tab)
    expect_submission(tab.page, name)


@pytest.mark.parametrize("stem", ["plain", "with space", "größe 测试 #1"])
def test_file_browser(tab: Tab, work: Path, stem: str) -> None:
    folder = work / "sub ördner"
    folder.mkdir()
    write_quick(folder, stem)
    (folder / "notes.txt").write_text("no notebook")
    tab.open()
    tab.page.goto(f"{tab.page.url}/tree/{work.name}/sub%20%C3%B6rdner")
    tab.await_lab()
    items = tab.page.locator(".jp-DirListing-item")
    items.filter(has_text="notes.txt").click(button="right")
    expect(tab.menu_item("Open")).to_be_visible()
    expect(tab.menu_item(SUBMIT)).to_have_count(0)
    tab.page.keyboard.press("Escape")
    items.filter(has_text=stem).click(button="right")
    tab.menu_item(SUBMIT).click()
    expect_submission(tab.page, stem)


def test_launcher_asks_which_notebook(tab: Tab, work: Path, name: str) -> None:
    write_quick(work, name)
    tab.open()
    card = tab.card(SUBMIT)
    card.click()
    dialog = tab.dialog()
    expect(dialog).to_contain_text("Which notebook is to be trained?")
    dialog.get_by_role("button", name="Cancel").click()
    expect(main_tab(tab.page, "Train")).to_have_count(0)
    card.click()
    dialog.locator(".jp-DirListing-item").filter(has_text=work.name).dblclick()
    dialog.locator(".jp-DirListing-item").filter(has_text=f"{name}.ipynb").click()
    dialog.get_by_role("button", name="Select").click()
    expect_submission(tab.page, name)


def test_launcher_opens_a_sample(tab: Tab) -> None:
    tab.open()
    tab.card("Penguins").click()
    expect(main_tab(tab.page, "penguins")).to_be_visible()
    copy = tab.lab.work / "penguins.ipynb"
    assert json.loads(copy.read_text())["cells"]
    copy.unlink()


def test_nothing_open_nothing_to_submit(tab: Tab, work: Path, name: str) -> None:
    tab.open()
    tab.card(SUBMIT).wait_for()
    for menu in ("File", "Train"):
        tab.menu(menu)
        item = tab.page.locator(".lm-Menu-item").filter(has_text=SUBMIT)
        expect(item).to_have_class(re.compile("lm-mod-disabled"))
        tab.page.keyboard.press("Escape")
    tab.menu("View", "Activate Command Palette")
    tab.page.locator(".lm-CommandPalette-input").fill(SUBMIT)
    item = tab.page.locator(".lm-CommandPalette-item").filter(has_text=SUBMIT)
    expect(item).to_have_class(re.compile("lm-mod-disabled"))
    expect(item.locator(".lm-CommandPalette-itemCaption")).to_have_text("Open a notebook first.")
    tab.page.keyboard.press("Escape")
    tab.open(path_of(tab, write_quick(work, name)))
    tab.menu("Train", SUBMIT)
    expect_submission(tab.page, name)


def test_notebook_of_another_language_is_told(tab: Tab, work: Path, name: str) -> None:
    tab.expect_problem("status of 400")
    notebook = write_quick(work, name)
    document = json.loads(notebook.read_text())
    document["metadata"] = {
        "kernelspec": {"name": "ir", "display_name": "R", "language": "R"},
        "language_info": {"name": "R"},
    }
    notebook.write_text(json.dumps(document))
    tab.open()
    tab.page.goto(f"{tab.page.url}/tree/{path_of(tab, notebook)}")
    tab.await_lab()
    tab.dialog().get_by_role("button", name="No Kernel").click()
    tab.menu("Train", "Train with Defaults")
    expect(tab.dialog()).to_contain_text("only Python notebooks can be trained")
    assert tab.lab.api("GET", "jobs")["jobs"] == []


def test_unsaved_changes_are_saved_first(tab: Tab, work: Path, name: str) -> None:
    notebook = write_quick(work, name)
    tab.open(path_of(tab, notebook))
    editor = tab.page.locator(".jp-Notebook .jp-Cell .cm-content").last
    editor.click()
    tab.page.keyboard.press("Control+End")
    tab.page.keyboard.type("  # changed")
    tab.page.keyboard.press("Control+Alt+Enter")
    dialog = tab.dialog()
    expect(dialog).to_contain_text("It has unsaved changes")
    tab.page.keyboard.press("Escape")
    expect(dialog).to_have_count(0)
    # On its editor or on the cell: JupyterLab may go into command mode when a dialog takes the focus.
    expect(tab.page.locator(".jp-Notebook:focus-within")).to_have_count(1)
    expect(main_tab(tab.page, "Train")).to_have_count(0)
    tab.menu("Train", SUBMIT)
    dialog.get_by_role("button", name="Save and submit").click()
    expect_submission(tab.page, name)
    assert "# changed" in notebook.read_text()


def test_two_clicks_from_the_notebook_to_a_running_job(tab: Tab, work: Path, name: str) -> None:
    notebook = write_quick(work, name)
    tab.open(path_of(tab, notebook))
    tab.menu("Train", "Train with Defaults")
    expect(tab.notice("has finished")).to_be_visible()
    assert [job["notebook"] for job in tab.lab.api("GET", "jobs")["jobs"]] == [path_of(tab, notebook)]


def test_script_is_written_beside_the_notebook(tab: Tab, work: Path, name: str) -> None:
    notebook = write_quick(work, name)
    script = notebook.with_suffix(".py")
    script.write_text("# somebody's own")
    tab.open(path_of(tab, notebook))
    tab.menu("Train", "Export as Training Script")
    expect(main_tab(tab.page, f"{name}-1.py")).to_be_visible()
    assert script.read_text() == "# somebody's own"
    compile((work / f"{name}-1.py").read_text(), "script", "exec")


def test_submission_is_opened_once_for_each_notebook(tab: Tab, work: Path, name: str) -> None:
    tab.open(path_of(tab, write_quick(work, name)))
    for _ in range(2):
        main_tab(tab.page, f"{name}.ipynb").click()
        tab.menu("File", SUBMIT)
        expect_submission(tab.page, name)
    expect(main_tab(tab.page, f"Train {name}")).to_have_count(1)


def test_simple_interface(tab: Tab, work: Path, name: str) -> None:
    tab.open(path_of(tab, write_quick(work, name)))
    tab.await_kernel()
    tab.palette("Simple Interface")
    expect(tab.page.locator("#jp-main-dock-panel")).to_have_attribute("data-mode", "single-document")
    tab.menu("Train", "Train with Defaults")
    tab.notice("has finished").get_by_role("button", name="Open Job").click()
    expect(tab.page.locator(".jp-mltrain-Job:visible")).to_have_count(1)
    expect(tab.page.locator(".jp-NotebookPanel:visible")).to_have_count(0)
    tab.menu("Train", "Show Training Jobs")
    expect(tab.page.get_by_role("region", name="Training", exact=True)).to_be_visible()

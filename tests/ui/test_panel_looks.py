"""The panel in every theme, narrow, on the other side, for screen readers, and with thousands of jobs."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Locator, expect

from tests.ui.crowd import write_jobs
from tests.ui.gate import Gate
from tests.ui.job import path_of
from tests.ui.lab import LabServer
from tests.ui.notebooks import write_failing, write_quick, write_steps
from tests.ui.panel import Panel
from tests.ui.tab import Tab

THEMES = ("JupyterLab Light", "JupyterLab Dark", "JupyterLab Dark High Contrast")
CROWD = 10_000


def fill(panel: Panel, work: Path, gate: Gate) -> None:
    """Have one job run, one fail and one succeed."""
    for notebook in (write_quick(work, "good"), write_failing(work, "bad"), write_steps(work, "going", gate)):
        panel.tab.lab.api("POST", "jobs", {"notebook": path_of(panel.tab, notebook)})
    gate.step()
    expect(panel.row("going")).to_contain_text("loss")
    panel.expect_phase("good", "Succeeded")
    panel.expect_phase("bad", "Failed")


@pytest.mark.parametrize("theme", THEMES)
def test_axe_finds_nothing(theme: str, tab: Tab, work: Path, gate: Gate) -> None:
    panel = Panel(tab.open())
    tab.theme(theme)
    assert axe(panel) == []
    fill(panel, work, gate)
    panel.root.get_by_role("button", name="More filters").click()
    panel.rows.nth(1).click(modifiers=["Control"])
    panel.rows.first.hover()
    assert axe(panel) == []


def axe(panel: Panel) -> list[str]:
    """Return what axe-core has to say against the panel."""
    results = Axe().run(panel.tab.page, context="#jupyter-mltrain-panel")
    return [
        f"{rule['id']}: {node['html']} {node['failureSummary']}"
        for rule in results.response["violations"]
        for node in rule["nodes"]
    ]


def test_nothing_is_cut_off_at_220_pixels(tab: Tab, work: Path, gate: Gate) -> None:
    panel = Panel(tab.open())
    fill(panel, work, gate)
    panel.rows.first.click(modifiers=["Control"])
    tab.page.evaluate(
        "document.querySelector('#jupyter-mltrain-panel .jp-mltrain-TrainingPanel').style.width = '220px'"
    )
    assert cut_off(panel.root) == []


def cut_off(root: Locator) -> list[str]:
    """Return the buttons, fields and texts that reach out of the panel."""
    found: list[str] = root.evaluate(
        """root => {
            const right = root.getBoundingClientRect().right;
            return [...root.querySelectorAll('button, input, select, p, time, [role=progressbar]')]
                .filter(each => each.getBoundingClientRect().right > right + 0.5)
                .map(each => each.outerHTML);
        }"""
    )
    return found


def height(locator: Locator) -> float:
    found: float = locator.evaluate("node => node.clientHeight")
    return found


@pytest.mark.parametrize(("width", "height_"), [(640, 400), (700, 450), (900, 600)])
def test_in_a_low_window_the_list_has_rows_and_the_panel_scrolls(
    tab: Tab, work: Path, gate: Gate, width: int, height_: int
) -> None:
    panel = Panel(tab.open())
    tab.page.set_viewport_size({"width": width, "height": height_})
    button = panel.root.get_by_role("button", name="Run the sample")
    button.scroll_into_view_if_needed()
    expect(button).to_be_in_viewport(ratio=1)
    fill(panel, work, gate)
    assert height(panel.root.get_by_role("grid")) >= 150
    panel.root.get_by_role("button", name="Machine").scroll_into_view_if_needed()
    expect(panel.root.get_by_role("button", name="Machine")).to_be_in_viewport(ratio=1)
    panel.root.get_by_label("Search the jobs").focus()
    tab.page.keyboard.press("ArrowDown")
    expect(panel.rows.first).to_be_focused()
    for row in panel.rows.all():
        expect(row).to_be_focused()
        expect(row).to_be_in_viewport()
        tab.page.keyboard.press("ArrowDown")


def test_on_the_right(tab: Tab, work: Path, gate: Gate) -> None:
    panel = Panel(tab.open())
    tab.page.get_by_role("tab", name="Training", exact=True).click(button="right")
    tab.menu_item("Switch Sidebar Side").click()
    expect(tab.page.locator("#jp-right-stack #jupyter-mltrain-panel")).to_have_count(1)
    panel = Panel(tab)
    fill(panel, work, gate)
    assert cut_off(panel.root) == []


# Thousands


@pytest.fixture(scope="module")
def crowded(browser: Browser, front_end: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[LabServer]:
    server = LabServer(tmp_path_factory.mktemp("crowded"))
    write_jobs(server.home, CROWD)
    server.start()
    yield server
    server.close()


@pytest.fixture
def crowd(crowded: LabServer, new_tab: Callable[..., Tab]) -> Panel:
    return Panel(new_tab(crowded).open())


def test_ten_thousand_jobs_scroll(crowd: Panel) -> None:
    grid = crowd.root.get_by_role("grid")
    expect(grid).to_have_attribute("aria-rowcount", str(CROWD))
    crowd.rows.first.focus()
    expect(crowd.rows.first).to_contain_text("crowd-09999")
    for _ in range(5):
        expect(grid).to_have_attribute("aria-busy", "false")
        before = int(crowd.root.locator("[role=row]:focus").get_attribute("aria-rowindex") or 0)
        crowd.tab.page.keyboard.press("End")
        expect(crowd.root.locator(f"[role=row]:focus:not([aria-rowindex='{before}'])")).to_have_count(1)
        crowd.row(f"crowd-{CROWD - 1 - before:05}").wait_for(state="detached")
        assert crowd.rows.count() < 100
    expect(grid).to_have_attribute("aria-busy", "false")


def test_ten_thousand_jobs_scroll_in_a_low_window(crowd: Panel) -> None:
    crowd.tab.page.set_viewport_size({"width": 640, "height": 400})
    grid = crowd.root.get_by_role("grid")
    expect(grid).to_have_attribute("aria-busy", "false")
    crowd.rows.first.focus()
    crowd.tab.page.keyboard.press("End")
    expect(crowd.root.locator("[role=row]:focus:not([aria-rowindex='1'])")).to_be_in_viewport()
    assert crowd.rows.count() < 60
    grid.evaluate("node => { node.scrollTop = 0 }")
    expect(crowd.row("crowd-09999")).to_be_in_viewport()


def test_ten_thousand_jobs_are_searched_and_selected(crowd: Panel) -> None:
    crowd.root.get_by_label("Search the jobs").fill("crowd-0042")
    expect(crowd.rows).to_have_count(10)
    crowd.root.get_by_label("Search the jobs").fill("")
    expect(crowd.row("crowd-09999")).to_be_visible()
    crowd.rows.first.focus()
    crowd.tab.page.keyboard.press("Control+a")
    crowd.root.get_by_role("button", name="Select all 10,000").click()
    expect(crowd.root.get_by_role("toolbar")).to_contain_text("10,000 selected", timeout=120_000)
    crowd.tab.page.keyboard.press("Escape")

"""A job's logs in its tab: colours, progress bars, long lines, very many lines, replicas."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.ui.gate import Gate
from tests.ui.job import JobTab, open_from_notice, path_of, train
from tests.ui.notebooks import write_cells
from tests.ui.tab import Tab

# The runner's own standard output: lines that go past the limit on what one cell may print.
RAW_LOG = "import os\nlog = open(f'/proc/{os.getppid()}/fd/1', 'w')\n"

NOTE_TASKS = """() => {
    window.tasks = [];
    new PerformanceObserver(list => list.getEntries().forEach(({ duration }) => window.tasks.push(duration)))
        .observe({ entryTypes: ['longtask'] });
}"""
FROZEN = 1000
"""Milliseconds without an answer that nobody takes for a tab that is alive, on however busy a machine."""


def lines(job: JobTab) -> Locator:
    """The lines of the log that are in sight."""
    return job.panel.locator(".jp-mltrain-LogLine")


def line(job: JobTab, text: str) -> Locator:
    """A line that holds a text."""
    return lines(job).filter(has_text=text)


def scroll(page: Page, pixels: int) -> None:
    """Turn the wheel over the log."""
    page.locator(".jp-mltrain-LogLines:visible").hover()
    page.mouse.wheel(0, pixels)


def test_colours_progress_bars_and_long_lines(tab: Tab, work: Path, name: str) -> None:
    bar = "for i in range(5):\n    print(f'\\r{i + 1}/5 done', end='', flush=True)\nprint()"
    colours = "print('\\x1b[31mred\\x1b[0m \\x1b[1;38;5;46mbold green\\x1b[0m')\nprint('abc\\b\\b\\bXYZ')"
    job = train(tab, write_cells(work, name, bar, colours, "print('x' * 20_000)", "print('<b>no markup</b>')"))
    job.expect_phase("Succeeded")
    job.show("Logs")
    expect(line(job, "5/5 done")).to_have_text("5/5 done")
    expect(job.panel.get_by_text("red", exact=True)).to_have_class("ansi-red-fg")
    expect(job.panel.get_by_text("bold green", exact=True)).to_have_css("color", "rgb(0, 255, 0)")
    expect(line(job, "XYZ")).to_have_text("XYZ")
    expect(line(job, "<b>no markup</b>")).to_be_visible()
    long = line(job, "xxx")
    expect(long).to_have_text("x" * 10_000)
    expect(long.locator("[data-left='10,000']")).to_be_attached()


def test_inverse_text_has_the_other_theme_s_colours(tab: Tab, work: Path, name: str) -> None:
    job = train(tab, write_cells(work, name, "print('\\x1b[7minverse\\x1b[0m')"))
    job.expect_phase("Succeeded")
    job.show("Logs")
    inverse = job.panel.get_by_text("inverse", exact=True)
    for theme, text, ground in (
        ("JupyterLab Light", "rgb(255, 255, 255)", "rgb(17, 17, 17)"),
        ("JupyterLab Dark", "rgb(0, 0, 0)", "rgb(255, 255, 255)"),
    ):
        tab.theme(theme)
        expect(inverse).to_have_css("color", text)
        expect(inverse).to_have_css("background-color", ground)


def test_follows_until_the_user_scrolls_away(tab: Tab, work: Path, name: str, gate: Gate) -> None:
    loop = "for part in range(3):\n    for i in range(100):\n        print(f'part {part} line {i}')\n    wait()"
    job = train(tab, write_cells(work, name, gate.source, loop))
    job.show("Logs")
    follow = job.panel.get_by_role("button", name="Follow")
    expect(line(job, "part 0 line 99")).to_be_visible()
    expect(follow).to_have_attribute("aria-pressed", "true")
    scroll(tab.page, -600)
    expect(follow).to_have_attribute("aria-pressed", "false")
    expect(line(job, "part 0 line 99")).not_to_be_in_viewport()
    seen = lines(job).first.inner_text()
    gate.step()
    expect(job.panel.get_by_role("log")).to_have_attribute("aria-label", "Log")
    job.panel.get_by_label("Search the log").fill("part 1 line 99")
    expect(job.panel.locator(".jp-mltrain-Search-count")).to_have_text("0 of 1")
    assert lines(job).first.inner_text() == seen
    follow.click()
    expect(line(job, "part 1 line 99")).to_be_in_viewport()
    gate.step()
    expect(line(job, "part 2 line 99")).to_be_in_viewport()


def test_search_goes_round(tab: Tab, work: Path, name: str) -> None:
    job = train(
        tab, write_cells(work, name, "for i in range(3000):\n    print('needle' if i % 1000 == 7 else 'hay', i)")
    )
    job.expect_phase("Succeeded")
    job.show("Logs")
    job.panel.get_by_role("button", name="Load All").click()
    expect(job.panel.get_by_role("button", name="Load All")).to_have_count(0)
    count, field = job.panel.locator(".jp-mltrain-Search-count"), job.panel.get_by_label("Search the log")
    field.fill("NEEDLE")
    expect(count).to_have_text("0 of 3")
    current = job.panel.locator(".jp-mltrain-LogLine[aria-current]")
    found = []
    for key in ("Enter", "Enter", "Enter", "Shift+Enter"):
        field.press(key)
        expect(current).to_be_in_viewport()
        found.append((current.inner_text(), count.inner_text()))
    numbers = [int(re.search(r"needle (\d+)", text)[1]) for text, _ in found]  # type: ignore[index]
    assert sorted(numbers[:3]) == [7, 1007, 2007]
    assert numbers[3] == numbers[1]
    assert {place for _, place in found} == {"1 of 3", "2 of 3", "3 of 3"}
    expect(current.locator("mark")).to_have_text("needle")


def test_download_has_it_all(tab: Tab, work: Path, name: str) -> None:
    job = train(tab, write_cells(work, name, "for i in range(2500): print('line', i)"))
    job.expect_phase("Succeeded")
    job.show("Logs")
    with tab.page.expect_download() as download:
        job.panel.get_by_role("link", name="Download").click()
    text = download.value.path().read_text()
    assert [f"line {i}" for i in range(2500)] == [row for row in text.splitlines() if row.startswith("line ")]


def test_each_replica_has_its_log(tab: Tab, work: Path, name: str) -> None:
    source = "import os\nprint('I am', os.environ['MLTRAIN_ROLE'], os.environ['MLTRAIN_INDEX'])"
    tab.open()
    roles = {"Worker": {"replicas": 2}}
    spec = {"framework": "tensorflow", "roles": roles}
    tab.lab.api("POST", "jobs", {"notebook": path_of(tab, write_cells(work, name, source)), "spec": spec})
    job = open_from_notice(tab, "has finished")
    job.expect_phase("Succeeded")
    job.show("Overview")
    job.panel.get_by_role("row", name="Worker 1").get_by_role("button", name="Log of Worker 1").click()
    picker = job.panel.get_by_label("Replica")
    expect(picker.locator("option:checked")).to_have_text("Worker 1")
    expect(line(job, "I am Worker 1")).to_be_visible()
    picker.select_option("Worker 0 (leader)")
    expect(line(job, "I am Worker 0")).to_be_visible()
    expect(line(job, "I am Worker 1")).to_have_count(0)


@pytest.mark.slow
@pytest.mark.timeout(400)
def test_a_million_lines(tab: Tab, work: Path, name: str) -> None:
    write = "for i in range(1_000_000):\n    log.write(f'line {i} of very many\\n')\nlog.flush()"
    job = train(tab, write_cells(work, name, RAW_LOG + write))
    job.expect_phase("Succeeded")
    tab.page.evaluate(NOTE_TASKS)
    job.show("Logs")
    expect(line(job, "line 999999 of")).to_be_in_viewport()
    job.panel.get_by_role("button", name="Load All").click()
    # While it is read the tab answers: what is here can be read and searched.
    scroll(tab.page, -500)
    expect(line(job, "line 999999 of")).not_to_be_in_viewport()
    seen = line(job, "of very many").nth(25)  # those before it are drawn ahead
    expect(seen).to_be_in_viewport()
    text = seen.inner_text().strip()
    note = job.panel.locator(".jp-mltrain-Log-note")
    expect(note).to_have_count(0, timeout=150_000)
    expect(line(job, text)).to_be_in_viewport()
    tab.page.keyboard.press("Control+Home")
    job.panel.get_by_label("Search the log").fill("line 500000 of")
    expect(job.panel.locator(".jp-mltrain-Search-count")).to_have_text("0 of 1")
    job.panel.get_by_role("button", name="Next match").click()
    expect(line(job, "line 500000 of")).to_be_in_viewport()
    job.panel.get_by_role("log").focus()
    for key in ("Home", "End"):
        tab.page.keyboard.press(key)
    expect(line(job, "line 999999 of")).to_be_in_viewport()
    assert max(tab.page.evaluate("window.tasks"), default=0) < FROZEN

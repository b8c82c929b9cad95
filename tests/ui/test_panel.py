"""The panel: jobs from queued to their end, filters, many at once, the keyboard, samples."""

from __future__ import annotations

from pathlib import Path

import pytest
from playwright.sync_api import Locator, expect

from tests.support import write_notebook
from tests.ui.gate import Gate
from tests.ui.job import JobTab, path_of
from tests.ui.notebooks import write_cells, write_failing, write_quick, write_steps
from tests.ui.panel import Panel
from tests.ui.tab import Tab


@pytest.fixture
def panel(tab: Tab) -> Panel:
    return Panel(tab.open())


def submit(tab: Tab, notebook: Path, **more: object) -> str:
    """Submit a notebook as a script would; return the job's name."""
    name: str = tab.lab.api("POST", "jobs", {"notebook": path_of(tab, notebook), **more})["name"]
    return name


def submit_quick(panel: Panel, work: Path, *names: str) -> list[str]:
    """Train notebooks that are soon done, and wait until they are; return the jobs' names, the newest first."""
    jobs = [submit(panel.tab, write_quick(work, name)) for name in names]
    for job in jobs:
        panel.expect_phase(job, "Succeeded")
    return jobs[::-1]


def names(panel: Panel) -> Locator:
    """Return the names in the list."""
    return panel.rows.locator(".jp-mltrain-JobRow-name")


# Rows


def test_rows_are_live_from_queued_to_succeeded(panel: Panel, work: Path, gate: Gate) -> None:
    notebook = write_steps(work, "steps", gate)
    blocking = [submit(panel.tab, notebook) for _ in range(panel.tab.lab.api("GET", "devices")["slots"])]
    last = submit(panel.tab, notebook)
    panel.expect_phase(last, "Queued")
    expect(panel.row(last)).to_contain_text("Waits for a slot")
    for job in blocking:
        panel.expect_phase(job, "Running")
        panel.act(job, "Cancel")
    panel.expect_phase(last, "Running")
    row = panel.row(last)
    expect(row).to_contain_text("Worker 1/1")
    expect(row).to_contain_text("cell 3/4")  # two have ended, the third waits at the gate
    gate.step(2)
    expect(row).to_contain_text("loss 0.5")
    expect(row.get_by_role("progressbar")).to_have_attribute("aria-valuetext", "2 of 4 cells done")
    gate.step(2)
    panel.expect_phase(last, "Succeeded")
    expect(row.get_by_role("progressbar")).to_have_count(0)


def test_a_failed_row_says_why_and_leads_to_the_log(panel: Panel, work: Path) -> None:
    job = submit(panel.tab, write_failing(work, "broken"))
    panel.expect_phase(job, "Failed")
    expect(panel.row(job)).to_contain_text("ZeroDivisionError: division by zero")
    panel.row(job).get_by_role("button", name="Log", exact=False).first.click()
    opened = JobTab(panel.tab.page)
    expect(opened.root.get_by_role("tab", name="Logs")).to_have_attribute("aria-selected", "true")
    expect(opened.panel).to_contain_text("so far so good")


def test_a_row_names_its_notebook_and_keeps_the_end_of_its_name(panel: Panel, work: Path) -> None:
    stem = "a-name-that-is-longer-than-any-panel-is-wide"
    job = submit_quick(panel, work, stem)[0]
    name = panel.row(job).locator(".jp-mltrain-JobRow-name")
    expect(name).to_have_attribute("title", f"{job}\n{work.name}/{stem}.ipynb")
    start, end = name.locator("span").all()
    assert start.evaluate("node => node.scrollWidth > node.clientWidth")
    assert end.evaluate("node => node.scrollWidth <= Math.ceil(node.getBoundingClientRect().width)")
    assert end.text_content() == job[-9:]
    kind = panel.row(job).locator(".jp-mltrain-JobRow-kind")
    assert end.evaluate("node => node.getBoundingClientRect().right") <= kind.evaluate(
        "node => node.getBoundingClientRect().left"
    )


def test_of_a_metric_the_value_is_always_seen(panel: Panel, work: Path, gate: Gate) -> None:
    report = "run.report(**{'validation/mean_average_precision_at_fifty_of_all_classes': 0.125})"
    source = f"from jupyter_mltrain import run\n{gate.source}{report}\nwait()"
    job = submit(panel.tab, write_cells(work, "wordy", source))
    metric = panel.row(job).locator(".jp-mltrain-JobRow-metric")
    expect(metric).to_contain_text("0.125")
    name, value = metric.locator("span").all()
    assert name.evaluate("node => node.scrollWidth > node.clientWidth")
    right = value.evaluate("node => node.getBoundingClientRect().right")
    assert right <= panel.row(job).evaluate("node => node.getBoundingClientRect().right")


def test_a_notebook_that_is_gone_is_told_in_a_dialog(panel: Panel, work: Path) -> None:
    panel.tab.expect_problem("status of 404")
    job = submit_quick(panel, work, "here")[0]
    (work / "here.ipynb").rename(work / "there.ipynb")
    dialog = panel.tab.dialog()
    panel.act(job, "Open Notebook")
    expect(dialog).to_contain_text(f"There is no notebook {work.name}/here.ipynb any more")
    dialog.get_by_role("button", name="Close").click()
    panel.open(job).header.get_by_role("button", name="Open Notebook").click()
    expect(dialog).to_contain_text("Resubmit runs it again")
    dialog.get_by_role("button", name="Close").click()
    assert panel.tab.page.locator(".jp-NotebookPanel").count() == 0


def test_out_of_memory_is_mended_by_more(panel: Panel, work: Path) -> None:
    greedy = write_notebook(work / "greedy.ipynb", "print(len(b'x' * 2**30))")
    spec = {"framework": "none", "roles": {"Worker": {"resources": {"memory": "512Mi"}}}}
    job = submit(panel.tab, greedy, spec=spec)
    panel.expect_phase(job, "Failed")
    expect(panel.row(job)).to_contain_text("out of memory at 0.")
    panel.row(job).get_by_role("button", name="Raise memory").click()
    field = panel.tab.dialog().get_by_label("it was 512Mi")
    expect(field).to_have_value("1024Mi")
    field.fill("3Gi")
    panel.tab.dialog().get_by_role("button", name="Resubmit").click()
    expect(panel.rows).to_have_count(2)
    expect(panel.rows.first).to_have_attribute("data-phase", "Succeeded")


def test_row_actions(panel: Panel, work: Path, gate: Gate) -> None:
    job = submit(panel.tab, write_steps(work, "steps", gate))
    panel.expect_phase(job, "Running")
    row = panel.row(job)
    for action, phase in (("Suspend", "Suspended"), ("Resume", "Running"), ("Cancel", "Cancelled")):
        row.hover()
        row.get_by_role("button", name=f"{action} {job}").click()
        panel.expect_phase(job, phase)
    row.hover()
    row.get_by_role("button", name=f"Resubmit {job}").click()
    expect(panel.rows).to_have_count(2)
    panel.act(job, "Open Log")
    expect(JobTab(panel.tab.page).root.get_by_role("tab", name="Logs")).to_have_attribute("aria-selected", "true")


# Filters


def test_filter_and_search_survive_a_reload(panel: Panel, work: Path) -> None:
    tab = panel.tab
    job = submit(tab, write_failing(work, "broken"))
    panel.expect_phase(job, "Failed")
    good = submit_quick(panel, work, "one", "two")
    panel.root.get_by_label("State").select_option("Failed")
    expect(names(panel)).to_have_text([job])
    panel.root.get_by_label("State").select_option(label="Ended (3)")
    expect(names(panel)).to_have_text([*good, job])
    panel.root.get_by_label("Search the jobs").fill("two")
    expect(names(panel)).to_have_text(good[:1])
    tab.reload()
    tab.menu("Train", "Show Training Jobs")
    expect(panel.root.get_by_label("Search the jobs")).to_have_value("two")
    expect(names(panel)).to_have_text(good[:1])
    panel.root.get_by_label("Search the jobs").fill("nothing of the kind")
    panel.root.get_by_role("button", name="Clear filters").click()
    expect(names(panel)).to_have_text([*good, job])
    panel.root.get_by_role("button", name="More filters").click()
    panel.root.get_by_label("Notebook", exact=True).select_option(f"{work.name}/one.ipynb")
    expect(names(panel)).to_have_text(good[1:])
    new = submit_quick(panel, work, "one")
    expect(names(panel)).to_have_text([*new, *good[1:]])


# Many at once


def test_many_are_deleted_at_once(panel: Panel, work: Path, gate: Gate) -> None:
    running = submit(panel.tab, write_steps(work, "steps", gate))
    panel.expect_phase(running, "Running")
    jobs = submit_quick(panel, work, "one", "two", "three")
    panel.row(jobs[1]).click(modifiers=["Control"])
    panel.row(running).click(modifiers=["Shift"])
    bar = panel.root.get_by_role("toolbar", name="Selected jobs")
    expect(bar).to_contain_text("3 selected")
    bar.get_by_role("button", name="Delete…").click()
    dialog = panel.tab.dialog()
    expect(dialog).to_contain_text("Delete 3 training jobs?")
    expect(dialog).to_contain_text("1 has not ended; it is stopped first.")
    dialog.get_by_role("button", name="Delete 3").click()
    expect(names(panel)).to_have_text(jobs[:1])
    expect(bar).to_have_count(0)
    assert [job["name"] for job in panel.tab.lab.api("GET", "jobs")["jobs"]] == jobs[:1]


def test_what_could_not_be_deleted_is_said(panel: Panel, work: Path) -> None:
    panel.tab.expect_problem("status of 507")
    jobs = submit_quick(panel, work, "one", "two", "three")
    kept = next(job["id"] for job in panel.tab.lab.api("GET", "jobs")["jobs"] if job["name"] == jobs[1])
    full = '{"code": "storage", "message": "The disk is full.", "hint": "", "details": {}}'
    panel.tab.page.route(f"**/jobs/{kept}*", lambda route: route.fulfill(status=507, body=full))
    panel.rows.first.focus()
    panel.tab.page.keyboard.press("Control+a")
    panel.tab.page.keyboard.press("Delete")
    panel.tab.dialog().get_by_role("button", name="Delete 3").click()
    expect(panel.root.get_by_role("alert")).to_contain_text("2 of 3 jobs were deleted.")
    expect(panel.root.get_by_role("alert")).to_contain_text(f"{jobs[1]}: The disk is full.")
    expect(names(panel)).to_have_text(jobs[1:2])


# Keyboard


def test_keyboard_only(panel: Panel, work: Path) -> None:
    jobs = submit_quick(panel, work, "one", "two", "three")
    keyboard = panel.tab.page.keyboard
    panel.root.get_by_label("Search the jobs").focus()
    keyboard.press("ArrowDown")
    expect(panel.row(jobs[0])).to_be_focused()
    keyboard.press("End")
    expect(panel.row(jobs[2])).to_be_focused()
    keyboard.press("Shift+ArrowUp")
    expect(panel.root.get_by_role("row", selected=True)).to_have_count(2)
    keyboard.press("Escape")
    expect(panel.root.get_by_role("row", selected=True)).to_have_count(0)
    keyboard.press("Shift+F10")
    expect(panel.tab.menu_item("Open Log")).to_be_visible()
    keyboard.press("Escape")
    expect(panel.row(jobs[1])).to_be_focused()
    keyboard.press("Delete")
    keyboard.press("Tab")  # from "Cancel" to "Delete"
    keyboard.press("Enter")
    expect(names(panel)).to_have_text([jobs[0], jobs[2]])
    expect(panel.row(jobs[2])).to_be_focused()
    keyboard.type(jobs[0][:3])
    expect(panel.root.get_by_label("Search the jobs")).to_have_value(jobs[0][:3])
    expect(names(panel)).to_have_text(jobs[:1])
    keyboard.press("ArrowDown")
    keyboard.press("Enter")
    JobTab(panel.tab.page).expect_phase("Succeeded")


def test_focus_stays_while_rows_come(panel: Panel, work: Path) -> None:
    jobs = submit_quick(panel, work, "one", "two")
    panel.row(jobs[0]).focus()
    panel.tab.page.keyboard.press("ArrowDown")
    new = submit_quick(panel, work, "three")
    expect(names(panel)).to_have_text([*new, *jobs])
    expect(panel.row(jobs[1])).to_be_focused()


# Nothing there yet


def test_empty_state_leads_to_a_first_job(panel: Panel) -> None:
    expect(panel.root).to_contain_text("A training job runs a notebook to its end")
    panel.root.get_by_role("button", name="Run the sample").click()
    expect(panel.rows).to_have_count(1)
    panel.act("recommender", "Cancel")


def test_a_sample_runs_to_its_end_by_one_click(panel: Panel) -> None:
    panel.run_sample("Penguins")
    expect(panel.rows).to_have_count(1)
    panel.expect_phase("penguins", "Succeeded")


def test_a_sample_is_opened_by_one_click(panel: Panel) -> None:
    panel.open_sample("Penguins")
    expect(panel.tab.page.locator(".jp-NotebookPanel")).to_contain_text("Penguins of the Palmer Archipelago")
    panel.tab.await_kernel()

"""A job's tab while the job runs: what comes is shown as it comes, and a reload brings it all back."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Callable
from pathlib import Path

from playwright.sync_api import Request, expect

from tests.ui.gate import Gate
from tests.ui.job import JobTab, open_from_notice, path_of, train
from tests.ui.notebooks import turn_to_markdown, write_cells, write_steps
from tests.ui.panel import Panel
from tests.ui.tab import Tab

# How many points of a chart are painted.
PAINTED = """canvas => {
    const { width, height } = canvas;
    const { data } = canvas.getContext('2d').getImageData(0, 0, width, height);
    return data.reduce((sum, value, index) => sum + (index % 4 === 3 && value > 0 ? 1 : 0), 0);
}"""

# One pixel.
PNG = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="


def layout_with(text: str) -> Callable[[Request], bool]:
    """Return what says whether JupyterLab stores a layout that has this text: it does so a while after a change."""

    def is_it(request: Request) -> bool:
        stores = request.method == "PUT" and "/api/workspaces/" in request.url
        return stores and text in json.dumps(json.loads(request.post_data or "{}"))

    return is_it


def test_metrics_are_drawn_as_they_come(tab: Tab, work: Path, name: str, gate: Gate) -> None:
    loop = (
        "for step in range(50):\n    run.report(step=step, loss=1 / (step + 1), val_loss=2 / (step + 1))\n"
        "    if step % 10 == 0:\n        wait()"
    )
    job = train(tab, write_cells(work, name, f"from jupyter_mltrain import run\n{gate.source}", loop))
    job.show("Metrics")
    expect(job.panel).to_contain_text("1 report")
    figure = job.panel.get_by_role("figure")
    expect(figure).to_have_count(1)
    expect(figure.locator("figcaption")).to_have_text(re.compile(r"loss 1\s*val_loss 2"))
    gate.step()
    expect(job.panel).to_contain_text("11 reports")
    canvas = figure.locator("canvas")
    before = canvas.evaluate(PAINTED)
    gate.step(4)
    expect(job.panel).to_contain_text("50 reports")
    expect(figure.locator("figcaption")).to_contain_text("val_loss 0.04")
    assert canvas.evaluate(PAINTED) != before
    job.expect_phase("Succeeded")
    figure.get_by_text("as a table").click()
    rows = figure.get_by_role("table", name="The newest values").get_by_role("row")
    expect(rows).to_have_count(51)
    expect(rows.nth(1)).to_have_text(re.compile(r"49\s*0.02\s*0.04"))


def test_cells_fill_and_their_time_runs(tab: Tab, work: Path, name: str, gate: Gate) -> None:
    cells = ("# The *plan*\n\n$x^2$", gate.source, "for i in range(3):\n    print('part', i, flush=True)\n    wait()")
    job = train(tab, turn_to_markdown(write_cells(work, name, *cells), 0))
    job.show("Notebook")
    expect(job.panel.get_by_role("heading", name="The plan")).to_be_visible()
    expect(job.panel.locator("mjx-container")).to_be_visible()
    running = job.panel.locator("[aria-current=step]")
    expect(running).to_contain_text("part 0")
    expect(running).to_contain_text("Running")
    expect(job.panel).to_contain_text("1 of 2 cells")
    time = running.locator(".jp-mltrain-Cell-time")
    first = time.inner_text()
    expect(time).not_to_have_text(first)
    gate.step(3)
    expect(running).to_have_count(0)
    expect(job.cells.last).to_contain_text("part 2")
    expect(job.panel).to_contain_text("2 of 2 cells")


def test_a_progress_bar_is_one_line(tab: Tab, work: Path, name: str, gate: Gate) -> None:
    keras = "print('\\b' * 9 + f'\\r{i + 1}/3 ' + '.' * (5 - i), end='', flush=True)"
    job = train(tab, write_cells(work, name, gate.source, f"for i in range(3):\n    {keras}\n    wait()"))
    job.show("Notebook")
    output = job.cells.last.locator(".jp-mltrain-Output")
    for shown in ("1/3 .....", "2/3 ....", "3/3 ..."):
        expect(output).to_have_text(shown, use_inner_text=True)
        gate.step()
    job.expect_phase("Succeeded")
    expect(output).to_have_text("3/3 ...", use_inner_text=True)


def test_pictures_of_markdown(tab: Tab, work: Path, name: str) -> None:
    tab.expect_problem("ERR_UNKNOWN_URL_SCHEME")  # JupyterLab's renderer puts `attachment:` in, then what it stands for
    (work / f"{name} 1.png").write_bytes(base64.b64decode(PNG))
    markdown = f"![pasted](attachment:a.png) ![beside](<{name} 1.png>) [a link](other.ipynb)"
    notebook = write_cells(work, name, markdown, "print(1)")
    job = train(tab, turn_to_markdown(notebook, 0, attachments={"a.png": {"image/png": PNG}}))
    job.show("Notebook")
    for alt in ("pasted", "beside"):
        picture = job.panel.get_by_role("img", name=alt)
        expect(picture).to_have_js_property("naturalWidth", 1)
    expect(job.panel.get_by_role("link", name="a link")).to_have_attribute("href", re.compile("other.ipynb$"))


def test_reload_brings_the_tab_back(tab: Tab, work: Path, name: str, gate: Gate) -> None:
    job = train(tab, write_steps(work, name, gate))
    job.expect_phase("Running")
    with tab.page.expect_request(layout_with('"tab": "notebook"')):
        job.show("Notebook")
    gate.step()
    expect(job.panel).to_contain_text("step 0 done")
    title = job.header.get_by_role("heading").inner_text()
    tab.reload()
    expect(job.root.get_by_role("tab", name="Notebook")).to_have_attribute("aria-selected", "true")
    expect(job.panel).to_contain_text("step 0 done")
    expect(tab.page.get_by_role("tab", name=title)).to_be_visible()
    gate.step(3)
    job.expect_phase("Succeeded")
    expect(job.panel).to_contain_text("that is all")


def test_opened_in_the_middle_shows_the_same(
    tab: Tab, new_tab: Callable[..., Tab], work: Path, name: str, gate: Gate
) -> None:
    job = train(tab, write_steps(work, name, gate))
    job.show("Notebook")
    gate.step(2)
    expect(job.panel).to_contain_text("step 1 done")
    late = Panel(new_tab().open()).open(name)
    late.show("Notebook")
    expect(late.panel).to_contain_text("step 1 done")
    assert outputs(late) == outputs(job)
    gate.step(2)
    late.expect_phase("Succeeded")
    job.expect_phase("Succeeded")
    expect(late.panel).to_contain_text("that is all")
    expect(job.panel).to_contain_text("that is all")
    assert outputs(late) == outputs(job)
    late.show("Metrics")
    expect(late.panel).to_contain_text("3 reports")


def outputs(job: JobTab) -> list[str]:
    """What the cells have put out."""
    return job.panel.locator(".jp-mltrain-Output").all_inner_texts()


def test_more_memory_for_a_job_that_had_too_little(tab: Tab, work: Path, name: str) -> None:
    hungry = "data = [bytearray(50_000_000) for _ in range(20)]\nprint('fed')"
    spec = {"roles": {"Worker": {"resources": {"memory": "500Mi"}}}}
    tab.open()
    tab.lab.api("POST", "jobs", {"notebook": path_of(tab, write_cells(work, name, hungry)), "spec": spec})
    job = open_from_notice(tab, "failed")
    job.expect_phase("Failed")
    job.show("Overview")
    expect(job.panel.locator(".jp-mltrain-Why")).to_contain_text("out of memory")
    job.panel.get_by_role("button", name="Raise Memory…").click()
    tab.dialog().get_by_role("textbox").fill("4Gi")
    tab.dialog().get_by_role("button", name="Resubmit").click()
    again = open_from_notice(tab, "has finished")
    again.expect_phase("Succeeded")
    expect(again.show("Manifest")).to_contain_text("memory: 4Gi")


def test_open_notebook(tab: Tab, work: Path, name: str) -> None:
    job = train(tab, write_cells(work, name, "print(1)"))
    tab.page.locator(".jp-NotebookPanel").wait_for(state="hidden")
    job.act("Open Notebook")
    expect(tab.page.locator(".jp-NotebookPanel")).to_be_visible()

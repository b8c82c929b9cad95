"""The samples, from the panel and from the launcher."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import expect

from jupyter_mltrain.samples import list_samples
from tests.ui.job import JobTab
from tests.ui.panel import Panel
from tests.ui.tab import Tab

# Real frameworks on a machine that may have other work.
LONG = 300_000


@pytest.mark.slow
@pytest.mark.timeout(700)
def test_recommender_and_income_run_to_the_end_by_one_click(tab: Tab) -> None:
    panel = Panel(tab.open())
    panel.run_sample("Recommender")
    panel.run_sample("Income, explained")
    for name in ("recommender", "income"):
        expect(panel.row(name)).to_have_attribute("data-phase", "Succeeded", timeout=LONG)
    recommender = panel.open("recommender")
    expect_whole(recommender)
    recommender.show("Metrics")
    expect(recommender.panel).to_contain_text("val_loss")
    expect(recommender.panel.locator("canvas").first).to_be_visible()
    expect_whole(panel.open("income"))


def expect_whole(job: JobTab) -> None:
    """Check that every code cell of the executed notebook has run."""
    job.expect_phase("Succeeded")
    job.show("Notebook")
    expect(job.cells.first).to_be_visible()
    assert {cell.get_attribute("data-status") for cell in job.cells.all()} == {"completed"}


def test_every_sample_can_be_opened(tab: Tab) -> None:
    panel = Panel(tab.open())
    for sample in list_samples():
        panel.open_sample(sample.title)
        notebook = tab.page.locator(".jp-NotebookPanel:visible")
        expect(notebook.locator(".jp-Cell").first).to_be_visible()
        expect(tab.page.get_by_role("tab", name=re.compile(sample.path.stem))).to_be_visible()
        notebook.locator(".jp-Spinner").wait_for(state="detached")


def test_sample_runs_from_the_launcher_by_one_click(tab: Tab) -> None:
    tab.open()
    tab.card("Train Penguins").click()
    expect(tab.notice("has finished")).to_be_visible(timeout=LONG)


def test_sample_from_the_launcher(tab: Tab) -> None:
    tab.open()
    tab.card("Penguins").click()
    tab.page.locator(".jp-NotebookPanel .jp-Cell").first.wait_for()
    tab.page.locator(".jp-NotebookPanel .jp-Spinner").wait_for(state="detached")
    tab.menu("Train", "Train with Defaults")
    expect(tab.notice("has finished")).to_be_visible(timeout=LONG)

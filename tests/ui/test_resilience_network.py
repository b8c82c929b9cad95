"""The way to the server breaks: the tab catches up by itself as soon as there is one again."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import BrowserContext, expect

from tests.ui.gate import Gate
from tests.ui.job import train
from tests.ui.notebooks import write_steps
from tests.ui.panel import Panel
from tests.ui.proxy import Proxy
from tests.ui.tab import NO_SERVER, Tab

# More than the heartbeat allows a connection to be silent.
SILENCE = 60_000


@pytest.fixture
def tab(new_tab: Callable[..., Tab], proxy: Proxy) -> Tab:
    tab = new_tab(url=proxy.url)
    tab.expect_problem(NO_SERVER)
    return tab


def test_offline_and_back(context: BrowserContext, tab: Tab, proxy: Proxy, work: Path, name: str, gate: Gate) -> None:
    job = train(tab, write_steps(work, name, gate))
    job.show("Notebook")
    gate.step()
    expect(job.cells.nth(2)).to_contain_text("step 0 done")
    context.set_offline(True)
    proxy.cut()
    gate.step(2)
    context.set_offline(False)
    expect(job.cells.nth(2)).to_contain_text("step 2 done")
    log = job.show("Logs")
    expect(log).to_contain_text("step 2 done")
    context.set_offline(True)
    proxy.cut()
    gate.step()
    context.set_offline(False)
    expect(log).to_contain_text("that is all")
    assert log.inner_text().count("step 0 done") == 1
    job.expect_phase("Succeeded")


def test_connection_that_falls_silent_is_made_anew(tab: Tab, proxy: Proxy, work: Path, name: str, gate: Gate) -> None:
    tab.page.clock.install()
    job = train(tab, write_steps(work, name, gate))
    job.show("Notebook")
    gate.step()
    expect(job.cells.nth(2)).to_contain_text("step 0 done")
    assert proxy.opened == 1
    proxy.freeze()
    gate.step()
    tab.page.clock.fast_forward(SILENCE)
    expect(job.cells.nth(2)).to_contain_text("step 1 done")
    assert proxy.opened == 2
    gate.step(2)
    job.expect_phase("Succeeded")


def test_panel_that_could_not_be_loaded_is_loaded_when_shown_again(context: BrowserContext, tab: Tab) -> None:
    tab.expect_problem("Loading chunk")
    tab.open()
    button = tab.page.get_by_role("tab", name="Training", exact=True)
    context.set_offline(True)
    button.click()
    expect(tab.dialog()).to_contain_text("Training")
    tab.dialog().get_by_role("button").click()
    context.set_offline(False)
    button.click()  # hides it
    expect(Panel(tab).root).to_contain_text("No training jobs yet")

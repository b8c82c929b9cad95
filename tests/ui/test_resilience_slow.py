"""A slow network: the panel and a job's tab can be used."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import CDPSession, expect

from tests.ui.gate import Gate
from tests.ui.job import path_of
from tests.ui.notebooks import write_steps
from tests.ui.panel import Panel
from tests.ui.tab import Tab

# As the browser's own tools have it: half a second there and back, 50 kB/s.
SLOW = {"offline": False, "latency": 500, "downloadThroughput": 50_000, "uploadThroughput": 50_000}


@pytest.fixture
def network(tab: Tab) -> Iterator[CDPSession]:
    session = tab.page.context.new_cdp_session(tab.page)
    session.send("Network.enable")
    yield session
    session.detach()


def test_panel_and_job_on_a_slow_network(tab: Tab, network: CDPSession, work: Path, name: str, gate: Gate) -> None:
    tab.open()
    network.send("Network.emulateNetworkConditions", SLOW)
    tab.lab.api("POST", "jobs", {"notebook": path_of(tab, write_steps(work, name, gate))})
    panel = Panel(tab)
    panel.expect_phase(name, "Running")
    job = panel.open(name)
    job.show("Notebook")
    gate.step()
    expect(job.cells.nth(2)).to_contain_text("step 0 done")
    panel.act(name, "Cancel")
    job.expect_phase("Cancelled")
    panel.expect_phase(name, "Cancelled")

"""Behind a reverse proxy, below a prefix as JupyterHub has it, also where the proxy keeps no connection for long."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import expect

from tests.ui.gate import Gate
from tests.ui.job import train
from tests.ui.lab import LabServer
from tests.ui.notebooks import write_steps
from tests.ui.panel import Panel
from tests.ui.proxy import Proxy
from tests.ui.tab import NO_SERVER, Tab

PREFIX = "/user/anna/"
# Seconds that the impatient proxy leaves a WebSocket open.
SHORT = 1.0


@pytest.fixture(scope="module")
def shared_lab(front_end: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[LabServer]:
    server = LabServer(tmp_path_factory.mktemp("lab"), settings={"ServerApp.base_url": PREFIX})
    server.start()
    yield server
    server.close()


def test_everything_works_below_a_prefix(
    new_tab: Callable[..., Tab], proxy: Proxy, work: Path, name: str, gate: Gate
) -> None:
    assert proxy.url.endswith(PREFIX)
    tab = new_tab(url=proxy.url)
    job = train(tab, write_steps(work, name, gate))
    panel = Panel(tab)
    panel.expect_phase(name, "Running")
    log = job.show("Logs")
    gate.step(4)
    expect(log).to_contain_text("that is all")
    with tab.page.expect_download() as download:
        log.get_by_role("link", name="Download").click()
    assert "that is all" in download.value.path().read_text()
    job.expect_phase("Succeeded")
    panel.expect_phase(name, "Succeeded")
    assert proxy.opened == 1


def test_proxy_that_cuts_every_connection(
    new_tab: Callable[..., Tab], lab: LabServer, work: Path, name: str, gate: Gate
) -> None:
    with Proxy(lab, cut_after=SHORT) as proxy:
        tab = new_tab(url=proxy.url)
        tab.expect_problem(NO_SERVER)
        job = train(tab, write_steps(work, name, gate))
        job.show("Notebook")
        for step in range(3):
            gate.step()
            expect(job.cells.nth(2)).to_contain_text(f"step {step} done")
            tab.page.wait_for_event("websocket", lambda socket: "/jupyter-mltrain/channels" in socket.url)
        gate.step()
        job.expect_phase("Succeeded")
        assert job.cells.nth(2).inner_text().count("step 0 done") == 1

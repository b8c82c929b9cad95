"""Where WebSockets are refused, snapshots are read every few seconds instead, until a socket is taken."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import Request, expect

from tests.ui.gate import Gate
from tests.ui.job import train
from tests.ui.notebooks import write_steps
from tests.ui.proxy import Proxy
from tests.ui.tab import NO_SERVER, Tab

# After so long sockets are tried again.
AGAIN = 60_000


@pytest.fixture
def tab(new_tab: Callable[..., Tab], proxy: Proxy) -> Tab:
    proxy.sockets = False
    tab = new_tab(url=proxy.url)
    tab.expect_problem(NO_SERVER)
    tab.expect_problem("status of 404 .*/notebook")  # asked for before anything has run
    return tab


def is_snapshot(request: Request) -> bool:
    return request.method == "GET" and "/jupyter-mltrain/jobs/" in request.url


def test_everything_is_seen_without_sockets(tab: Tab, work: Path, name: str, gate: Gate) -> None:
    job = train(tab, write_steps(work, name, gate))
    job.expect_phase("Running")
    job.show("Notebook")
    gate.step()
    expect(job.cells.nth(2)).to_contain_text("step 0 done")
    expect(job.cells.nth(2)).to_have_attribute("data-status", "running")
    log = job.show("Logs")
    expect(log).to_contain_text("step 0 done")
    gate.step()
    expect(log).to_contain_text("step 1 done")
    assert log.inner_text().count("step 0 done") == 1
    gate.step(2)
    job.expect_phase("Succeeded")
    expect(tab.notice("has finished")).to_be_visible()
    job.show("Metrics")
    expect(job.panel.locator("canvas").first).to_be_visible()


def test_a_dead_server_is_met_again(tab: Tab, work: Path, name: str, gate: Gate) -> None:
    job = train(tab, write_steps(work, name, gate))
    job.show("Notebook")
    expect(job.cells.nth(2)).to_have_attribute("data-status", "running")
    tab.lab.kill()
    expect(job.root.get_by_role("alert").first).to_contain_text("The Jupyter server cannot be reached.")
    gate.step()
    tab.lab.start()
    expect(job.cells.nth(2)).to_contain_text("step 0 done")
    expect(job.root.get_by_role("alert")).to_have_count(0)


def test_sockets_are_taken_again(tab: Tab, proxy: Proxy, work: Path, name: str, gate: Gate) -> None:
    tab.page.clock.install()
    job = train(tab, write_steps(work, name, gate))
    job.show("Notebook")
    with tab.page.expect_request(is_snapshot):
        gate.step()
    expect(job.cells.nth(2)).to_contain_text("step 0 done")
    proxy.sockets = True
    with tab.page.expect_websocket(lambda socket: "/jupyter-mltrain/channels" in socket.url):
        tab.page.clock.fast_forward(AGAIN)
    reads: list[str] = []
    tab.page.on("request", lambda request: is_snapshot(request) and reads.append(request.url))
    gate.step(2)
    expect(job.cells.nth(2)).to_contain_text("step 2 done")
    gate.step()
    job.expect_phase("Succeeded")
    tab.page.clock.fast_forward(10_000)
    assert reads == []

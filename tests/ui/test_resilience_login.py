"""A login that has expired: the user is told to log in again, and after that all goes on."""

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
from tests.ui.tab import NO_SERVER, Tab


@pytest.fixture(scope="module")
def shared_lab(front_end: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[LabServer]:
    server = LabServer(tmp_path_factory.mktemp("lab"))
    server.start()
    yield server
    server.close()


def test_expired_login(
    tab: Tab, new_tab: Callable[..., Tab], lab: LabServer, work: Path, name: str, gate: Gate
) -> None:
    tab.expect_problem(f"{NO_SERVER}|status of 403|Forbidden")
    job = train(tab, write_steps(work, name, gate), with_kernel=True)
    job.expect_phase("Running")
    panel = Panel(tab)
    lab.token = "another secret"
    lab.forget_logins()
    lab.restart()
    expect(job.root.get_by_role("alert")).to_contain_text("Log in again")
    expect(panel.root).to_contain_text("Log in again")
    gate.step(4)
    new_tab().open()
    job.expect_phase("Succeeded")
    panel.expect_phase(name, "Succeeded")
    expect(job.root.get_by_role("alert")).to_have_count(0)
    expect(panel.root).not_to_contain_text("Log in again")

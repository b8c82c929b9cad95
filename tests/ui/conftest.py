"""Fixtures: one browser and one JupyterLab for all tests; a folder, a tab and a gate for each.

Playwright keeps an event loop in this thread, so these tests run in a session of their own: ``pytest tests/ui``.
"""

from __future__ import annotations

import re
import zlib
from collections.abc import Callable, Generator, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext, expect

from tests.ui.chromium import find_chromium, launch
from tests.ui.gate import Gate
from tests.ui.lab import FRONT_END, LabServer
from tests.ui.proxy import Proxy
from tests.ui.tab import PATIENCE, Tab

VIEWPORT = {"width": 1400, "height": 900}


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    path = find_chromium()
    if path is None:
        pytest.skip("no browser: install chromium (Debian: apt-get install chromium)")
    expect.set_options(timeout=PATIENCE)
    with launch(path) as browser:
        yield browser


@pytest.fixture(scope="session")
def front_end() -> None:
    if not (FRONT_END / "package.json").exists():
        pytest.skip("the front end is not built: make frontend")


@pytest.fixture(scope="session")
def shared_lab(browser: Browser, front_end: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[LabServer]:
    server = LabServer(tmp_path_factory.mktemp("lab"))
    server.start()
    yield server
    server.close()


@pytest.fixture
def lab(shared_lab: LabServer) -> Iterator[LabServer]:
    """The server that all tests share; afterwards there are no jobs in it."""
    yield shared_lab
    shared_lab.delete_jobs()


@pytest.fixture
def fresh_settings(lab: LabServer) -> Iterator[None]:
    """Take away afterwards what a test has set in the extension's settings."""
    yield
    for path in (lab.home.parent / "config" / "settings" / "jupyter-mltrain").glob("*"):
        path.unlink()


@pytest.fixture
def name(request: pytest.FixtureRequest) -> str:
    """A name that no other test has, fit for a folder, a notebook and a job."""
    words = re.sub(r"[^a-z0-9]+", "-", request.node.name.removeprefix("test_").lower()).strip("-")
    return f"{words[:31].strip('-')}-{zlib.crc32(request.node.nodeid.encode()):08x}"


@pytest.fixture
def work(lab: LabServer, name: str) -> Path:
    """The test's own folder among the notebooks."""
    folder = lab.work / name
    folder.mkdir()
    return folder


@pytest.fixture
def gate(tmp_path: Path) -> Iterator[Gate]:
    with Gate(tmp_path / "gate") as gate:
        yield gate


@pytest.fixture
def proxy(lab: LabServer) -> Iterator[Proxy]:
    """The way to the server, for tests that break it: ``new_tab(url=proxy.url)``."""
    with Proxy(lab) as proxy:
        yield proxy


@pytest.fixture
def context(browser: Browser) -> Iterator[BrowserContext]:
    context = browser.new_context(viewport=VIEWPORT, reduced_motion="reduce")
    yield context
    context.close()


FAILED = pytest.StashKey[bool]()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    item.stash[FAILED] = item.stash.get(FAILED, False) or report.failed
    return report


@pytest.fixture
def new_tab(
    browser: Browser, context: BrowserContext, lab: LabServer, name: str, tmp_path: Path, request: pytest.FixtureRequest
) -> Iterator[Callable[..., Tab]]:
    """Makes tabs, ``elsewhere``: in another browser. At the end none of them may have seen an error.

    Of a failed test there is a picture of each.
    """
    tabs: list[Tab] = []

    others: list[BrowserContext] = []

    def make(server: LabServer | None = None, *, url: str | None = None, elsewhere: bool = False) -> Tab:
        if elsewhere:
            others.append(browser.new_context(viewport=VIEWPORT, reduced_motion="reduce"))
        tabs.append(Tab(others[-1] if elsewhere else context, server or lab, f"{name}-{len(tabs)}", url))
        return tabs[-1]

    yield make
    if request.node.stash.get(FAILED, False):
        for number, tab in enumerate(tabs):
            tab.page.screenshot(path=tmp_path / f"tab-{number}.png")
    for other in others:
        other.close()
    assert [tab.unexpected_problems() for tab in tabs if tab.unexpected_problems()] == []


@pytest.fixture
def tab(new_tab: Callable[..., Tab]) -> Tab:
    return new_tab()

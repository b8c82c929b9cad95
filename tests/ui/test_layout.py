"""What a reload brings back, what is loaded and when, and what a closed tab leaves behind: nothing."""

from __future__ import annotations

import gzip
import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Request, WebSocket, expect

from tests.ui.job import JobTab
from tests.ui.lab import FRONT_END, LabServer
from tests.ui.notebooks import write_quick
from tests.ui.tab import Tab

FIRST_LOAD = 60 * 1024


def stored_layout(request: Request) -> str:
    """Return the layout that JupyterLab stores with this request; it does so a while after a change."""
    if request.method != "PUT" or "/api/workspaces/" not in request.url:
        return ""
    return json.dumps(json.loads(request.post_data or "{}").get("data", {}).get("layout-restorer:data", {}))


def finished_job(tab: Tab, notebook: Path) -> str:
    """Run the notebook as a job to its end; return the job's name."""
    path = notebook.relative_to(tab.lab.work).as_posix()
    tab.open(path)
    tab.menu("Train", "Train with Defaults")
    tab.notice("has finished").get_by_role("button", name="Open Job").click()
    JobTab(tab.page).expect_phase("Succeeded")
    name: str = tab.lab.api("GET", "jobs")["jobs"][0]["name"]
    return name


def switch_side(tab: Tab) -> None:
    """Move the panel to the other side bar; JupyterLab keeps it in its settings."""
    with tab.page.expect_response(lambda answer: answer.request.method == "PUT" and "/api/settings/" in answer.url):
        tab.page.get_by_role("tab", name="Training", exact=True).click(button="right")
        tab.menu_item("Switch Sidebar Side").click()


def test_reload_brings_back_tabs_with_titles_and_the_panel_on_its_side(tab: Tab, work: Path, name: str) -> None:
    job = finished_job(tab, write_quick(work, name))
    JobTab(tab.page).show("Logs")
    switch_side(tab)
    tab.page.locator("#jp-main-dock-panel .lm-TabBar-tab").filter(has_text=f"{name}.ipynb").click()
    with tab.page.expect_response(lambda answer: "jupyter-mltrain-submits:submit:" in stored_layout(answer.request)):
        tab.menu("File", "Submit as training job")
    tab.reload()
    tabs = tab.page.locator("#jp-main-dock-panel .lm-TabBar-tab")
    expect(tabs.filter(has_text=f"Train {name}")).to_have_count(1)
    expect(tabs.filter(has_text=job)).to_have_count(1)
    expect(tab.page.locator(".jp-mltrain-SubmitWidget:visible")).to_have_count(1)
    expect(tab.page.locator(".jp-SideBar.jp-mod-right").get_by_role("tab", name="Training")).to_be_visible()
    tabs.filter(has_text=job).click()
    expect(JobTab(tab.page).root.get_by_role("tab", name="Logs")).to_have_attribute("aria-selected", "true")
    switch_side(tab)
    expect(tab.page.locator(".jp-SideBar.jp-mod-left").get_by_role("tab", name="Training")).to_be_visible()


def test_first_load_is_small_and_the_rest_comes_when_it_is_shown(tab: Tab) -> None:
    asked: list[str] = []
    tab.page.on("response", lambda answer: asked.append(answer.url.partition("?")[0]))

    def loaded() -> set[str]:
        return {url.rpartition("/")[2] for url in asked if "/extensions/jupyter-mltrain/static/" in url}

    tab.open()
    tab.card("Penguins").wait_for()
    first = loaded()
    assert first
    size = sum(len(gzip.compress((FRONT_END / "static" / file).read_bytes())) for file in first)
    assert size <= FIRST_LOAD
    tab.menu("Train", "Show Training Jobs")
    tab.page.get_by_role("region", name="Training", exact=True).get_by_role("heading").first.wait_for()
    assert loaded() > first


def test_what_jupyterlab_has_is_not_packed_again(front_end: None) -> None:
    static = FRONT_END / "static"
    licences = json.loads((static / "third-party-licenses.json").read_text())
    packed = {package["name"] for package in licences["packages"]}
    # Of react only the runtime of JSX, which JupyterLab does not share.
    assert packed <= {
        "@tanstack/react-virtual",
        "@tanstack/virtual-core",
        "css-loader",
        "react",
        "style-loader",
        "uplot",
    }
    (entry,) = static.glob("remoteEntry.*.js")
    shared = dict(re.findall(r'shareKey:"([^"]+)",import:(\w+)', entry.read_text()))
    assert {"react", "@jupyterlab/apputils", "@lumino/widgets"} <= shared.keys()
    assert set(shared.values()) == {"null"}  # there is no copy to fall back to


def test_closing_a_tab_ends_what_it_followed(tab: Tab, work: Path, name: str) -> None:
    sent: list[dict[str, str]] = []

    def listen(socket: WebSocket) -> None:
        if "/jupyter-mltrain/channels" in socket.url:
            socket.on("framesent", lambda frame: sent.append(json.loads(frame)))

    def followed() -> set[str]:
        topics: set[str] = set()
        for message in sent:
            change = {"subscribe": topics.add, "unsubscribe": topics.discard}.get(message["type"])
            if change:
                change(message["topic"])
        return topics

    tab.page.on("websocket", listen)
    finished_job(tab, write_quick(work, name))
    job = JobTab(tab.page)
    for inner in ("Logs", "Metrics", "Notebook"):
        job.show(inner)
    expect(job.panel).to_contain_text("that is all")
    identifier = tab.lab.api("GET", "jobs")["jobs"][0]["id"]
    assert {"jobs", f"job/{identifier}", f"notebook/{identifier}"} <= followed()
    tab.menu("File", "Close Tab")
    expect(job.root).to_have_count(0)
    tab.page.evaluate("new Promise(done => requestAnimationFrame(done))")
    assert followed() == {"jobs", "images"}  # what notices are made of


@pytest.fixture(scope="module")
def half(browser: Browser, front_end: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[LabServer]:
    """A server on which only the front end is installed."""
    disabled = {"ServerApp.jpserver_extensions": "{'jupyter_mltrain': False}"}
    server = LabServer(tmp_path_factory.mktemp("half"), settings=disabled)
    server.start()
    yield server
    server.close()


def test_without_the_servers_half_the_panel_says_what_to_do(half: LabServer, new_tab: Callable[..., Tab]) -> None:
    tab = new_tab(half).open(write_quick(half.work, "train").name)
    tab.menu("Train", "Show Training Jobs")
    panel = tab.page.get_by_role("region", name="Training", exact=True)
    expect(panel).to_contain_text("The server has no training extension.")
    expect(panel).to_contain_text("jupyter server extension enable jupyter_mltrain")
    panel.get_by_role("button", name="Retry").first.click()
    expect(panel).to_contain_text("The server has no training extension.")
    tab.menu("Train", "Train with Defaults")
    expect(tab.dialog()).to_contain_text("The server has no training extension.")

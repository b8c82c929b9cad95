"""Make the README's pictures from the real thing: JupyterLab, real jobs, a real registry, both themes.

``make screenshots``, or ``python tools/screenshots.py [FOLDER]``; by default the pictures go to docs/images. It takes a
few minutes: the jobs on them really run.
"""

from __future__ import annotations

import json
import re
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from playwright.sync_api import Locator, expect

from tests.image.base_image import debian
from tests.image.registry_server import registry_server
from tests.support import ROOT, write_notebook
from tests.ui.chromium import find_chromium, launch
from tests.ui.job import JobTab
from tests.ui.lab import LabServer
from tests.ui.panel import Panel
from tests.ui.tab import PATIENCE, Tab

IMAGES = ROOT / "docs" / "images"
WINDOW = {"width": 1360, "height": 850}
PANEL_WIDTH = 340
THEMES = {"light": "JupyterLab Light", "dark": "JupyterLab Dark"}
# Long enough to be on all pictures while it runs.
RECOMMENDER = {"notebook": "recommender.ipynb", "parameters": {"epochs": 40, "learning_rate": 0.0001}}
SOME_REPORTS = re.compile(r"([6-9]|\d\d) reports")
REGISTRY = "localhost:5000"
BASE = "library/python:3.11-slim"
LARGEST = 300_000
MINUTES = 600_000


def quiet(server: LabServer, folder: Path) -> None:
    """Keep notices out of the pictures."""
    settings = folder / "config" / "settings" / "jupyter-mltrain" / "plugin.jupyterlab-settings"
    settings.parent.mkdir(parents=True)
    settings.write_text(json.dumps({"notices": "none"}))


def write_churn(folder: Path) -> None:
    """Write a notebook that fails as notebooks do."""
    write_notebook(
        folder / "churn.ipynb",
        "import csv, pathlib",
        "rows = list(csv.DictReader(pathlib.Path(data, 'customers.csv').open()))",
        "print(len(rows), 'customers')",
        parameters='data: str = "exports/2026-11"  # folder with customers.csv',
    )


def wait_for_end(server: LabServer, job_id: str) -> None:
    """Wait until a job has ended."""
    while not server.api("GET", f"jobs/{job_id}")["summary"]["finished"]:
        time.sleep(0.5)


def run_jobs(server: LabServer) -> None:
    """Run what the pictures show as ended, then start what they show running."""
    write_churn(server.work)
    wait_for_end(server, server.api("POST", "jobs", {"notebook": "churn.ipynb"})["id"])
    for name in ("penguins", "distributed_tensorflow"):
        wait_for_end(server, server.api("POST", f"samples/{name}/run", {})["id"])
    server.api("POST", "samples/recommender/open", {})
    server.api("POST", "jobs", RECOMMENDER)
    server.api("POST", "samples/income/run", {})


def build_image(server: LabServer, registry: str) -> None:
    """Push an image of a sample, and change the sample: one layer will be another."""
    server.api("POST", "samples/penguins/open", {})
    image = {"repository": f"{registry}/me/penguins"}
    server.api("POST", "images", {"submission": {"notebook": "penguins.ipynb"}, "image": image})
    while server.api("GET", "images")["builds"][0]["state"] != "succeeded":
        time.sleep(0.5)
    notebook = server.work / "penguins.ipynb"
    document = json.loads(notebook.read_text())
    document["cells"][-1]["source"] += "\n"
    notebook.write_text(json.dumps(document))


def widen(tab: Tab) -> None:
    """Draw the panel's edge to the width that it is to have."""
    handle = tab.page.locator("#jp-main-split-panel > .lm-SplitPanel-handle").first.bounding_box()
    side = tab.page.locator("#jp-left-stack").bounding_box()
    assert handle is not None
    assert side is not None
    x, y = handle["x"] + handle["width"] / 2, handle["y"] + 200
    tab.page.mouse.move(x, y)
    tab.page.mouse.down()
    tab.page.mouse.move(x + PANEL_WIDTH - side["width"], y, steps=4)
    tab.page.mouse.up()


class Album:
    """Takes the pictures."""

    def __init__(self, tab: Tab, folder: Path) -> None:
        self._tab = tab
        self._folder = folder
        folder.mkdir(parents=True, exist_ok=True)

    def take(self, name: str, theme: str, of: Locator | None = None) -> None:
        """Take a picture of the window, or of a part of it."""
        path = self._folder / f"{name}-{theme}.png"
        self._tab.page.mouse.move(WINDOW["width"] - 5, WINDOW["height"] - 5)
        (of or self._tab.page).screenshot(path=path)
        size = path.stat().st_size
        print(f"{path}: {size // 1000} kB")
        assert size < LARGEST, "too large for a README"


def notebook_in_the_middle(job: JobTab) -> None:
    """Show the live notebook where the training runs."""
    job.show("Notebook")
    running = job.panel.locator(".jp-mltrain-Cell[data-status=running]")
    expect(running).to_contain_text("Epoch 4", timeout=MINUTES)


def take_all(album: Album, tab: Tab) -> None:
    """Take every picture in both themes."""
    panel = Panel(tab.open())
    widen(tab)
    recommender = panel.open("recommender")
    notebook_in_the_middle(recommender)
    for theme, title in THEMES.items():
        tab.theme(title)
        recommender = panel.open("recommender")
        for name, show in pictures(recommender).items():
            show()
            album.take(name, theme)
        album.take("panel", theme, panel.root)
        failed = panel.open("churn")
        expect(failed.show("Overview").locator(".jp-mltrain-Why")).to_be_visible()
        album.take("failed", theme)
        submit(tab, "recommender.ipynb")
        album.take("submit", theme)
        tab.page.keyboard.press("Alt+w")
        submit(tab, "penguins.ipynb")
        show_image(tab)
        album.take("image", theme)
        tab.page.keyboard.press("Alt+w")


def pictures(job: JobTab) -> dict[str, Callable[[], object]]:
    """Return what is shown of the running job, by the picture's name."""
    return {
        "notebook": lambda: notebook_in_the_middle(job),
        "metrics": lambda: expect(job.show("Metrics")).to_contain_text(SOME_REPORTS, timeout=MINUTES),
    }


def submit(tab: Tab, notebook: str) -> None:
    """Open the submit form of a notebook, and wait for its preview."""
    tab.page.evaluate("path => window.jupyterapp.commands.execute('mltrain:submit', { path })", notebook)
    form = tab.page.locator(".jp-mltrain-SubmitWidget:visible")
    expect(form.get_by_role("tab", name="Checks")).to_be_visible()
    tab.page.wait_for_load_state("networkidle")


def show_image(tab: Tab) -> None:
    """Show the layers of the image, as planned."""
    form = tab.page.locator(".jp-mltrain-SubmitWidget:visible")
    form.get_by_role("tab", name="Image").click()
    expect(form).to_contain_text("to build", timeout=MINUTES)
    tab.page.wait_for_load_state("networkidle")


def main() -> None:
    """Run the jobs and take the pictures."""
    target = Path(sys.argv[1]) if len(sys.argv) > 1 else IMAGES
    path = find_chromium()
    assert path is not None, "no browser: install chromium"
    expect.set_options(timeout=PATIENCE)
    with (
        tempfile.TemporaryDirectory(prefix="mltrain-pictures-") as name,
        registry_server(Path(name, "registry"), port=5000),
        launch(path) as browser,
    ):
        folder = Path(name)
        (folder / "image.toml").write_text(f'repository = "{REGISTRY}/me"\n[bases]\ndefault = "{REGISTRY}/{BASE}"\n')
        server = LabServer(
            folder,
            settings={"LabApp.expose_app_in_browser": "True"},
            env={"MLTRAIN_IMAGE_CONFIG": str(folder / "image.toml")},
        )
        quiet(server, folder)
        server.start()
        try:
            debian().push(f"{REGISTRY}/{BASE}")
            build_image(server, REGISTRY)
            run_jobs(server)
            tab = Tab(browser.new_context(viewport=WINDOW, reduced_motion="reduce"), server, "pictures")
            take_all(Album(tab, target), tab)
        finally:
            server.close()


if __name__ == "__main__":
    main()

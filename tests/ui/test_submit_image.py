"""A notebook becomes an image, as a user sees it: registry, package index and base image are real, and on loopback."""

from __future__ import annotations

import tarfile
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Locator, expect

from tests.image.ground import SmallGround, small_ground
from tests.support import write_notebook
from tests.ui.job import path_of
from tests.ui.lab import LabServer
from tests.ui.notebooks import with_language, write_quick
from tests.ui.submit import SubmitForm
from tests.ui.tab import NO_SERVER, Tab

# What is told of a build that waits for its package.
DOWNLOADING = "large-1.0-py3-none-any.whl: downloaded 0 B of 4 MiB"


class Gate(dict[str, bytes]):
    """The files of an index; it gives ``large`` out when a test lets it."""

    def __init__(self, files: dict[str, bytes]) -> None:
        super().__init__(files)
        self.open = threading.Event()

    def get(self, name: str, default: Any = None) -> Any:
        if name.startswith("large"):
            self.open.wait()
        return super().get(name, default)


@pytest.fixture(scope="module")
def ground(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SmallGround]:
    with small_ground(tmp_path_factory.mktemp("ground")) as found:
        yield found


@pytest.fixture
def builds(ground: SmallGround) -> Iterator[threading.Event]:
    """Builds wait for a package until this is set."""
    gate = Gate(ground.index.files)
    ground.index.files = gate
    yield gate.open
    gate.open.set()


@pytest.fixture
def lab(browser: Any, front_end: None, ground: SmallGround, tmp_path: Path) -> Iterator[LabServer]:
    server = LabServer(tmp_path / "lab", env=ground.env)
    server.start()
    yield server
    server.close()


def open_image(tab: Tab, ground: SmallGround, work: Path, name: str) -> Locator:
    """Open the form of a notebook and its image with a large package; return what is shown of it."""
    (work / "requirements.txt").write_text("large==1.0\n")
    form = SubmitForm.open(tab, path_of(tab, write_quick(work, name)))
    shown = form.show("Image")
    expect(shown.get_by_label("Repository")).to_have_value(f"{ground.prefix}/{name}")
    expect(shown).to_contain_text("Python 3.11.2")
    shown.get_by_label("Packages").select_option("requirements.txt")
    expect(shown.get_by_role("row", name="large 1.0")).to_be_visible()
    return shown


def test_build_and_push_with_progress_in_the_toast(
    tab: Tab, ground: SmallGround, work: Path, name: str, builds: threading.Event
) -> None:
    tab.page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    shown = open_image(tab, ground, work, name)
    row = shown.get_by_role("row", name="large 1.0")
    expect(row).to_contain_text("to build")
    shown.get_by_role("button", name="Build and push").click()
    expect(tab.notice(f"Image of {name}: ").get_by_role("button", name="Cancel")).to_be_visible()
    expect(shown).to_contain_text(DOWNLOADING)
    builds.set()
    made = tab.notice(f"Image pushed: {ground.prefix}/{name}@sha256:")
    made.get_by_role("button", name="Copy Reference").click()
    expect(row).to_contain_text("in registry")
    expect(shown).to_contain_text("To download 0 B, to push 0 B")
    reference = tab.page.evaluate("navigator.clipboard.readText()")
    (build,) = tab.lab.api("GET", "images")["builds"]
    assert build["image"]["reference"] == reference
    assert reference.startswith(f"{ground.prefix}/{name}@sha256:")


def test_a_notice_that_was_hidden_stays_hidden(
    tab: Tab, ground: SmallGround, work: Path, name: str, builds: threading.Event
) -> None:
    shown = open_image(tab, ground, work, name)
    shown.get_by_role("button", name="Build", exact=True).click()
    expect(tab.notice(DOWNLOADING)).to_be_visible()
    tab.notice(DOWNLOADING).get_by_title("Hide notification").click()
    expect(tab.page.locator(".Toastify__toast")).to_have_count(0)
    shown.get_by_role("button", name="Cancel the build").click()
    expect(shown.get_by_role("button", name="Stopping…")).to_be_visible()
    expect(tab.page.locator(".Toastify__toast")).to_have_count(0)
    builds.set()
    expect(tab.notice(f"Image of {name}: Cancelled")).to_be_visible()


def test_another_window_and_a_reloaded_page_see_the_build(
    new_tab: Callable[..., Tab], ground: SmallGround, work: Path, name: str, builds: threading.Event
) -> None:
    tab, other = new_tab(), new_tab()
    other.open()
    open_image(tab, ground, work, name).get_by_role("button", name="Build", exact=True).click()
    tab.reload()
    form = SubmitForm(tab)
    expect(form.show("Image").get_by_role("button", name="Cancel the build")).to_be_visible()
    for page in (tab, other):
        expect(page.notice(DOWNLOADING)).to_be_visible()
    builds.set()
    for page in (tab, other):
        expect(page.page.locator(".Toastify__toast", has_text=DOWNLOADING)).to_have_count(0)
    expect(form.preview).to_contain_text("Image built: sha256:")


def test_cancel_by_the_toast(tab: Tab, ground: SmallGround, work: Path, name: str, builds: threading.Event) -> None:
    shown = open_image(tab, ground, work, name)
    shown.get_by_role("button", name="Build", exact=True).click()
    tab.notice(DOWNLOADING).get_by_role("button", name="Cancel").click()
    builds.set()
    expect(tab.notice(f"Image of {name}: Cancelled")).to_be_visible()
    expect(shown.get_by_role("button", name="Build", exact=True)).to_be_enabled()


def test_a_server_that_was_started_again_knows_no_build(
    tab: Tab, ground: SmallGround, work: Path, name: str, builds: threading.Event
) -> None:
    tab.expect_problem(NO_SERVER)
    # JupyterLab's own dialog about the connection.
    tab.page.add_locator_handler(tab.dialog(), lambda dialog: dialog.get_by_role("button").last.click())
    shown = open_image(tab, ground, work, name)
    shown.get_by_role("button", name="Build", exact=True).click()
    expect(tab.notice(DOWNLOADING)).to_be_visible()
    tab.lab.restart()
    expect(tab.notice("the Jupyter server was started again")).to_be_visible()
    builds.set()
    shown.get_by_role("button", name="Build", exact=True).click()
    expect(tab.notice("Image built: sha256:")).to_be_visible()


def test_a_registry_that_is_away_and_comes_back(tab: Tab, ground: SmallGround, work: Path, name: str) -> None:
    tab.expect_problem("status of 502")
    shown = open_image(tab, ground, work, name)
    shown.get_by_label("Repository").fill("127.0.0.1:1/team/away")
    shown.get_by_label("Repository").press("Enter")
    banner = shown.get_by_role("alert")
    expect(banner).to_contain_text("127.0.0.1:1")
    expect(banner.get_by_role("button", name="Retry")).to_be_visible()
    shown.get_by_label("Repository").fill("")
    shown.get_by_label("Repository").press("Enter")
    expect(banner).to_have_count(0)
    expect(shown.get_by_label("Repository")).to_have_value(f"{ground.prefix}/{name}")


def test_the_dockerfile_is_handed_out_with_its_folder(tab: Tab, ground: SmallGround, work: Path, name: str) -> None:
    open_image(tab, ground, work, name)
    form = SubmitForm(tab)
    shown = form.show("Dockerfile")
    expect(shown).to_contain_text("It is built in its folder")
    with tab.page.expect_download() as download:
        shown.get_by_role("button", name="Download Dockerfile").click()
    assert download.value.suggested_filename == f"{name}-image.tar.gz"
    with tarfile.open(download.value.path()) as archive:
        files = set(archive.getnames())
        text = archive.extractfile(f"{name}-image/Dockerfile")
        assert text is not None
        content = text.read().decode()
    assert "COPY environment/ /" in content
    assert {f"{name}-image/{each}" for each in ("environment", "program", "requirements.txt", "runner")} < files
    shown.get_by_role("button", name="Save Dockerfile beside the notebook").click()
    expect(tab.page.locator("#jp-main-dock-panel .lm-TabBar").get_by_text("Dockerfile", exact=True)).to_be_visible()
    expect(tab.page.locator(".jp-DirListing-item", has_text=f"{name}-image")).to_be_visible()
    assert (work / f"{name}-image" / "Dockerfile").read_text() == content
    assert (work / f"{name}-image" / "runner").is_dir()


def test_what_looks_like_a_secret_is_handed_out_only_anyway(
    tab: Tab, ground: SmallGround, work: Path, name: str
) -> None:
    notebook = with_language(write_notebook(work / f"{name}.ipynb", "key = 'AKIAQ7RXZ2LTV4NKPW3D'"))
    form = SubmitForm.open(tab, path_of(tab, notebook))
    shown = form.show("Dockerfile")
    expect(shown.get_by_role("list", name="Findings")).to_be_visible()
    expect(shown.get_by_role("button", name="Save Dockerfile beside the notebook", exact=True)).to_have_count(0)
    shown.get_by_role("button", name="Save Dockerfile beside the notebook anyway").click()
    expect(tab.page.locator("#jp-main-dock-panel .lm-TabBar").get_by_text("Dockerfile", exact=True)).to_be_visible()
    assert (work / f"{name}-image" / "Dockerfile").exists()


def test_what_was_said_of_another_repository_is_gone(
    new_tab: Callable[..., Tab], ground: SmallGround, work: Path, name: str
) -> None:
    tab = new_tab()
    tab.expect_problem("status of 502")
    shown = open_image(tab, ground, work, name)
    shown.get_by_role("button", name="Build and push").click()
    expect(shown.get_by_text("Image pushed: ")).to_be_visible()
    expect(shown).to_contain_text("To download 0 B, to push 0 B")
    shown.get_by_label("Repository").fill("127.0.0.1:1/x/y")
    shown.get_by_label("Repository").press("Enter")
    expect(shown.get_by_role("alert")).to_contain_text("127.0.0.1:1")
    for gone in ("Image pushed: ", "To download", "in registry"):
        expect(shown.get_by_text(gone)).to_have_count(0)
    shown.get_by_role("button", name="Build and push").click()
    failed = tab.notice(f"Image of {name}: ")
    expect(failed.get_by_role("button", name="Details")).to_be_visible()
    expect(shown.get_by_role("button", name="Build and push")).to_be_visible()
    expect(shown.get_by_role("alert")).to_have_count(1)
    tab.page.locator("#jp-main-dock-panel .lm-TabBar-tab", has_text=f"{name}.ipynb").click()
    failed.get_by_role("button", name="Open Image").click()
    expect(shown.get_by_role("alert")).to_contain_text("Is the registry running")
    # Where it could not be pushed to is not offered for the next notebook.
    tab = new_tab()
    other = SubmitForm.open(tab, path_of(tab, write_quick(work, f"{name}-2")))
    expect(other.show("Image").get_by_label("Repository")).to_have_value(f"{ground.prefix}/{name}-2")


def test_the_repository_is_remembered(new_tab: Callable[..., Tab], ground: SmallGround, work: Path, name: str) -> None:
    tab = new_tab()
    shown = open_image(tab, ground, work, name)
    shown.get_by_label("Repository").fill(f"{ground.registry.host}/mine/other:1")
    shown.get_by_role("button", name="Build and push").click()
    expect(tab.notice(f"Image pushed: {ground.registry.host}/mine/other@sha256:")).to_be_visible()
    tab = new_tab()
    form = SubmitForm.open(tab, path_of(tab, write_quick(work, f"{name}-2")))
    expect(form.show("Image").get_by_label("Repository")).to_have_value(f"{ground.registry.host}/mine/{name}-2")
    # A cleared field means the settings' default, for the next ones too once it has worked.
    shown = form.preview
    shown.get_by_label("Repository").fill("")
    shown.get_by_label("Repository").press("Enter")
    expect(shown.get_by_label("Repository")).to_have_value(f"{ground.prefix}/{name}-2")
    shown.get_by_role("button", name="Build and push").click()
    expect(shown).to_contain_text(f"Image pushed: {ground.prefix}/{name}-2@sha256:")
    tab = new_tab()
    form = SubmitForm.open(tab, path_of(tab, write_quick(work, f"{name}-3")))
    expect(form.show("Image").get_by_label("Repository")).to_have_value(f"{ground.prefix}/{name}-3")

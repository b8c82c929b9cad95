"""What the form shows of the job that it would make, and what there is to choose from."""

from __future__ import annotations

import re
from pathlib import Path

import yaml
from playwright.sync_api import Route, expect

from tests.support import write_notebook
from tests.ui.job import path_of
from tests.ui.notebooks import with_language, write_quick
from tests.ui.submit import SubmitForm
from tests.ui.tab import Tab


def write_tensorflow(folder: Path, name: str) -> Path:
    return with_language(
        write_notebook(
            folder / f"{name}.ipynb",
            "import tensorflow as tf\nstrategy = tf.distribute.MultiWorkerMirroredStrategy()",
            "print(batch_size)",
            parameters="batch_size: int = 150",
        )
    )


def test_the_manifest_is_the_one_that_is_submitted(tab: Tab, work: Path, name: str) -> None:
    form = SubmitForm.open(tab, path_of(tab, write_quick(work, name)))
    form.parameter("epochs").fill("4")
    shown = form.show("Manifest")
    form.planned()
    with tab.page.expect_download() as download:
        shown.get_by_role("button", name="Download manifest").click()
    assert download.value.suggested_filename == f"{name}.yaml"
    manifest = yaml.safe_load(Path(download.value.path()).read_text())
    expect(shown).to_contain_text(f"name: {manifest['metadata']['name']}")
    form.submit().expect_phase("Succeeded")
    (job,) = form.jobs()
    assert job["summary"]["name"] == manifest["metadata"]["name"]
    assert job["manifest"]["metadata"]["labels"] == manifest["metadata"]["labels"]
    assert job["manifest"]["spec"]["template"] == manifest["spec"]["template"]


def test_script_and_manifest_are_copied_and_saved(tab: Tab, work: Path, name: str) -> None:
    tab.page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    form = SubmitForm.open(tab, path_of(tab, write_quick(work, name)))
    form.parameter("epochs").fill("4")
    form.planned()
    script = form.show("Script")
    expect(script).to_contain_text("epochs = 4")
    script.get_by_role("button", name="Copy script").click()
    expect(script.get_by_role("button", name="Copy script")).to_contain_text("Copied")
    copied = tab.page.evaluate("navigator.clipboard.readText()")
    compile(copied, "train.py", "exec")
    script.get_by_role("button", name="Save script beside the notebook").click()
    expect(tab.page.locator("#jp-main-dock-panel .lm-TabBar-tab", has_text=f"{name}.py")).to_be_visible()
    assert (work / f"{name}.py").read_text() == copied


def test_findings_are_mended_by_a_click(tab: Tab, work: Path, name: str) -> None:
    form = SubmitForm.open(tab, path_of(tab, write_tensorflow(work, name)))
    expect(form.field("framework")).to_contain_text("TensorFlow (TFJob), found by the imports")
    form.field("roles.Worker.replicas").fill("4")
    findings = form.preview.get_by_role("list", name="Findings")
    uneven = findings.get_by_role("listitem").filter(has_text="cannot be split evenly")
    uneven.get_by_role("button", name="Apply").click()
    expect(form.parameter("batch_size")).to_have_value("152")
    expect(uneven).to_have_count(0)
    form.field("roles.PS.replicas").fill("1")
    expect(form.status).to_contain_text("1 check says that it would fail.")
    expect(form.submit_button).to_have_attribute("aria-disabled", "true")
    servers = findings.get_by_role("listitem").filter(has_text="has no parameter servers")
    servers.get_by_role("button", name="Show the field").click()
    expect(form.field("roles.PS.replicas")).to_be_focused()
    servers.get_by_role("button", name="Apply").click()
    expect(form.field("roles.PS.replicas")).to_have_value("0")
    expect(form.status).to_have_text("Ready")
    expect(form.show("Manifest")).to_contain_text("replicas: 4")


def test_why_there_is_no_gpu(tab: Tab, work: Path, name: str) -> None:
    def none(route: Route) -> None:
        found = {"devices": [], "cpus": 2, "memory": 2**34, "slots": 2, "slotsFree": 2, "note": "No driver was found."}
        route.fulfill(json=found)

    tab.page.route("**/jupyter-mltrain/devices*", none)
    form = SubmitForm.open(tab, path_of(tab, write_quick(work, name)))
    gpu = form.field("roles.Worker.resources.gpu.product")
    expect(gpu).to_be_disabled()
    expect(gpu).to_have_accessible_description(re.compile("No driver was found."))


def test_gpus_are_chosen_from_what_is_free(tab: Tab, work: Path, name: str) -> None:
    def some(route: Route) -> None:
        device = {"product": "NVIDIA-H200", "memory": None, "taints": []}
        devices = [device | {"node": "a", "total": 2, "free": 2}, device | {"node": "b", "total": 2, "free": 1}]
        route.fulfill(json={"devices": devices, "cpus": 2, "memory": 2**34, "slots": 2, "slotsFree": 2, "note": ""})

    tab.page.route("**/jupyter-mltrain/devices*", some)
    form = SubmitForm.open(tab, path_of(tab, write_tensorflow(work, name)))
    form.field("roles.Worker.resources.gpu.product").select_option("NVIDIA-H200: 3 of 4 free")
    form.field("roles.Worker.resources.gpu.count").fill("2")
    form.planned()
    shown = form.show("Manifest")
    expect(shown).to_contain_text("nvidia.com/gpu: '2'")
    expect(shown).to_contain_text("NVIDIA-H200")


def test_a_place_that_nobody_reaches_says_why(tab: Tab, work: Path, name: str) -> None:
    def both(route: Route) -> None:
        place = {"kinds": [], "suspend": True, "gpus": False, "images": False}
        local = place | {"name": "local", "title": "This machine", "available": True, "why": ""}
        away = place | {"name": "kubernetes", "title": "Kubernetes", "available": False, "why": "No kubeconfig."}
        route.fulfill(json={"backends": [local, away]})

    tab.page.route("**/jupyter-mltrain/backends*", both)
    form = SubmitForm.open(tab, path_of(tab, write_quick(work, name)))
    expect(form.root.get_by_role("radio", name="This machine")).to_be_checked()
    away = form.root.get_by_role("radio", name="Kubernetes")
    expect(away).to_be_disabled()
    expect(away).to_have_accessible_description("No kubeconfig.")


def test_requirements_inputs_and_variables_reach_the_job(tab: Tab, work: Path, name: str) -> None:
    notebook = with_language(
        write_notebook(
            work / f"{name}.ipynb",
            "import yaml, os\nfrom jupyter_mltrain import run",
            "print(os.environ['COLOUR'], open(run.channels['train']).read())",
        )
    )
    (work / "data.txt").write_text("blue")
    form = SubmitForm.open(tab, path_of(tab, notebook))
    form.root.get_by_text("requirements found").click()
    form.root.get_by_label("Requirement to add").fill("lightgbm==4.1")
    form.root.get_by_label("Requirement to add").press("Enter")
    form.part("Data and secrets").click()
    form.root.get_by_role("button", name="Add an input").click()
    expect(form.field("channels.0.name")).to_be_focused()
    form.field("channels.0.name").fill("train")
    form.field("channels.0.uri").fill(str(work / "data.txt"))
    form.root.get_by_role("button", name="Add a variable").click()
    form.field("env.0.name").fill("COLOUR")
    form.field("env.0.value").fill("green")
    expect(form.planned().status).to_have_text("Ready")
    job = form.submit()
    job.expect_phase("Succeeded")
    expect(job.show("Notebook")).to_contain_text("green blue")
    provenance = tab.lab.api("GET", f"jobs/{form.jobs()[0]['summary']['id']}/provenance")
    assert "lightgbm==4.1" in provenance["requirements"]

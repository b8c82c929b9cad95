"""From a notebook to a job by the form."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from playwright.sync_api import expect

from tests.support import write_notebook
from tests.ui.job import JobTab, path_of
from tests.ui.notebooks import with_language, write_quick
from tests.ui.submit import SubmitForm, press_train
from tests.ui.tab import Tab

PARAMETERS = """\
from pathlib import Path
from typing import Literal
epochs: int = 3  # how often
rate: float = 0.5
seed = 12345678901234567890
shuffle: bool = True
mood: str = "good"
optimizer: Literal["adam", "sgd"] = "adam"
layers: list[int] = [64, 32]
options = {"dropout": 0.2}
limit: int | None = None
after: int | None = 7
run_name = f"run-{epochs}"
where = Path("data")
untouched = "so"
"""


def write_all_types(folder: Path, name: str) -> Path:
    names = "epochs, rate, seed, shuffle, mood, optimizer, layers, options, limit, after, run_name, where, untouched"
    return with_language(write_notebook(folder / f"{name}.ipynb", f"print({names})", parameters=PARAMETERS))


def test_two_clicks_from_a_notebook_to_its_job(tab: Tab, work: Path, name: str) -> None:
    tab.open(path_of(tab, write_quick(work, name)))
    tab.await_kernel()
    press_train(tab)
    form = SubmitForm(tab)
    job = form.submit()
    job.expect_phase("Succeeded")
    expect(form.root).to_have_count(0)
    (made,) = form.jobs()
    assert made["summary"]["notebook"] == path_of(tab, work / f"{name}.ipynb")
    assert made["parameters"] == {}


def test_the_button_can_be_pressed_before_the_checks_are_done(tab: Tab, work: Path, name: str) -> None:
    tab.open(path_of(tab, write_quick(work, name)))
    tab.await_kernel()
    tab.page.route("**/jupyter-mltrain/plans*", lambda route: None)  # never answered
    press_train(tab)
    form = SubmitForm(tab)
    expect(form.status).to_have_text("Checking…")
    form.submit().expect_phase("Succeeded")


def test_each_type_of_parameter(tab: Tab, work: Path, name: str) -> None:
    form = SubmitForm.open(tab, path_of(tab, write_all_types(work, name)))
    expect(form.parameter("epochs")).to_have_accessible_description("how often")
    form.parameter("epochs").fill("4")
    form.parameter("rate").fill("1e-3")
    form.parameter("seed").fill("98765432109876543210")
    form.parameter("shuffle").uncheck()
    form.parameter("mood").fill('say "hi", größe')
    form.parameter("optimizer").select_option("sgd")
    form.parameter("layers").fill("16, 8")
    form.parameter("options").fill("{'dropout': 0.5, 'deep': [None, True]}")
    form.root.get_by_label("limit is None").uncheck()
    form.parameter("limit").fill("100")
    form.root.get_by_label("after is None").check()
    expect(form.parameter("run_name")).to_have_attribute("placeholder", 'f"run-{epochs}"')
    form.parameter("run_name").fill("mine")
    expect(form.root.get_by_text("changed", exact=True)).to_have_count(11)
    expect(form.planned().status).to_have_text("Ready")
    form.submit().expect_phase("Succeeded")
    (job,) = form.jobs()
    assert job["parameters"] == {
        "epochs": 4,
        "rate": 0.001,
        "seed": 98765432109876543210,
        "shuffle": False,
        "mood": 'say "hi", größe',
        "optimizer": "sgd",
        "layers": [16, 8],
        "options": {"dropout": 0.5, "deep": [None, True]},
        "limit": 100,
        "after": None,
        "run_name": "mine",
    }


def test_a_value_goes_back_to_its_default(tab: Tab, work: Path, name: str) -> None:
    form = SubmitForm.open(tab, path_of(tab, write_all_types(work, name)))
    form.parameter("epochs").fill("4")
    form.root.get_by_role("button", name="Reset epochs").click()
    expect(form.parameter("epochs")).to_have_value("3")
    form.parameter("run_name").fill("mine")
    form.parameter("run_name").fill("")
    form.parameter("mood").fill("")
    form.parameter("epochs").fill("")
    form.parameter("rate").focus()
    expect(form.parameter("epochs")).to_have_value("3")
    form.submit().expect_phase("Succeeded")
    # Of text, the empty one is a value, too.
    assert form.jobs()[0]["parameters"] == {"mood": ""}


def test_a_bad_value_is_told_at_its_field_and_nothing_is_submitted(tab: Tab, work: Path, name: str) -> None:
    tab.expect_problem("status of 400")
    form = SubmitForm.open(tab, path_of(tab, write_quick(work, name)))
    form.parameter("epochs").fill("many")
    form.parameter("rate").fill("fast")
    form.expect_problem("parameters.epochs", "'many' is not a whole number")
    form.expect_problem("parameters.rate", "'fast' is not a number")
    expect(form.status).to_contain_text("2 fields need attention")
    expect(form.submit_button).to_have_attribute("aria-disabled", "true")
    form.submit_button.click(force=True)
    expect(form.parameter("rate")).to_be_focused()
    assert form.jobs() == []
    form.parameter("rate").fill("0.25")
    form.parameter("epochs").fill("2")
    expect(form.parameter("epochs")).not_to_have_attribute("aria-invalid", "true")
    form.submit().expect_phase("Succeeded")
    assert form.jobs()[0]["parameters"] == {"rate": 0.25}


def test_a_field_of_a_closed_part_is_shown_when_it_is_wrong(tab: Tab, work: Path, name: str) -> None:
    form = SubmitForm.open(tab, path_of(tab, write_quick(work, name)))
    form.part("Run policy").click()
    form.field("run_policy.active_deadline_seconds").fill("soon")
    form.part("Run policy").click()
    expect(form.part("Run policy")).to_contain_text("1 problem")
    form.submit_button.click(force=True)
    expect(form.field("run_policy.active_deadline_seconds")).to_be_focused()
    form.field("run_policy.active_deadline_seconds").fill("1 h 30 m")
    form.submit().expect_phase("Succeeded")
    assert form.jobs()[0]["manifest"]["spec"]["activeDeadlineSeconds"] == 5400


def test_unsaved_changes_are_saved_or_nothing_is_submitted(tab: Tab, work: Path, name: str) -> None:
    notebook = write_quick(work, name)
    form = SubmitForm.open(tab, path_of(tab, notebook))
    tab.page.locator("#jp-main-dock-panel .lm-TabBar-tab", has_text=f"{name}.ipynb").click()
    tab.page.locator(".jp-Notebook .cm-content").last.click()
    tab.page.keyboard.press("Control+End")
    tab.page.keyboard.type("\nprint('and one more')")
    tab.page.locator("#jp-main-dock-panel .lm-TabBar-tab", has_text=f"Train {name}").click()
    form.submit_button.click()
    tab.dialog().get_by_role("button", name="Cancel").click()
    expect(tab.dialog()).to_have_count(0)
    assert form.jobs() == []
    form.submit_button.click()
    tab.dialog().get_by_role("button", name="Save and submit").click()
    job = JobTab(tab.page)
    job.expect_phase("Succeeded")
    expect(job.show("Notebook")).to_contain_text("and one more")
    assert "and one more" in notebook.read_text()


def test_the_form_follows_the_notebook_when_it_is_saved(tab: Tab, work: Path, name: str) -> None:
    notebook = write_quick(work, name)
    form = SubmitForm.open(tab, path_of(tab, notebook))
    form.parameter("epochs").fill("9")
    tab.page.locator("#jp-main-dock-panel .lm-TabBar-tab", has_text=f"{name}.ipynb").click()
    tab.page.locator(".jp-Notebook .cm-content").first.click()
    tab.page.keyboard.press("Control+Home")
    tab.page.keyboard.type("fresh: bool = True\n")
    tab.page.keyboard.press("Control+s")
    tab.page.locator("#jp-main-dock-panel .lm-TabBar-tab", has_text=f"Train {name}").click()
    expect(form.parameter("fresh")).to_be_checked()
    expect(form.parameter("epochs")).to_have_value("9")


def rename(tab: Tab, item: str, name: str) -> None:
    """Rename what the file browser shows."""
    tab.page.locator(".jp-DirListing-item", has_text=item).click()
    tab.page.keyboard.press("F2")
    tab.page.locator(".jp-DirListing-editor").fill(name)
    tab.page.keyboard.press("Enter")
    expect(tab.page.locator(".jp-DirListing-item", has_text=name)).to_have_count(1)


def test_the_form_goes_with_a_notebook_that_is_renamed(tab: Tab, work: Path, name: str) -> None:
    tab.expect_problem("status of 404.*/api/contents/")  # JupyterLab's own: its address has the old name still
    form = SubmitForm.open(tab, path_of(tab, write_quick(work, name)))
    form.parameter("epochs").fill("9")
    rename(tab, f"{name}.ipynb", "größe.ipynb")
    expect(form.root.get_by_role("heading", level=2)).to_have_text("Train größe.ipynb")
    expect(tab.page.locator("#jp-main-dock-panel .lm-TabBar-tab", has_text="Train größe")).to_have_count(1)
    expect(form.planned().parameter("epochs")).to_have_value("9")
    renamed = path_of(tab, work / "größe.ipynb")
    in_layout = re.compile(rf'submits:submit:{re.escape(renamed)}"[,\]]')
    with tab.page.expect_response(lambda answer: bool(in_layout.search(answer.request.post_data or ""))):
        for label in ("größe.ipynb", "Train größe"):  # JupyterLab stores the layout when another tab comes to the front
            tab.page.locator("#jp-main-dock-panel .lm-TabBar-tabLabel").get_by_text(label, exact=True).click()
    tab.reload()
    expect(form.planned().parameter("epochs")).to_have_value("9")
    form.submit().expect_phase("Succeeded")
    assert form.jobs()[0]["summary"]["notebook"] == renamed


def test_the_form_says_that_its_notebook_was_deleted(tab: Tab, work: Path, name: str) -> None:
    tab.expect_problem("status of 404")
    form = SubmitForm.open(tab, path_of(tab, write_quick(work, name)))
    tab.page.locator(".jp-DirListing-item", has_text=name).click()
    tab.page.keyboard.press("Delete")
    tab.dialog().get_by_role("button", name="Move to Trash").or_(
        tab.dialog().get_by_role("button", name="Delete")
    ).first.click()
    expect(form.status).to_contain_text("There is no notebook")
    expect(form.submit_button).to_have_attribute("aria-disabled", "true")


def test_a_double_click_makes_one_job(tab: Tab, work: Path, name: str) -> None:
    form = SubmitForm.open(tab, path_of(tab, write_quick(work, name)))
    form.root.get_by_label("Keep this form open").check()
    form.submit_button.dblclick()
    expect(form.status).to_contain_text("was submitted")
    assert len(form.jobs()) == 1


def test_several_jobs_from_one_form(tab: Tab, work: Path, name: str) -> None:
    form = SubmitForm.open(tab, path_of(tab, write_quick(work, name)))
    form.root.get_by_label("Keep this form open").check()
    for epochs in ("5", "6"):
        form.parameter("epochs").fill(epochs)
        form.submit_button.click()
        expect(form.status).to_contain_text("was submitted")
    form.status.get_by_role("button", name="Open").click()
    JobTab(tab.page).expect_phase("Succeeded")
    assert sorted(job["parameters"]["epochs"] for job in form.jobs()) == [5, 6]


def test_by_keyboard_alone(tab: Tab, work: Path, name: str) -> None:
    tab.open(path_of(tab, write_quick(work, name)))
    tab.await_kernel()
    press = tab.page.keyboard.press
    tab.page.locator(".jp-Notebook .jp-Cell").first.click()
    press("Control+Alt+Enter")
    form = SubmitForm(tab).planned()
    expect(form.root.get_by_role("heading", level=2)).to_be_focused()
    for _ in range(20):
        if form.parameter("epochs").evaluate("field => field === document.activeElement"):
            break
        press("Tab")
    expect(form.parameter("epochs")).to_be_focused()
    press("Control+a")
    tab.page.keyboard.type("7")
    press("Control+Enter")
    job = JobTab(tab.page)
    job.expect_phase("Succeeded")
    assert form.jobs()[0]["parameters"] == {"epochs": 7}


def test_enter_in_a_field_submits(tab: Tab, work: Path, name: str) -> None:
    form = SubmitForm.open(tab, path_of(tab, write_quick(work, name)))
    form.parameter("epochs").fill("7")
    form.parameter("epochs").press("Enter")
    JobTab(tab.page).expect_phase("Succeeded")
    assert form.jobs()[0]["parameters"] == {"epochs": 7}


def test_a_reload_keeps_the_form_and_a_closed_tab_forgets_it(tab: Tab, work: Path, name: str) -> None:
    with tab.page.expect_response(
        lambda response: response.request.method == "PUT" and "submit:" in (response.request.post_data or "")
    ):
        form = SubmitForm.open(tab, path_of(tab, write_quick(work, name)))
    form.parameter("epochs").fill("9")
    form.field("roles.Worker.resources.memory").fill("1Gi")
    tab.reload()
    expect(form.planned().parameter("epochs")).to_have_value("9")
    expect(form.field("roles.Worker.resources.memory")).to_have_value("1Gi")
    label = tab.page.locator("#jp-main-dock-panel .lm-TabBar-tab", has_text=f"Train {name}")
    label.locator(".lm-TabBar-tabCloseIcon").click()
    press_train(tab)
    expect(form.planned().parameter("epochs")).to_have_value("2")


def test_a_job_again_with_other_settings(tab: Tab, work: Path, name: str) -> None:
    form = SubmitForm.open(tab, path_of(tab, write_quick(work, name)))
    form.parameter("epochs").fill("9")
    form.field("roles.Worker.resources.memory").fill("1Gi")
    job = form.submit()
    job.expect_phase("Succeeded")
    job.act("Resubmit with Changes…")
    job.header.get_by_role("button", name="Change more…").click()
    again = SubmitForm(tab).planned()
    expect(again.root).to_contain_text("Filled in from")
    expect(again.parameter("epochs")).to_have_value("9")
    expect(again.field("roles.Worker.resources.memory")).to_have_value("1Gi")
    again.field("roles.Worker.resources.memory").fill("2Gi")
    again.submit_button.click()
    expect(again.root).to_have_count(0)
    JobTab(tab.page).expect_phase("Succeeded")
    jobs = again.jobs()
    assert [job["parameters"] for job in jobs] == [{"epochs": 9}] * 2
    limits = [json.dumps(job["manifest"]).count('"2Gi"') > 0 for job in jobs]
    assert sorted(limits) == [False, True]


def test_a_notebook_in_another_language_is_refused_in_words(tab: Tab, work: Path, name: str) -> None:
    tab.expect_problem("status of 400")
    notebook = write_quick(work, name)
    document = json.loads(notebook.read_text())
    document["metadata"] = {
        "kernelspec": {"display_name": "R", "language": "R", "name": "ir"},
        "language_info": {"name": "R", "file_extension": ".r", "version": "4.4"},
    }
    notebook.write_text(json.dumps(document))
    tab.open()
    tab.page.goto(f"{tab.page.url}/tree/{work.name}")
    tab.await_lab()
    tab.page.locator(".jp-DirListing-item", has_text=name).click(button="right")
    tab.menu_item("Submit as training job").click()
    form = SubmitForm(tab).planned()
    expect(form.status).to_contain_text("Python")
    expect(form.preview.get_by_role("alert")).to_contain_text("Python")
    expect(form.root.get_by_text("Looking at the imports")).to_have_count(0)
    expect(form.root).to_contain_text("What the notebook imports is not known")
    form.submit_button.click(force=True)
    assert form.jobs() == []


@pytest.mark.parametrize("stem", ["with space", "größe 测试 #1", "50 % [x] & 'y'"])
def test_any_name(tab: Tab, work: Path, stem: str) -> None:
    folder = work / "sub ördner"
    folder.mkdir()
    path = path_of(tab, write_quick(folder, stem))
    form = SubmitForm.open(tab, path)
    expect(form.root.get_by_role("heading", level=2)).to_have_text(f"Train {stem}.ipynb")
    form.submit().expect_phase("Succeeded")
    assert form.jobs()[0]["summary"]["notebook"] == path

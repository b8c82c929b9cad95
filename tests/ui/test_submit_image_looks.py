"""The image of a notebook in every theme, at every width, by keyboard, for screen readers."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Locator, expect

from tests.ui.images import answer, build, image_plan, platform_plan
from tests.ui.job import path_of
from tests.ui.notebooks import write_quick
from tests.ui.submit import SubmitForm
from tests.ui.tab import Tab
from tests.ui.test_submit_looks import THEMES, axe, cut_off

FINDING = {
    "code": "likely-secret",
    "severity": "error",
    "message": "It looks as if a password were in the notebook.",
    "hint": "Read it from a variable of the environment.",
    "where": {"cell": 2},
    "fix": {},
}
PLAN = image_plan(
    findings=[FINDING],
    refused=True,
    notes=["requirements.txt is beside the notebook; the packages are the kernel's all the same."],
    platforms=[platform_plan(), platform_plan("linux/arm64")],
)


def show(tab: Tab, work: Path, name: str, plan: dict[str, Any] = PLAN) -> tuple[SubmitForm, Locator]:
    """Show an image of which there is something of everything to be seen."""
    answer(tab.page, plan)
    notebook = path_of(tab, write_quick(work, name))
    tab.page.route(
        re.compile(r"/jupyter-mltrain/images(\?|$)"), lambda route: route.fulfill(json=build(notebook), status=201)
    )
    form = SubmitForm.open(tab, notebook)
    shown = form.show("Image")
    shown.get_by_role("button", name="54 small packages").first.click()
    expect(shown).to_contain_text("package-53 1.53")
    return form, shown


@pytest.mark.parametrize("theme", THEMES)
def test_axe_finds_nothing(theme: str, tab: Tab, work: Path, name: str) -> None:
    form, shown = show(tab, work, name)
    tab.theme(theme)
    assert axe(form) == []
    shown.get_by_role("button", name="Build anyway").click()
    expect(shown.get_by_role("progressbar", name="Progress of the build")).to_be_visible()
    assert axe(form) == []


@pytest.mark.parametrize("width", [340, 440, 700, 1400])
def test_at_every_width(width: int, tab: Tab, work: Path, name: str) -> None:
    """The narrowest leaves the form 220 px."""
    form, shown = show(tab, work, name)
    tab.menu("View", "Appearance", "Show Left Sidebar")
    tab.page.set_viewport_size({"width": width, "height": 600})
    assert cut_off(form) == []
    shown.get_by_role("button", name="Build anyway").click()
    expect(shown.get_by_role("progressbar")).to_be_visible()
    assert cut_off(form) == []
    overflow = shown.evaluate("panel => panel.scrollWidth - panel.clientWidth")
    assert overflow <= 0


@pytest.mark.parametrize("width", [420, 700])
def test_beside_the_sidebar_the_image_is_in_sight(width: int, tab: Tab, work: Path, name: str) -> None:
    form, shown = show(tab, work, name)
    form.show("Checks")
    tab.page.set_viewport_size({"width": width, "height": 700})
    form.root.evaluate("form => { form.scrollTop = 0; }")
    form.show("Image")
    top, bottom = form.root.evaluate(
        """form => {
            const inside = form.querySelector('.jp-mltrain-Preview').getBoundingClientRect();
            const footer = form.querySelector('.jp-mltrain-SubmitFooter').getBoundingClientRect();
            return [inside.top - form.getBoundingClientRect().top, footer.top - inside.bottom];
        }"""
    )
    assert (top >= 0, bottom >= -1) == (True, True), (top, bottom)
    assert cut_off(form) == []
    shown.get_by_role("button", name="Look again").click()
    shown.get_by_label("Repository").click()
    expect(shown.get_by_label("Repository")).to_be_in_viewport()


def test_layers_that_are_known_say_so(tab: Tab, work: Path, name: str) -> None:
    _, shown = show(tab, work, name, image_plan(platforms=[platform_plan() | {"push": None}]))
    expect(shown.get_by_role("row", name="keras 3.15.0")).to_contain_text("known")
    expect(shown.get_by_title("Its digest is known")).to_have_count(2)
    expect(shown).to_contain_text("to push: known once it is built")


def test_all_by_keyboard(tab: Tab, work: Path, name: str) -> None:
    _, shown = show(tab, work, name, image_plan())
    shown.get_by_label("Repository").focus()
    reached = []
    for _ in range(9):
        tab.page.keyboard.press("Tab")
        reached.append(tab.page.evaluate("document.activeElement.innerText || document.activeElement.id"))
    words = " ".join(reached)
    for button in ("Build and push", "Build", "54 small packages", "Look again"):
        assert button in words
    shown.get_by_role("button", name="54 small packages").press("Enter")
    expect(shown).not_to_contain_text("package-53 1.53")
    shown.get_by_label("Repository").fill("localhost:5000/mine")
    shown.get_by_label("Repository").press("Enter")
    expect(shown.get_by_label("Repository")).to_have_value("localhost:5000/mine")
    assert tab.lab.api("GET", "jobs")["total"] == 0

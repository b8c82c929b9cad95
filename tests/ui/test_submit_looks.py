"""The form in every theme, at every width, for screen readers."""

from __future__ import annotations

from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import expect

from tests.ui.images import answer
from tests.ui.job import path_of
from tests.ui.notebooks import write_quick
from tests.ui.submit import SubmitForm
from tests.ui.tab import Tab

THEMES = ("JupyterLab Light", "JupyterLab Dark", "JupyterLab Dark High Contrast")


def fill(form: SubmitForm) -> None:
    """Open everything, have a row of each kind, and something wrong."""
    form.part("Run policy").click()
    form.part("Data and secrets").click()
    for button in ("Add an input", "Add a pattern", "Add a volume", "Add a variable", "Add a secret"):
        form.root.get_by_role("button", name=button).click()
    form.root.get_by_text("requirements found").click()
    form.parameter("epochs").fill("many")
    form.expect_problem("parameters.epochs", "not a whole number")


def axe(form: SubmitForm) -> list[str]:
    """Return what axe-core has to say against the form."""
    results = Axe().run(form.tab.page, context=".jp-mltrain-SubmitWidget")
    return [
        f"{rule['id']}: {node['html']} {node['failureSummary']}"
        for rule in results.response["violations"]
        for node in rule["nodes"]
    ]


@pytest.mark.parametrize("theme", THEMES)
def test_axe_finds_nothing(theme: str, tab: Tab, work: Path, name: str) -> None:
    tab.expect_problem("status of 400")
    answer(tab.page)
    form = SubmitForm.open(tab, path_of(tab, write_quick(work, name)))
    tab.theme(theme)
    assert axe(form) == []
    for preview in ("Manifest", "Image", "Script"):
        form.show(preview)
        assert axe(form) == []
    form.show("Checks")
    fill(form)
    assert axe(form) == []


@pytest.mark.parametrize("width", [400, 700, 1000, 1400])
def test_at_every_width(width: int, tab: Tab, work: Path, name: str) -> None:
    tab.expect_problem("status of 400")
    form = SubmitForm.open(tab, path_of(tab, write_quick(work, name)))
    fill(form)
    tab.menu("View", "Appearance", "Show Left Sidebar")
    tab.page.set_viewport_size({"width": width, "height": 500})
    expect(form.submit_button).to_be_in_viewport(ratio=1)
    form.root.get_by_role("heading", level=2).scroll_into_view_if_needed()
    expect(form.submit_button).to_be_in_viewport(ratio=1)
    assert cut_off(form) == []


def cut_off(form: SubmitForm) -> list[str]:
    """Return the controls and texts that reach out of the form."""
    found: list[str] = form.root.evaluate(
        """root => {
            const right = root.getBoundingClientRect().right;
            return [...root.querySelectorAll('input, select, textarea, button, p, label, legend, li')]
                .filter(node => !node.closest('[role=tablist], .jp-mltrain-Code, .jp-mltrain-sr'))
                .filter(node => node.getBoundingClientRect().right > right + 1)
                .map(node => node.outerHTML);
        }"""
    )
    return found

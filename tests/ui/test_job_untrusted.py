"""What a job writes is shown, and runs nothing: its outputs are those of code that nobody here has vouched for."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.ui.job import train
from tests.ui.notebooks import turn_to_markdown, write_cells
from tests.ui.tab import Tab

ELSEWHERE = "http://elsewhere.invalid"
HACK = "window.hacked=1"
ONERROR = f"<img src='data:,' onerror='{HACK}'>"
FRAME = f'<iframe srcdoc="<script>parent.hacked=1</script>"></iframe><iframe src="{ELSEWHERE}/frame"></iframe>'

HTML = {
    "script": f"<script>{HACK}</script><script src='{ELSEWHERE}/script.js'></script>",
    "handler": f"{ONERROR}<details open ontoggle='{HACK}'></details><input autofocus onfocus='{HACK}'>",
    "svg": f"<svg onload='{HACK}'><script>{HACK}</script><a href='javascript:{HACK}'><text y='9'>x</text></a></svg>",
    "style": f"<style>@import '{ELSEWHERE}/style.css'; body {{ display: none }}</style>",
    "link": f"<link rel='stylesheet' href='{ELSEWHERE}/link.css'><base href='{ELSEWHERE}/'>",
    "refresh": f"<meta http-equiv='refresh' content='0;url={ELSEWHERE}/refresh'>",
    "frame": FRAME,
    "object": f"<object data='{ELSEWHERE}/object'></object><embed src='{ELSEWHERE}/embed'>",
    "math": f"<math><mtext><table><mglyph><style><img src='data:,' onerror='{HACK}'></style></mglyph></table></math>",
}
MARKDOWN = (
    f"{ONERROR} [evil link](javascript:{HACK}) ![evil picture](javascript:{HACK})\n\n"
    f"<script>{HACK}</script>\n\n<a href='&#106;avascript:{HACK}'>evil anchor</a>\n\n"
    rf"$\href{{javascript:{HACK}}}{{evil formula}}$ $\unicode{{x3c}}script>{HACK}$"
)
BUNDLES = {
    "svg-file": {
        "image/svg+xml": f"<svg xmlns='http://www.w3.org/2000/svg' onload='{HACK}'><script>{HACK}</script></svg>"
    },
    "markdown": {"text/markdown": MARKDOWN},
    "latex": {"text/latex": rf"$\href{{javascript:{HACK}}}{{x}} \style{{background:url({ELSEWHERE}/latex)}}{{y}}$"},
    "javascript": {"application/javascript": HACK},
    "widget": {"application/vnd.jupyter.widget-view+json": {"model_id": "x", "version_major": 2, "version_minor": 0}},
    "plain": {"text/plain": f"<img src=x onerror={HACK}> javascript:{HACK}"},
}

LINKS_THAT_RUN = """panel => [...panel.querySelectorAll('.jp-mltrain-Rendered *')]
    .flatMap(({ attributes }) => [...attributes])
    .filter(({ name, value }) => name.endsWith('href') && /^\\W*javascript/i.test(value))
    .map(({ value }) => value)"""


@contextmanager
def nothing_runs(page: Page) -> Iterator[None]:
    """Check that no script ran, nothing was asked of another server, no dialog came up, and the page is the same."""
    asked: list[str] = []
    dialogs: list[str] = []
    page.on("request", lambda request: asked.append(request.url) if ELSEWHERE in request.url else None)
    page.on("dialog", lambda dialog: (dialogs.append(dialog.message), dialog.dismiss()))
    page.evaluate("window.before = 1")
    yield
    assert page.evaluate("[window.hacked ?? null, window.before]") == [None, 1]
    assert asked == []
    assert dialogs == []


def display(bundle: dict[str, object]) -> str:
    """Return code that shows a bundle."""
    return f"from IPython.display import display\ndisplay({bundle!r}, raw=True)"


@pytest.fixture
def hostile(work: Path, name: str) -> Path:
    """A notebook whose outputs try all kinds of things."""
    html = [display({"text/html": f"<p>shown {kind}</p>{text}"}) for kind, text in HTML.items()]
    bundles = [display({"text/plain": f"shown {kind}", **bundle}) for kind, bundle in BUNDLES.items()]
    streams = f"print('''shown stream {ONERROR} javascript:{HACK} \\x1b]8;;javascript:{HACK}\\x07link\\x1b]8;;\\x07''')"
    path = write_cells(work, name, MARKDOWN, *html, *bundles, streams)
    return turn_to_markdown(path, 0)


def test_outputs_run_nothing(tab: Tab, hostile: Path) -> None:
    tab.expect_problem("ERR_UNKNOWN_URL_SCHEME")  # a picture cannot come from `javascript:`
    job = train(tab, hostile)
    with nothing_runs(tab.page):
        job.show("Notebook")
        job.expect_phase("Succeeded")
        for index, kind in enumerate(HTML):
            cell = job.cells.nth(index)
            cell.scroll_into_view_if_needed()
            expect(cell.locator(".jp-mltrain-Output")).to_contain_text(f"shown {kind}")
        expect(job.cells.last).to_contain_text("shown stream")
        for index in range(job.cells.count()):
            job.cells.nth(index).scroll_into_view_if_needed()
        evil = job.panel.locator(".jp-mltrain-Rendered").get_by_text("evil")
        expect(evil.first).to_be_attached()
        for link in job.panel.locator(".jp-mltrain-Rendered a").all():
            link.dispatch_event("click")
        assert (
            job.panel.locator("script, iframe, object, embed, base, meta, link, style, [onerror], [onload]").count()
            == 0
        )
        assert job.panel.evaluate(LINKS_THAT_RUN) == []
        job.show("Logs")
        expect(job.panel).to_contain_text("shown stream")


def test_outputs_cannot_cover_the_page(tab: Tab, work: Path, name: str) -> None:
    cover = "position:fixed;inset:0;top:0;left:0;width:9999px;height:9999px;z-index:99999;visibility:visible"
    html = f"<div style='{cover};background:red'>cover</div><div class='jp-Dialog' style='{cover}'>cover</div>"
    job = train(tab, write_cells(work, name, display({"text/html": html})))
    job.expect_phase("Succeeded")
    job.show("Notebook")
    expect(job.panel.get_by_text("cover").first).to_be_attached()
    # Each of these clicks is one that the page itself must get.
    job.show("Overview")
    job.show("Logs")
    job.header.get_by_role("button", name="Resubmit with Changes…").click()
    tab.menu("File", "New", "Text File")


def test_outputs_run_no_command_and_send_no_form(tab: Tab, work: Path, name: str) -> None:
    command = (
        "<button data-commandlinker-command='filebrowser:create-new-file' data-commandlinker-args='{}'>press</button>"
    )
    form = f"<form action='{ELSEWHERE}/form'><input name='secret' value='1'><button type='submit'>send</button></form>"
    job = train(tab, write_cells(work, name, display({"text/html": command + form})))
    job.expect_phase("Succeeded")
    job.show("Notebook")
    with nothing_runs(tab.page):
        job.panel.get_by_role("button", name="press").click()
        job.panel.get_by_role("button", name="send").click()
        expect(tab.dialog()).to_have_count(0)
        job.show("Overview")
    assert list(work.glob("untitled*")) == []

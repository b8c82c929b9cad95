"""What is printed where the output cannot hold a character: JSON stays JSON, text is escaped, a document is refused."""

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.support import Mltrain, NotebookWriter

pytestmark = pytest.mark.slow

LONE = "\ud800"  # half of a pair: JSON can say it, no encoding can hold it
NAME = "日本語 é"


class Terminal:
    """Runs ``mltrain`` with its output in some encoding."""

    def __init__(self, mltrain: Mltrain, encoding: str) -> None:
        self.mltrain, self.encoding = mltrain, encoding

    def run(self, *arguments: object, code: int = 0) -> str:
        env = {**self.mltrain.env, "PYTHONIOENCODING": self.encoding}
        command = self.mltrain.command(*arguments)
        done = subprocess.run(command, env=env, cwd=self.mltrain.cwd, capture_output=True)
        assert done.returncode == code, (done.returncode, done.stdout, done.stderr)
        assert b"nobody foresaw" not in done.stderr
        return done.stdout.decode(self.encoding.partition(":")[0])

    def json(self, *arguments: object, code: int = 0) -> Any:
        return json.loads(self.run(*arguments, "--json", code=code))


@pytest.fixture(params=["utf-8", "latin-1", "ascii", "utf-8:surrogateescape"])
def terminal(mltrain: Mltrain, request: Any) -> Terminal:
    return Terminal(mltrain, request.param)


@pytest.fixture
def latin(mltrain: Mltrain) -> Terminal:
    return Terminal(mltrain, "latin-1")


def half(notebook: NotebookWriter) -> Path:
    return notebook(f"print('{LONE}')", parameters=f"x = '{LONE}'")


def test_json_holds_every_character(terminal: Terminal, notebook: NotebookWriter) -> None:
    path = notebook("print('é 🎉')", name=f"{NAME}.ipynb", parameters="ß: str = '日'")
    plan = terminal.json("check", path)
    assert (plan["program"]["name"], plan["program"]["cells"][0]["source"]) == (NAME, "ß: str = '日'")


def test_json_holds_half_a_character(terminal: Terminal, notebook: NotebookWriter) -> None:
    plan = terminal.json("check", half(notebook), code=2)
    assert plan["program"]["cells"][0]["source"] == f"x = '{LONE}'"


def test_json_is_readable_where_it_can_be(mltrain: Mltrain, notebook: NotebookWriter) -> None:
    assert NAME in Terminal(mltrain, "utf-8").run("check", notebook("1", name=f"{NAME}.ipynb"), "--json")


def test_words_are_escaped(latin: Terminal, notebook: NotebookWriter) -> None:
    assert latin.run("export", notebook("1", name=f"{NAME}.ipynb"), "--to", "日é.py") == "\\u65e5é.py\n"


@pytest.mark.parametrize("command", [("export",), ("export", "--manifest"), ("submit", "--dry-run")])
def test_a_document_is_whole_or_not_there(latin: Terminal, notebook: NotebookWriter, command: tuple[str, ...]) -> None:
    path = notebook("print('日')", name=f"{NAME}.ipynb")
    assert latin.run(*command, path, code=3) == ""
    assert "日" in Terminal(latin.mltrain, "utf-8").run(*command, path)


def test_a_job_is_followed_in_words_and_in_json(latin: Terminal, notebook: NotebookWriter) -> None:
    path = notebook("print('日本語')", name=f"{NAME}.ipynb")
    job = latin.json("submit", path, "--wait")["id"]
    stream = [json.loads(line) for line in latin.run("watch", job, "--json").splitlines()]
    assert NAME in json.dumps(stream, ensure_ascii=False)
    assert "\\u65e5\\u672c\\u8a9e" in latin.run("watch", job)
    assert "\\u65e5\\u672c\\u8a9e" in latin.run("logs", job)

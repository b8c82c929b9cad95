"""The README names only commands, options and variables that there are."""

import re
from pathlib import Path

import click
import pytest

from jupyter_mltrain.cli import COMMANDS, app

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text()
CALLS = sorted(set(re.findall(r"(?:`|\$ )mltrain ((?:[^`#\n]|\n(?!\n))+)", README)))


def options_of(name: str) -> set[str]:
    command = app.get_command(click.Context(app), name)
    assert command is not None
    return {word for parameter in command.params for word in (*parameter.opts, *parameter.secondary_opts)}


@pytest.mark.parametrize("call", CALLS)
def test_every_call_has_a_command_and_its_options(call: str) -> None:
    name = re.split(r"[\s,]", call)[0]
    assert name in COMMANDS
    assert set(re.findall(r"(?<![\w-])--?[a-z][a-z-]*", call)) <= options_of(name)


def test_every_command_is_named() -> None:
    assert {name for name in COMMANDS if not re.search(rf"[`\s]{name}\b", README)} == set()


def test_every_variable_is_read_somewhere() -> None:
    code = "".join(path.read_text() for path in (ROOT / "jupyter_mltrain").rglob("*.py"))
    variables = set(re.findall(r"MLTRAIN_[A-Z_]+", README))
    assert "MLTRAIN_HOME" in variables
    assert {variable for variable in variables if variable not in code} == set()

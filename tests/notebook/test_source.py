from __future__ import annotations

import ast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jupyter_mltrain.notebook.imports import Import, imports_of
from jupyter_mltrain.notebook.source import SHELL, parse, parse_module


def python(source: str) -> str:
    code = parse(source)
    assert code.error is None
    return ast.unparse(code.tree)


def magics(source: str) -> list[tuple[str, str, int]]:
    return [(magic.name, magic.line, magic.lineno) for magic in parse(source).magics]


def test_plain_python_stays_as_it_is() -> None:
    assert python("x = [\n    1,\n]\nawait f(x)") == "x = [1]\nawait f(x)"
    assert parse("a %\\\nb").magics == ()
    assert parse("x = '''\n%time\n!ls\n'''").magics == ()


def test_magics_and_commands_with_their_lines() -> None:
    source = "%matplotlib inline\nimport a\nif a:\n    !pip install x\nfiles = !ls -l\nv = %env HOME\na?"
    assert magics(source) == [
        ("matplotlib", "inline", 1),
        (SHELL, "pip install x", 4),
        (SHELL, "ls -l", 5),
        ("env", "HOME", 6),
        ("pinfo", "a", 7),
    ]


def test_magics_as_a_script_writes_them() -> None:
    assert magics("get_ipython().run_line_magic('pip', 'install a')\nget_ipython().system('ls')") == [
        ("pip", "install a", 1),
        (SHELL, "ls", 2),
    ]


def test_shell_cells_count_from_their_body() -> None:
    assert magics("%%bash --out x\npip install a\nls") == [(SHELL, "pip install a\nls\n", 2)]
    assert parse("%%bash\nls").magics[0].whole_cell


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("%%time\nimport a\nx = 1", "import a\nx = 1"),
        ("%time x = f()", "x = f()"),
        ("%time x", "x"),
        ("y = %time f()", "y = f()"),
        ("%%capture out\nx = 1", "out = None\nx = 1"),
        ("%%capture --no-stderr out\n%%time\nx = 1", "out = None\nx = 1"),
        ("%%capture\npass", "pass"),
        ("%timeit -n 10 -r 3 x = f()", "def _timeit():\n    x = f()"),
        ("%%timeit a = 1\nf(a)", "def _timeit():\n    a = 1\n    f(a)"),
        ("if x:\n    %time y = 1", "if x:\n    y = 1"),
        ("%time", "pass"),
    ],
)
def test_code_in_magics_is_code(source: str, expected: str) -> None:
    assert python(source) == expected


def test_code_in_magics_keeps_its_lines() -> None:
    code = parse("%%time\n\nx = 1\n!ls")
    assert [node.lineno for node in code.tree.body] == [3, 4]
    assert [magic.lineno for magic in code.magics] == [1, 4]
    again = parse("a = 0\n%time x = 1\nb = 2")
    assert [node.lineno for node in again.tree.body] == [1, 2, 3]
    assert parse("%%time\n\nx = 1\n!ls").tree.body[0].lineno == 3  # the cached tree was not moved


@pytest.mark.parametrize("source", ["pip install foo", "x = 1\nconda install -y foo", "  pip install foo"])
def test_magics_without_percent_sign(source: str) -> None:
    assert parse(source).error is None
    assert parse(source).magics[0].name in ("pip", "conda")


@pytest.mark.parametrize(
    ("source", "line"),
    [("x = = 1", 1), ("x = 1\nfor", 2), ("return 1", 1), ("x = 1\nbreak", 2), ("%%time\nx = 1\ny = = 2", 3), ("(", 1)],
)
def test_what_does_not_parse_has_a_line(source: str, line: int) -> None:
    error = parse(source).error
    assert error is not None
    assert error.lineno == line
    assert error.msg


@pytest.mark.parametrize("source", ["\0", "\ud800", "(" * 500, "x" + "+x" * 20_000, "'\\d'", "1 is 1"])
def test_hostile_source_never_raises(source: str) -> None:
    code = parse(source)
    assert (code.error is None) == bool(code.tree.body)


@given(st.text() | st.lists(st.sampled_from(list("%!?(='\n\\ ax:,{}[]")), max_size=12).map("".join))
def test_parsing_never_raises(source: str) -> None:
    code = parse(source)
    imports_of(code)
    assert code.error is None or not code.tree.body or code.magics


def test_modules_honour_their_encoding() -> None:
    assert ast.unparse(parse_module("# coding: latin-1\nx = 'é'".encode("latin-1")).tree) == "x = 'é'"
    assert parse_module(b"x = '\xe9'").error is not None


IMPORTS = """
import a, b.c as d
from e.f import g, h
from . import i
from ..j import k
from l import *
try:
    import m
except ImportError:
    import n
else:
    import o
try:
    import p
except ValueError:
    pass
try:
    import q
except (OSError, ModuleNotFoundError):
    q = None
with suppress(ImportError):
    import r
if TYPE_CHECKING:
    import s
else:
    import t
if typing.TYPE_CHECKING:
    import u
def function():
    import v
    return importlib.import_module("w.x"), __import__("y"), import_module(name), import_module(".z", "a")
class C:
    import aa
"""


def test_imports_and_which_are_optional() -> None:
    found = {(i.module, i.level, i.names): (i.optional, i.lineno) for i in imports_of(parse(IMPORTS))}
    assert found == {
        ("a", 0, ()): (False, 2),
        ("b.c", 0, ()): (False, 2),
        ("e.f", 0, ("g", "h")): (False, 3),
        ("", 1, ("i",)): (False, 4),
        ("j", 2, ("k",)): (False, 5),
        ("l", 0, ("*",)): (False, 6),
        ("m", 0, ()): (True, 8),
        ("n", 0, ()): (True, 10),
        ("o", 0, ()): (False, 12),
        ("p", 0, ()): (False, 14),
        ("q", 0, ()): (True, 18),
        ("r", 0, ()): (True, 22),
        ("t", 0, ()): (False, 26),
        ("v", 0, ()): (False, 30),
        ("w.x", 0, ()): (False, 31),
        ("y", 0, ()): (False, 31),
        ("a.z", 0, ()): (False, 31),
        ("aa", 0, ()): (False, 33),
    }


@pytest.mark.parametrize(
    ("call", "expected"),
    [
        ("import_module('.b', 'top.sub')", Import("top.sub.b")),
        ("import_module('..b', package='top.sub')", Import("top.b")),
        ("import_module('...b', 'top.sub')", Import("b", 3, optional=True)),
        ("import_module('.b', __package__)", Import("b", 1, optional=True)),
        ("import_module('b', __package__)", Import("b")),
    ],
)
def test_imports_relative_to_a_package_that_is_named(call: str, expected: Import) -> None:
    assert imports_of(parse(call)) == [expected]


def test_imports_of_magics() -> None:
    found = imports_of(parse("%load_ext autoreload\n%load_ext tensorboard\n%matplotlib inline\nimport x"))
    assert [(i.module, i.lineno) for i in found] == [("tensorboard", 2), ("matplotlib", 3), ("x", 4)]
    assert imports_of(parse("%%time\nimport x.y")) == [Import("x.y", lineno=2)]

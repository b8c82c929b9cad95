"""What holds for every exported script, whatever the cells."""

from __future__ import annotations

import collections
import re
import types
import warnings
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from IPython.lib.pretty import pretty

from jupyter_mltrain.notebook.script import export_script
from jupyter_mltrain.notebook.script_runtime_printer import plain_text
from jupyter_mltrain.notebook.script_source import indented, literal, parse

TEXT = st.text(st.characters(codec="utf-8", exclude_characters="\0\r"), max_size=30)
MAGICS = st.sampled_from(
    ["%time x", "!ls {y}", "%%bash", "%sql select", "x = !ls", "print?", "await f()", "display(1)"]
)
NAMES = st.sampled_from(["x", "y", "data", "_", "list", "größe"])
LITERALS = st.one_of(
    TEXT.map(repr),
    MAGICS.map(repr),
    MAGICS.map(lambda magic: f"'''\n{magic}\n'''"),
    MAGICS.map(lambda magic: f'"""{magic}\n\n    {magic}\\n"""'),
    MAGICS.map(lambda magic: f"[\n  1,  # {magic}\n\n  2]"),
    st.integers().map(str),
)
STATEMENTS = st.one_of(
    st.builds("{} = {}".format, NAMES, LITERALS),
    st.builds("{}  =  {} ;".format, NAMES, LITERALS),
    st.builds("# {}\n{}".format, MAGICS, st.just("pass")),
    st.builds("def f({}):\n\n    return {}\n".format, NAMES, LITERALS),
    st.builds("for {} in [1]:\n\t{} = {}  # odd\n".format, NAMES, NAMES, LITERALS),
    st.builds("if 1: {} = \\\n  {}".format, NAMES, LITERALS),
    st.builds("class A:\n  '''{}'''\n  x = {}".format, MAGICS, LITERALS),
    st.just("a = 7\na %= 2\nb = (a\n%3)"),
)
PLAIN = st.lists(STATEMENTS, min_size=1, max_size=5).map(lambda parts: "\n".join([*parts, "end = None"]))

FRAGMENTS = st.sampled_from(
    [
        "%time ",
        "%%time\n",
        "!ls",
        "x = ",
        "1",
        "\n",
        "\n    ",
        "if x:",
        "'''",
        '"',
        "#",
        "?",
        "%",
        "%%",
        "!",
        "await f()",
        "async with a as b:",
        "pass",
        ";",
        "(",
        ")",
        "[",
        "\\\n",
        "def f():",
        "return 1",
        "display(x)",
        "_",
        "x = !ls",
        "global x",
        "from __future__ import annotations",
        "import IPython",
        "from IPython.display import HTML",
        "%%capture out\n",
        "%%bash\n",
        "%%writefile a\n",
        "\r\n",
        "\x0c",
        "\u2028",
        "\x00",
        "�",
        "x: int = await f()",
        "[i async for i in g()]",
        "%timeit -n3 x",
        "%run a.py",
        "ls",
        "%matplotlib inline",
        "async for i in g(): pass",
        ">>> ",
        "In [1]: ",
        ",f a b",
        "%sql",
        "%pylab",
        "nonlocal y",
        "break",
        "import *",
        "1,",
        "*a, b",
        "print(x);",
        "InteractiveShell.ast_node_interactivity = 'all'",
        "from m import *",
        "{x}",
        "$x",
        "yield",
        "lambda: 0",
    ]
)
CELLS = st.lists(st.lists(FRAGMENTS, max_size=6).map("".join), max_size=3)


def check_syntax(text: str) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # what the user wrote may be odd
        compile(text, "script", "exec", dont_inherit=True)


@given(st.lists(PLAIN, max_size=3))
def test_plain_python_stands_in_the_script_as_written(cells: list[str]) -> None:
    script = export_script(cells)
    text = script.text
    check_syntax(text)
    for index, cell in enumerate(cells):
        assert f"# %% [cell {index}]\n{cell}\n" in text
    assert not script.findings


@given(CELLS, st.booleans())
@settings(max_examples=300)
def test_the_script_of_any_cells_compiles_and_can_be_written(cells: list[str], may_fail: bool) -> None:
    tags = ["raises-exception"] if may_fail else []
    script = export_script([{"cell_type": "code", "source": cell, "metadata": {"tags": tags}} for cell in cells])
    check_syntax(script.text)
    script.text.encode()


@given(CELLS)
def test_the_same_cells_give_the_same_script(cells: list[str]) -> None:
    assert export_script(cells) == export_script(cells)


@given(st.text())
def test_a_literal_means_its_text(text: str) -> None:
    assert eval(literal(text)) == text


@given(PLAIN)
def test_indentation_does_not_change_what_code_means(code: str) -> None:
    namespace: dict[str, Any] = {}
    exec(f"if True:\n{indented(code)}", namespace)
    expected: dict[str, Any] = {}
    exec(code, expected)
    shared = {name for name in expected if isinstance(expected[name], str | int | list)}
    assert {name: namespace[name] for name in shared} == {name: expected[name] for name in shared}


@given(PLAIN)
def test_positions_are_those_of_the_text(code: str) -> None:
    python = parse(code)
    for statement in python.tree.body:
        start, end = python.span(statement)
        assert compile(python.text[start:end], "part", "exec")


def a_function(first: int, second: str = "x") -> None: ...


class Plain: ...


class Pretty:
    def _repr_pretty_(self, printer: Any, cycle: bool) -> None:
        with printer.group(4, "Pretty(", ")"):
            printer.text("text,")
            printer.breakable()
            printer.pretty(list(range(25)))


LEAVES = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.text(max_size=60),
    st.binary(max_size=20),
    st.sampled_from(
        [int, a_function, len, Plain, Plain(), Pretty(), KeyError, re.compile(r"a\d", re.I), range(3), ...]
    ),
    st.builds(ValueError, st.text(max_size=60), st.integers()),
    st.builds(types.SimpleNamespace, a=st.integers(), b=st.text(max_size=40)),
    st.frozensets(st.integers() | st.text(max_size=10), max_size=9),
)
VALUES = st.recursive(
    LEAVES,
    lambda inner: st.one_of(
        st.lists(inner, max_size=9),
        st.lists(inner, max_size=5).map(tuple),
        st.dictionaries(st.text(max_size=30) | st.integers(), inner, max_size=6),
        st.lists(inner, max_size=5).map(lambda items: collections.deque(items, maxlen=9)),
        st.dictionaries(st.integers(), inner).map(lambda items: collections.defaultdict(list, items)),
        st.dictionaries(st.integers(), inner).map(collections.OrderedDict),
        st.dictionaries(st.text(max_size=9), inner, max_size=4).map(types.MappingProxyType),
    ),
    max_leaves=40,
)


@given(VALUES)
@settings(max_examples=300)
def test_a_result_is_written_as_ipython_writes_it(value: object) -> None:
    assert plain_text(value) == pretty(value)

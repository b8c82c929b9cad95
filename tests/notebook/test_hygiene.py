from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import nbformat
import pytest

from jupyter_mltrain.model.findings import Finding
from jupyter_mltrain.notebook import freeze, secrets
from jupyter_mltrain.notebook.hygiene import LARGE_OUTPUT


def cell(source: str, *tags: str, count: int | None = None) -> Any:
    return nbformat.v4.new_code_cell(source, metadata={"tags": list(tags)} if tags else {}, execution_count=count)


def findings(path: Path, *without: str) -> list[Finding]:
    return [finding for finding in freeze(path).findings if finding.code not in without]


def found(path: Path) -> list[tuple[str, str, dict[str, Any]]]:
    return [(finding.code, finding.severity.value, dict(finding.where)) for finding in findings(path)]


def undefined(path: Path) -> dict[str, tuple[int, int]]:
    return {
        finding.message.split("'")[1]: (finding.where["cell"], finding.where["line"])
        for finding in findings(path)
        if finding.code == "undefined-name"
    }


def test_a_clean_notebook_has_no_findings(write: Any) -> None:
    notebook = write(
        nbformat.v4.new_markdown_cell("# Title"),
        cell("epochs: int = 3  # how often", "parameters", count=1),
        cell("import json", count=2),
        cell("for epoch in range(epochs):\n    print(json.dumps({'epoch': epoch}))\ndisplay(epoch, __name__)", count=3),
        cell("await_me = [x for x in range(3)]\n_ = await_me\nOut, In, _i, get_ipython()", count=4),
    )
    assert found(notebook) == []


# --- order ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("counts", "cell_index"),
    [([1, 3, 2], 2), ([5, 6, 1], 2), ([2, None, 1], 2), ([1, 2, 3], None), ([3, 9, None], None), ([None] * 3, None)],
)
def test_cells_out_of_order(write: Any, counts: list[int | None], cell_index: int | None) -> None:
    path = write(*[cell(f"x{index} = 1", count=count) for index, count in enumerate(counts)])
    expected = [] if cell_index is None else [("cells-out-of-order", "warning", {"cell": cell_index})]
    assert found(path) == expected


# --- syntax -----------------------------------------------------------------------------------------------------------


def test_cells_that_do_not_parse(write: Any) -> None:
    path = write(
        "x = 1", "y = (\n", "%%time\n\nfor", cell("z = = 1", "raises-exception"), cell("= 2", "skip-execution")
    )
    assert found(path) == [
        ("does-not-parse", "error", {"cell": 1, "line": 1}),
        ("does-not-parse", "error", {"cell": 2, "line": 3}),
        ("does-not-parse", "warning", {"cell": 3, "line": 1}),
    ]


def test_syntax_of_another_python_is_only_a_warning(write: Any, tmp_path: Path) -> None:
    python = tmp_path / "python"
    answer = {"version": "3.99.0", "paths": [], "suffixes": [".py"], "stdlib": [], "distributions": []}
    answer |= {"providers": {}, "shared": {}, "loose": []}
    python.write_text(f"#!/bin/sh\necho '{json.dumps(answer)}'\n")
    python.chmod(0o755)
    frozen = freeze(write("x = = 1"), python=python)
    assert [(f.code, f.severity.value) for f in frozen.findings] == [("does-not-parse", "warning")]


# --- names ------------------------------------------------------------------------------------------------------------


def test_names_used_before_they_are_defined(write: Any) -> None:
    path = write(
        "import os\n\nprint(later)", "later = 1\nprint(never, os)", "def f():\n    return g() + nowhere\n", "g = f"
    )
    assert undefined(path) == {"later": (0, 3), "never": (1, 2), "nowhere": (2, 2)}
    by_name = {finding.message.split("'")[1]: finding for finding in findings(path)}
    assert "cell 2 does so later" in by_name["later"].message
    assert "later" not in by_name["never"].message


@pytest.mark.parametrize(
    "cells",
    [
        ["from os.path import *", "join(a, b)"],
        ["exec('a = 1')", "a"],
        ["globals()['a'] = 1", "a"],
        ["get_ipython().user_ns, get_ipython().push({'a': 1})", "a"],
        ["%run script", "a"],
        ["%store -r a", "a"],
        ["%%sql --out a\nselect 1", "a"],
        ["%%capture a\nprint(1)", "a.show()"],
        ["a = !ls", "a"],
        ["%time a = 1", "a"],
        ["%%time\na = 1", "a"],
        ["def f():\n    return a", "a = 1", "f()"],
        ["a: int", "print(1)"],
        ["try:\n    a\nexcept NameError:\n    a = 1"],
        ["import os.path as a", "a"],
        ["for a in []:\n    pass", "a"],
        ["with open('x') as a:\n    pass", "a"],
        ["class a:\n    pass", "a"],
        ["(a := 1)", "a"],
        ["lambda a: a", "[a for a in []]"],
        ["if x := 1:\n    a = x", "a"],
        ["_1, _i2, Out[3], __doc__"],
        ["ls", "pwd"],
        ["def f():\n    global a\n    a = 1", "f()", "a"],
        ["match 1:\n    case a:\n        pass", "a"],
        ["from __future__ import annotations", "x = 1", "from __future__ import division"],
        ["%%html\n<b>a</b>", "%%writefile x.txt\n{{ a }}"],
        ["a?", "a = 1", "%timeit a"],
    ],
)
def test_names_that_are_there(write: Any, cells: list[str]) -> None:
    assert undefined(write(*cells)) == {}


def test_a_cell_that_does_not_parse_may_define_anything(write: Any) -> None:
    assert undefined(write("a = = 1", "a")) == {}
    assert undefined(write("b", "a = = 1", "a")) == {"b": (0, 1)}


def test_what_timeit_assigns_does_not_stay(write: Any) -> None:
    assert undefined(write("%timeit a = 1", "a")) == {"a": (1, 1)}


def test_lines_in_cell_magics_are_counted_in_the_cell(write: Any) -> None:
    assert undefined(write("x = 1", "%%time\n\nx\nnever", "\n\n!ls\nneither")) == {"never": (1, 4), "neither": (2, 4)}


def test_parameters_are_defined_from_the_start(write: Any) -> None:
    assert undefined(write("epochs", cell("epochs: int", "parameters"), "epochs")) == {}


def test_file_is_no_name_of_a_notebook(write: Any) -> None:
    assert undefined(write("x = 1", "y = 1\nprint(__file__)")) == {"__file__": (1, 2)}
    assert undefined(write("__file__ = 'x'", "__file__")) == {}


# --- parameters -------------------------------------------------------------------------------------------------------


def test_odd_parameter_cells(write: Any) -> None:
    path = write(cell("a = 1\nb = a * 2\nc: int = 'x'", "parameters"), cell("d = 1", "parameters"))
    assert found(path) == [
        ("parameters-twice", "warning", {"cell": 1}),
        ("parameter-default", "warning", {"cell": 0}),
        ("parameter-derived", "info", {"cell": 0}),
    ]


# --- what waits, and what is only here --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "source", ["name = input('who? ')", "x = int(input())", "import getpass\ngetpass.getpass()", "breakpoint()"]
)
def test_waiting_for_somebody_to_type(write: Any, source: str) -> None:
    line = source.count("\n") + 1
    assert found(write("x = 1", source)) == [("waits-for-input", "error", {"cell": 1, "line": line})]


def test_waiting_in_a_function_is_only_a_warning(write: Any) -> None:
    assert found(write("def ask():\n    return input()")) == [("waits-for-input", "warning", {"cell": 0, "line": 2})]


def test_another_input_is_no_input(write: Any) -> None:
    assert found(write("form.input('x')\nself.input = 1\ndef f(input):\n    return input", "form = self = f")) == [
        ("undefined-name", "warning", {"cell": 0, "line": 1}),
        ("undefined-name", "warning", {"cell": 0, "line": 2}),
    ]


@pytest.mark.parametrize(
    "source",
    [
        "p = '/home/ann/data.csv'",
        "p = '~/data'",
        "p = r'C:\\data\\x.csv'",
        "p = 'D:/data'",
        "p = r'\\\\server\\share'",
        "p = f'/mnt/data/{1}.csv'",
        "p = 'file:///home/ann'",
        "%cd /home/ann",
        "!cp ~/x.csv .",
        "p = '/Users/ann/x' + '.csv'",
    ],
)
def test_absolute_paths(write: Any, source: str) -> None:
    assert found(write(f"x = 1\n{source}")) == [("absolute-path", "warning", {"cell": 0, "line": 2})]


@pytest.mark.parametrize(
    "source",
    [
        "p = 'data/x.csv'",
        "p = '/'",
        "p = '/api/v1/users'",
        "p = 'https://home/x'",
        "base = ''\np = base + '/home/x'",
        "base = ''\np = f'{base}/home/x'",
        "'''/home/x is where it was'''",
        "def f():\n    '/home/x'\n    return 1",
        "p = 'C:'",
        "p = 'a~/b'",
        "# /home/ann/data",
        "p = 'x' * 3000",
        "p = '\\0/a/b'",
    ],
)
def test_what_is_no_absolute_path(write: Any, source: str) -> None:
    assert found(write(source)) == []


def test_a_path_that_exists_here_is_named(write: Any, folder: Path) -> None:
    assert found(write(f"p = {str(folder)!r}")) == [("absolute-path", "warning", {"cell": 0, "line": 1})]


def test_an_absolute_path_as_default_of_a_parameter_is_only_a_note(write: Any) -> None:
    assert found(write(cell("data = '/home/ann'", "parameters"))) == [("absolute-path", "info", {"cell": 0, "line": 1})]


def test_absolute_paths_in_modules(write: Any, folder: Path) -> None:
    (folder / "helper.py").write_text("\nDATA = '/home/ann'\n")
    assert found(write("import helper")) == [("absolute-path", "warning", {"file": "helper.py", "line": 2})]


# --- secrets ----------------------------------------------------------------------------------------------------------

SECRETS = {
    "password = 'hunter2hunter2'": "hunter2hunter2",
    "api_key = 'qL9x-77aB-zz81'": "qL9x-77aB-zz81",
    "aws = 'AKIAIOSFODNN7EXAMPLB'": "AKIAIOSFODNN7EXAMPLB",
    "t = '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'": "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",
    "db = 'postgres://ann:s3cr3tpw@host/db'": "s3cr3tpw",
    "%env STRIPE=sk_live_ReTllpYQYfIZu2Jnf2lAPFjD": "sk_live_ReTllpYQYfIZu2Jnf2lAPFjD",
    "k = '-----BEGIN RSA PRIVATE KEY-----'": "-----BEGIN RSA PRIVATE KEY-----",
    "slack = 'xoxb-34532454-e039d02840a0b9379c'": "xoxb-34532454-e039d02840a0b9379c",
    "h = '2b00042f7481c7b056c4b410d28f33cf'": "2b00042f7481c7b056c4b410d28f33cf",
    "b = 'c3VwZXIgbG9uZyBzdHJpbmcgc2hvdWxkIGNhdXNlIGVub3VnaCBlbnRyb3B5'": "c3VwZXIgbG9uZyBzdHJpbmcg",
    "h = 'deadbeef0123'": "deadbeef0123",
}


@pytest.mark.parametrize(("source", "value"), SECRETS.items(), ids=range(len(SECRETS)))
def test_a_likely_secret_is_named_but_never_shown(write: Any, folder: Path, source: str, value: str) -> None:
    frozen = freeze(write("x = 1", f"y = 1\n{source}\n"))
    assert ("likely-secret", {"cell": 1, "line": 2}) in [(f.code, f.where) for f in frozen.findings]
    assert value not in json.dumps([finding.to_dict() for finding in frozen.findings])


@pytest.mark.parametrize(
    "source",
    [
        "password = os.environ['PASSWORD']",
        "api_key = getpass()",
        "columns = ['customer_id', 'product_id', 'validation_generator']",
        "model.fit(x, y, epochs=3, validation_split=0.25)",
        "url = 'https://example.org/data/2024/file.csv.gz?version=3'",
        "password = 'hunter2hunter2'  # pragma: allowlist secret",
        "host = '8.8.8.8'",
    ],
)
def test_what_is_no_secret(write: Any, source: str) -> None:
    assert "likely-secret" not in [finding.code for finding in freeze(write(source)).findings]


def test_the_quick_look_misses_nothing_that_the_detector_finds() -> None:
    lines = [*SECRETS, *Path(__file__).read_text().splitlines(), *Path(secrets.__file__).read_text().splitlines()]
    everything = {number for _, number in secrets._scan("\n".join(lines))}
    assert len(everything) >= len(SECRETS)
    assert {finding.where["line"] for finding in secrets.likely_secrets([({}, "\n".join(lines))])} == everything


def test_secrets_in_markdown_and_modules(write: Any, folder: Path) -> None:
    (folder / "helper.py").write_text("\n\nPASSWORD = 'hunter2hunter2'\n")
    path = write(nbformat.v4.new_markdown_cell("Use `password = 'hunter2hunter2'`"), "import helper", "x = 1")
    assert found(path) == [
        ("likely-secret", "warning", {"cell": 0, "line": 1}),
        ("likely-secret", "warning", {"file": "helper.py", "line": 3}),
    ]


# --- outputs ----------------------------------------------------------------------------------------------------------


def test_very_large_outputs(write: Any) -> None:
    large = cell("x = 1", count=1)
    large.outputs = [nbformat.v4.new_output("stream", text="a" * (LARGE_OUTPUT + 1))]
    small = cell("x = 1", count=2)
    small.outputs = [nbformat.v4.new_output("stream", text="a" * 1000)]
    path = write(small, large)
    assert ("large-output", "info", {"cell": 1}) in found(path)
    assert "5.0 MiB" in next(f.message for f in freeze(path).findings if f.code == "large-output")


def test_errors_come_first(write: Any) -> None:
    path = write("p = '/home/ann'\ninput()\nimport nowhere_1", cell("x = 1", count=2), cell("y = 1", count=1))
    severities = [finding.severity.value for finding in freeze(path).findings]
    assert severities == ["error", "error", "warning", "warning"]

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import nbformat
import papermill
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jupyter_mltrain.notebook import freeze
from jupyter_mltrain.notebook.inject import CELL_ID, inject, injected_source

VALUES = {
    "flag": True,
    "epochs": 3,
    "rate": 1e-05,
    "big": 1e300,
    "none": None,
    "text": 'a "quoted" \\ line\nand ünïcode 训',
    "layers": [64, [1.5, None], {"a": "b"}],
    "options": {"key": {"nested": [True]}},
    "inf": float("inf"),
    "nan": float("nan"),
}


def by_papermill(path: Path, values: dict[str, Any], output: Path) -> nbformat.NotebookNode:
    return papermill.execute_notebook(path, output, parameters=values, prepare_only=True)


def sources(notebook: Any) -> list[tuple[str, str, list[str]]]:
    cells = notebook["cells"]
    return [(cell["cell_type"], cell["source"], list(cell["metadata"].get("tags", []))) for cell in cells]


def cell(source: str, *tags: str) -> Any:
    return nbformat.v4.new_code_cell(source, metadata={"tags": list(tags)})


@pytest.mark.parametrize(
    "cells",
    [
        [cell("import a"), cell("epochs = 1", "parameters"), cell("train()")],
        [cell("epochs = 1", "parameters"), cell("epochs = 9", "injected-parameters"), cell("train()")],
        [cell("epochs = 9", "injected-parameters"), cell("epochs = 1", "parameters")],
        [cell("a = 1"), cell("b = 2")],
        [cell("a = 1", "parameters"), cell("b = 2", "parameters")],
        [nbformat.v4.new_markdown_cell("# t"), cell("a = 1")],
    ],
    ids=["after", "replace", "replace above", "top", "first of two", "top before markdown"],
)
def test_cell_and_place_are_papermills(write: Any, tmp_path: Path, cells: list[Any]) -> None:
    path = write(*cells)
    ours = inject(freeze(path).program.to_notebook(), VALUES)
    theirs = by_papermill(path, VALUES, tmp_path / "out.ipynb")
    assert sources(ours) == sources(theirs)
    nbformat.validate(nbformat.from_dict(ours))


def test_the_source_alone_is_the_same_bytes(write: Any, tmp_path: Path) -> None:
    theirs = by_papermill(write("x = 1"), VALUES, tmp_path / "out.ipynb")
    assert injected_source(VALUES).encode() == theirs.cells[0].source.encode()


def test_no_values_no_cell(write: Any, tmp_path: Path) -> None:
    path = write("x = 1")
    document = freeze(path).program.to_notebook()
    assert inject(document, {}) == document
    assert len(by_papermill(path, {}, tmp_path / "out.ipynb").cells) == 1


def test_the_document_is_left_alone_and_the_id_is_fixed(write: Any) -> None:
    document = freeze(write(cell("a = 1", "parameters"), "b = a")).program.to_notebook()
    before = copy.deepcopy(document)
    injected = inject(document, {"a": 2})
    assert document == before
    assert [c["id"] for c in injected["cells"]][1] == CELL_ID
    assert injected == inject(document, {"a": 2})
    assert injected["metadata"]["papermill"]["parameters"] == {"a": 2}


@settings(deadline=None)
@given(
    st.dictionaries(
        st.sampled_from(["a", "b", "c"]),
        st.recursive(
            st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
            lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
            max_leaves=6,
        ),
        min_size=1,
    )
)
def test_the_cell_assigns_what_was_given(values: dict[str, Any]) -> None:
    names: dict[str, Any] = {}
    exec(injected_source(values), names)
    assert {name: names[name] for name in values} == values

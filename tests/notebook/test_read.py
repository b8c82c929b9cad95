from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import nbformat
import pytest
from hypothesis import given
from hypothesis import strategies as st

from jupyter_mltrain.errors import NotebookError, NotFound
from jupyter_mltrain.notebook.read import read_notebook


def document(**changes: Any) -> dict[str, Any]:
    cell = {"cell_type": "code", "source": "x = 1", "metadata": {}, "outputs": [], "execution_count": None}
    return {"nbformat": 4, "nbformat_minor": 5, "metadata": {}, "cells": [cell], **changes}


def save(folder: Path, content: Any, name: str = "n.ipynb") -> Path:
    path = folder / name
    path.write_bytes(content if isinstance(content, bytes) else json.dumps(content).encode())
    return path


def reason(path: Path) -> str:
    with pytest.raises(NotebookError) as caught:
        read_notebook(path)
    assert path.name in caught.value.message
    return str(caught.value.details["reason"])


def test_what_nbformat_wrote_is_read(write: Any) -> None:
    markdown = nbformat.v4.new_markdown_cell("# Title\ntext", attachments={"a.png": {"image/png": "aGk="}})
    cell = nbformat.v4.new_code_cell("a = 1\nb = 2", execution_count=7, metadata={"tags": ["z", "parameters"]})
    cell.outputs = [nbformat.v4.new_output("stream", text="hello\n")]
    notebook = read_notebook(write(markdown, cell, nbformat.v4.new_raw_cell("raw"), kernel="my-kernel"))
    assert notebook.name == "train"
    assert notebook.kernel == "my-kernel"
    assert [(c.type, c.source) for c in notebook.cells] == [
        ("markdown", "# Title\ntext"),
        ("code", "a = 1\nb = 2"),
        ("raw", "raw"),
    ]
    assert notebook.cells[0].attachments == {"a.png": {"image/png": "aGk="}}
    assert notebook.cells[1].tags == ("parameters", "z")
    assert notebook.cells[1].id == cell.id
    assert notebook.cells[1].execution_count == 7
    assert notebook.cells[1].output_size > len("hello")
    assert notebook.parameters_index == 1


@pytest.mark.parametrize("name", ["train me.ipynb", "größe ∑ 训练.ipynb", "a'b\"c.ipynb", "-rf.ipynb", "no suffix"])
def test_odd_file_names(write: Any, name: str) -> None:
    path = write("x = 'é ∑'", name=name)
    assert read_notebook(path).path == path
    assert read_notebook(path).cells[0].source == "x = 'é ∑'"


def test_source_as_a_list_of_lines_and_a_byte_order_mark(folder: Path) -> None:
    data = document()
    data["cells"][0]["source"] = ["a = 1\n", "b = 2"]
    path = save(folder, b"\xef\xbb\xbf" + json.dumps(data).encode())
    assert read_notebook(path).cells[0].source == "a = 1\nb = 2"


def test_ids_missing_before_4_5_are_made_from_the_position(folder: Path) -> None:
    data = document(nbformat_minor=4)
    data["cells"] = [{**data["cells"][0]}, {**data["cells"][0], "id": "cell-2"}, {**data["cells"][0]}]
    path = save(folder, data)
    assert [cell.id for cell in read_notebook(path).cells] == ["cell-0", "cell-2", "cell-2-2"]
    assert read_notebook(path) == read_notebook(path)


def test_repeated_ids_are_told_apart(folder: Path) -> None:
    data = document()
    data["cells"] = [{**data["cells"][0], "id": "same"}] * 3
    assert [cell.id for cell in read_notebook(save(folder, data)).cells] == ["same", "same-2", "same-3"]


def test_nbformat_3_is_upgraded_and_never_random(folder: Path) -> None:
    v3 = nbformat.v3
    cells = [
        v3.new_heading_cell("Title", level=2),
        v3.new_code_cell("x = 1", prompt_number=3),
        v3.new_text_cell("markdown", "m"),
    ]
    path = folder / "old.ipynb"
    path.write_text(v3.writes_json(v3.new_notebook(worksheets=[v3.new_worksheet(cells=cells)])))
    notebook = read_notebook(path)
    assert [(c.id, c.type, c.source) for c in notebook.cells] == [
        ("cell-0", "markdown", "## Title"),
        ("cell-1", "code", "x = 1"),
        ("cell-2", "markdown", "m"),
    ]
    assert notebook.cells[1].execution_count == 3
    assert read_notebook(path) == notebook


def test_nbformat_3_of_another_language(folder: Path) -> None:
    v3 = nbformat.v3
    cells = [v3.new_code_cell("println(1)", language="julia")]
    path = folder / "old.ipynb"
    path.write_text(v3.writes_json(v3.new_notebook(worksheets=[v3.new_worksheet(cells=cells)])))
    with pytest.raises(NotebookError, match="julia"):
        read_notebook(path)


@pytest.mark.parametrize(
    ("metadata", "words"),
    [
        ({"kernelspec": {"name": "ir", "display_name": "R", "language": "R"}}, ["'ir'", "R"]),
        ({"kernelspec": {"name": "ir33", "display_name": "R"}}, ["'ir33'", "R"]),
        ({"kernelspec": {"name": "julia-1.10", "display_name": "J", "language": "julia"}}, ["'julia-1.10'"]),
        ({"kernelspec": {"name": "julia-1.10", "display_name": "J"}}, ["'julia-1.10'", "Julia"]),
        ({"language_info": {"name": "scala"}}, ["'scala'"]),
        # The kernel was changed and the notebook not run since: the kernelspec is what counts.
        (
            {
                "kernelspec": {"name": "bash", "display_name": "", "language": "bash"},
                "language_info": {"name": "python"},
            },
            ["'bash'"],
        ),
    ],
)
def test_another_language_is_refused_with_the_kernels_name(folder: Path, metadata: Any, words: list[str]) -> None:
    path = save(folder, document(metadata=metadata))
    assert reason(path) == "language"
    with pytest.raises(NotebookError) as caught:
        read_notebook(path)
    assert all(word in caught.value.message for word in words)
    assert "Python" in caught.value.message


@pytest.mark.parametrize(
    "metadata",
    [
        {},
        {"kernelspec": {"name": "iris-env", "display_name": "Iris"}},
        {"kernelspec": {"name": "java-free", "display_name": "", "language": "python"}},
        {"kernelspec": {"name": "conda-env-ml-py", "display_name": "ml"}},
        {"language_info": {"name": "python"}},
        {"kernelspec": {"name": "k", "display_name": "k", "language": "python"}, "language_info": {"name": "R"}},
        {"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "Python 3"}},
        {"language_info": {"name": "ipython"}},
        {"kernelspec": None, "language_info": None},
        None,
    ],
)
def test_python_is_taken(folder: Path, metadata: Any) -> None:
    assert read_notebook(save(folder, document(metadata=metadata))).cells


@pytest.mark.parametrize("share", [0, 0.5])
def test_a_notebook_that_is_being_saved_is_read_when_it_is_whole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, share: float
) -> None:
    whole = json.dumps(document()).encode()
    path = save(tmp_path, whole[: int(len(whole) * share)])

    def go_on(_: float) -> None:
        save(tmp_path, whole)

    monkeypatch.setattr("jupyter_mltrain.notebook.read.time.sleep", go_on)
    assert read_notebook(path).cells[0].source == "x = 1"


def test_broken_json_points_at_line_and_column(folder: Path) -> None:
    path = save(folder, b'{\n "nbformat": 4,\n "cells": [<<<<<<< HEAD\n')
    with pytest.raises(NotebookError) as caught:
        read_notebook(path)
    assert "line 3, column 12" in caught.value.message
    assert (caught.value.details["line"], caught.value.details["column"]) == (3, 12)


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b"", "empty"),
        (b" \n\t", "empty"),
        (b"\xff\xfe\x00", "encoding"),
        (b"import pandas\n", "json"),
        (b"[" * 200_000, "json"),
        (b'{"nbformat": 4, "metadata": ' + b"9" * 5000 + b"}", "json"),
        (b"[]", "not-a-notebook"),
        (b'{"a": 1}', "not-a-notebook"),
        (b'{"nbformat": "4", "cells": []}', "not-a-notebook"),
        (document(nbformat=5), "version"),
        (document(cells=[]), "no-code"),
        (document(cells=[{"cell_type": "markdown", "source": "text", "metadata": {}}]), "no-code"),
        (document(cells=[{"cell_type": "code", "source": " \n", "metadata": {}, "outputs": []}]), "no-code"),
        ({"nbformat": 4, "metadata": {}}, "not-a-notebook"),
        (document(cells={}), "not-a-notebook"),
        (document(cells=[{"cell_type": "code"}]), "not-a-notebook"),
        (document(cells=[{"cell_type": "song", "source": "la", "metadata": {}}]), "not-a-notebook"),
        (document(cells=[1]), "not-a-notebook"),
        (document(cells=[{"cell_type": "code", "source": [1], "metadata": {}}]), "not-a-notebook"),
        (document(cells=[{"cell_type": "code", "source": None, "metadata": {}}]), "not-a-notebook"),
    ],
)
def test_each_refusal_has_its_own_reason(folder: Path, content: Any, why: str) -> None:
    assert reason(save(folder, content)) == why


@pytest.mark.parametrize("odd", [None, "parameters", [], 7])
def test_what_is_no_metadata_counts_as_none(folder: Path, odd: Any) -> None:
    cell = {"cell_type": "code", "source": "x = 1", "metadata": {"tags": odd}, "outputs": odd, "attachments": odd}
    notebook = read_notebook(save(folder, document(cells=[cell, {**cell, "metadata": odd}])))
    assert [(c.source, c.tags, c.attachments) for c in notebook.cells] == [("x = 1", (), {})] * 2


def test_not_a_number_in_saved_outputs(folder: Path) -> None:
    markdown = {"cell_type": "markdown", "source": "", "metadata": {}, "attachments": {"a": {"b": float("nan")}}}
    code = {"cell_type": "code", "source": "x", "metadata": {}, "outputs": [{"data": float("inf")}]}
    notebook = read_notebook(save(folder, document(cells=[markdown, code])))
    assert notebook.cells[0].attachments == {"a": {"b": None}}


def test_missing_file_names_the_nearest(write: Any, folder: Path) -> None:
    write("x = 1", name="recommender.ipynb")
    with pytest.raises(NotFound, match="recomender") as caught:
        read_notebook(folder / "recomender.ipynb")
    assert "'recommender.ipynb'" in caught.value.hint
    with pytest.raises(NotFound):
        read_notebook(folder / "recommender.ipynb" / "x.ipynb")
    with pytest.raises(NotFound, match="nowhere"):
        read_notebook(folder / "nowhere" / "x.ipynb")


def test_folders_pipes_and_loops_are_refused_at_once(folder: Path) -> None:
    assert reason(folder) == "directory"
    os.mkfifo(folder / "pipe.ipynb")
    assert reason(folder / "pipe.ipynb") == "unreadable"
    (folder / "loop.ipynb").symlink_to(folder / "loop.ipynb")
    assert reason(folder / "loop.ipynb") == "unreadable"


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_file_without_read_permission(write: Any) -> None:
    path = write("x = 1")
    path.chmod(0)
    assert reason(path) == "unreadable"


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)


@given(
    st.fixed_dictionaries(
        {"nbformat": st.sampled_from([3, 4]) | json_values},
        optional={
            "cells": st.lists(
                st.fixed_dictionaries(
                    {},
                    optional={
                        "cell_type": st.sampled_from(["code", "markdown"]) | json_values,
                        "source": st.text(max_size=5) | json_values,
                        "metadata": st.fixed_dictionaries({}, optional={"tags": json_values}) | json_values,
                        "id": json_values,
                        "attachments": json_values,
                        "outputs": json_values,
                        "execution_count": json_values,
                    },
                ),
                max_size=3,
            )
            | json_values,
            "worksheets": json_values,
            "metadata": st.fixed_dictionaries({}, optional={"kernelspec": json_values, "language_info": json_values})
            | json_values,
        },
    )
)
def test_whatever_the_json_it_is_read_or_refused(tmp_path_factory: pytest.TempPathFactory, data: Any) -> None:
    path = save(tmp_path_factory.getbasetemp(), data)
    try:
        notebook = read_notebook(path)
    except NotebookError:
        return
    assert any(cell.source.strip() for cell in notebook.cells)

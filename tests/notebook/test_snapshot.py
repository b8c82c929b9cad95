from __future__ import annotations

import json
import os
import random
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import nbformat
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from jupyter_mltrain.notebook import freeze
from jupyter_mltrain.notebook.program import load, save

FILES = {
    "helper.py": "from lib import part\nimport yaml\n",
    "lib/__init__.py": "",
    "lib/part.py": "import json\n",
    "data/a.csv": "1,2\n",
    "data/b.csv": "3\n",
    "run.sh": "#!/bin/sh\n",
}
INCLUDE = ["data/*.csv", "run.sh"]


def document(minor: int = 5) -> dict[str, Any]:
    cells: list[dict[str, Any]] = [
        {"cell_type": "markdown", "id": "a", "metadata": {}, "source": "# Title"},
        {
            "cell_type": "code",
            "id": "b",
            "metadata": {"tags": ["parameters", "first"]},
            "source": ["epochs = 3  # help\n", "name = 'x'"],
            "outputs": [],
            "execution_count": None,
        },
        {
            "cell_type": "code",
            "id": "c",
            "metadata": {},
            "source": "import helper",
            "outputs": [],
            "execution_count": None,
        },
    ]
    if minor < 5:
        for cell in cells:
            del cell["id"]
    spec = {"name": "python3", "display_name": "Python 3", "language": "python"}
    return {"nbformat": 4, "nbformat_minor": minor, "metadata": {"kernelspec": spec}, "cells": cells}


def project(folder: Path, content: dict[str, Any] | None = None) -> Path:
    for name, text in FILES.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    (folder / "run.sh").chmod(0o755)
    path = folder / "train.ipynb"
    path.write_text(json.dumps(content or document()))
    return path


def digest(path: Path, include: list[str] = INCLUDE) -> str:
    return freeze(path, include=include).program.digest


@pytest.fixture(scope="module")
def reference(tmp_path_factory: pytest.TempPathFactory) -> str:
    return digest(project(tmp_path_factory.mktemp("reference")))


views = st.fixed_dictionaries(
    {},
    optional={
        "collapsed": st.booleans(),
        "scrolled": st.sampled_from([True, False, "auto"]),
        "slideshow": st.just({"slide_type": "slide"}),
        "jupyter": st.just({"source_hidden": True}),
        "execution": st.just({"iopub.execute_input": "2024-01-01T00:00:00Z"}),
        "ExecuteTime": st.dictionaries(st.text(max_size=3), st.text(max_size=3), max_size=2),
        "trusted": st.booleans(),
        "papermill": st.just({"duration": 1.5}),
    },
)


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    views=st.lists(views, min_size=3, max_size=3),
    outputs=st.lists(st.text(max_size=20), max_size=2),
    count=st.none() | st.integers(1, 99),
    metadata=st.fixed_dictionaries(
        {},
        optional={
            "language_info": st.just({"name": "python", "version": "3.9.1"}),
            "widgets": st.just({"state": {}}),
            "toc": st.just({}),
        },
    ),
    seed=st.integers(0, 1000),
)
def test_what_does_not_matter_does_not_change_the_hash(
    reference: str,
    tmp_path_factory: pytest.TempPathFactory,
    views: list[dict[str, Any]],
    outputs: list[str],
    count: int | None,
    metadata: dict[str, Any],
    seed: int,
) -> None:
    content = document()
    for cell, view in zip(content["cells"], views, strict=True):
        cell["metadata"] |= view
        if cell["cell_type"] == "code":
            cell["execution_count"] = count
            cell["outputs"] = [{"output_type": "stream", "name": "stdout", "text": text} for text in outputs]
    content["cells"][1]["metadata"]["tags"] = ["first", "parameters", "first"]
    content["cells"][1]["source"] = "".join(content["cells"][1]["source"])
    content["metadata"] |= metadata
    content["metadata"]["kernelspec"]["display_name"] = "My own Python"
    path = project(tmp_path_factory.mktemp("project with spaces ü"), content)
    chance = random.Random(seed)
    for file in path.parent.rglob("*"):
        os.utime(file, (chance.random() * 1e9,) * 2)
    globs = [*INCLUDE, "data/a.csv", "data"]
    chance.shuffle(globs)
    assert digest(path, globs) == reference


@pytest.mark.parametrize("umask", [0o000, 0o077])
def test_the_umask_does_not_change_the_hash(reference: str, tmp_path: Path, umask: int) -> None:
    before = os.umask(umask)
    try:
        assert digest(project(tmp_path)) == reference
    finally:
        os.umask(before)


@pytest.mark.parametrize("seed", ["0", "1", "12345"])
def test_another_process_gives_the_same_hash(reference: str, tmp_path: Path, seed: str) -> None:
    path = project(tmp_path)
    script = (
        f"from jupyter_mltrain.notebook import freeze; print(freeze({str(path)!r}, include={INCLUDE!r}).program.digest)"
    )
    env = {**os.environ, "PYTHONHASHSEED": seed, "LC_ALL": "C", "TZ": "Asia/Tokyo"}
    done = subprocess.run([sys.executable, "-c", script], env=env, cwd="/", capture_output=True, text=True, check=True)
    assert done.stdout.strip() == reference


def test_relative_paths_and_links_to_the_project(
    reference: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    project(tmp_path / "real")
    (tmp_path / "link").symlink_to("real")
    assert digest(tmp_path / "link" / "train.ipynb") == reference
    monkeypatch.chdir(tmp_path / "real")
    assert digest(Path("train.ipynb")) == reference


def test_notebooks_without_cell_ids_are_not_random(tmp_path: Path) -> None:
    path = project(tmp_path, document(minor=4))
    assert digest(path) == digest(path)
    v3 = nbformat.v3
    old = tmp_path / "old.ipynb"
    sheet = v3.new_worksheet(cells=[v3.new_code_cell("x = 1"), v3.new_code_cell("y = 1")])
    old.write_text(v3.writes_json(v3.new_notebook(worksheets=[sheet])))
    assert digest(old) == digest(old)


def change_source(content: dict[str, Any]) -> None:
    content["cells"][2]["source"] += " "


def change_markdown(content: dict[str, Any]) -> None:
    content["cells"][0]["source"] = "# Other"


def change_tags(content: dict[str, Any]) -> None:
    content["cells"][2]["metadata"]["tags"] = ["raises-exception"]


def change_order(content: dict[str, Any]) -> None:
    content["cells"].reverse()


def change_parameter_help(content: dict[str, Any]) -> None:
    content["cells"][1]["source"][0] = "epochs = 3  # other\n"


@pytest.mark.parametrize(
    "change",
    [change_source, change_markdown, change_tags, change_order, change_parameter_help],
    ids=lambda f: f.__name__,
)
def test_what_matters_in_the_notebook_changes_the_hash(reference: str, tmp_path: Path, change: Any) -> None:
    content = document()
    change(content)
    assert digest(project(tmp_path, content)) != reference


@pytest.mark.parametrize(
    ("file", "text"),
    [("lib/part.py", "import json\n\n"), ("data/a.csv", "1\n"), ("helper.py", "from lib import part\n")],
)
def test_what_matters_in_the_files_changes_the_hash(reference: str, tmp_path: Path, file: str, text: str) -> None:
    path = project(tmp_path)
    (tmp_path / file).write_text(text)
    assert digest(path) != reference


def test_name_executable_bit_and_globs_change_the_hash(reference: str, tmp_path: Path) -> None:
    path = project(tmp_path)
    assert digest(path, ["data/*.csv"]) != reference
    (tmp_path / "run.sh").chmod(0o644)
    assert digest(path) != reference
    (tmp_path / "run.sh").chmod(0o755)
    assert digest(path.rename(tmp_path / "other.ipynb")) != reference


def test_files_that_nothing_uses_do_not_change_the_hash(reference: str, tmp_path: Path) -> None:
    path = project(tmp_path)
    (tmp_path / "unused.py").write_text("x = 1")
    (tmp_path / "lib/unused.py").write_text("x = 1")
    (tmp_path / ".env").write_text("PASSWORD=x")
    assert digest(path) == reference


def test_the_environment_is_part_of_the_hash(reference: str, tmp_path: Path, bare_python: str) -> None:
    frozen = freeze(project(tmp_path), include=INCLUDE, python=bare_python)
    assert frozen.program.digest != reference
    assert frozen.program.requirements.distributions == ()


def test_a_frozen_notebook_is_stored_and_loaded_whole(tmp_path: Path) -> None:
    path = project(tmp_path / "project")
    frozen = freeze(path, include=INCLUDE)
    folder = save(frozen.program, frozen.blobs, tmp_path / "store", provenance=frozen.provenance.to_dict())
    shutil.rmtree(tmp_path / "project")
    loaded = load(frozen.program.digest, [tmp_path / "store"])
    assert loaded == frozen.program
    assert {file.path: (folder / "files" / file.path).read_text() for file in loaded.files} == FILES
    assert json.loads((folder / "provenance.json").read_text())["source"] == str(path)
    assert [parameter.name for parameter in loaded.parameters] == ["epochs", "name"]


# --- provenance -------------------------------------------------------------------------------------------------------


def git(folder: Path, *arguments: str) -> str:
    env = {**os.environ, "GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_SYSTEM": os.devnull}
    identity = ["-c", "user.name=Ann", "-c", "user.email=ann@example.org"]
    done = subprocess.run(
        ["git", "-C", folder, *identity, *arguments], env=env, check=True, capture_output=True, text=True
    )
    return done.stdout.strip()


def test_no_repository_no_commit(tmp_path: Path) -> None:
    path = project(tmp_path)
    found = freeze(path).provenance
    assert found.to_dict() == {"source": str(path), "commit": None, "dirty": None}


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    path = project(tmp_path / "repository [1]" / "nb")
    top = path.parent.parent
    git(top, "init", "-q")
    (top / ".gitignore").write_text("ignored*\n")
    git(top, "add", ".")
    git(top, "commit", "-q", "-m", "first")
    return path


def test_commit_and_dirty_flag(repository: Path, reference: str) -> None:
    top = repository.parent.parent
    commit = git(top, "rev-parse", "HEAD")

    def dirty(include: list[str] = INCLUDE) -> bool | None:
        found = freeze(repository, include=include).provenance
        assert found.commit == commit
        return found.dirty

    assert dirty() is False
    (top / "elsewhere.txt").write_text("untracked, and not shipped")
    (repository.parent / "unused.py").write_text("untracked, and not shipped")
    assert dirty() is False
    (repository.parent / "ignored.csv").write_text("1")
    assert dirty([*INCLUDE, "*.csv"]) is True
    (repository.parent / "lib/part.py").write_text("x = 1\n")
    assert dirty() is True
    git(top, "checkout", "-q", ".")
    assert dirty() is False
    repository.write_text(json.dumps(document(), indent=1))
    assert dirty() is True
    assert digest(repository) == reference  # the commit is no part of the program


def test_a_repository_without_commit_and_one_named_by_the_environment(
    repository: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = project(tmp_path / "new")
    git(path.parent, "init", "-q")
    assert freeze(path).provenance.commit is None
    monkeypatch.setenv("GIT_DIR", str(repository.parent.parent / ".git"))
    assert freeze(path).provenance.commit is None


def test_without_git_there_is_no_commit(repository: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert freeze(repository).provenance.commit is None


def test_freezing_leaves_no_trace(repository: Path) -> None:
    top = repository.parent.parent
    before = {path: (path.stat().st_mtime_ns, path.stat().st_size) for path in top.rglob("*")}
    freeze(repository, include=INCLUDE)
    assert {path: (path.stat().st_mtime_ns, path.stat().st_size) for path in top.rglob("*")} == before


def test_importing_the_front_door_is_light() -> None:
    script = (
        "import sys\nimport jupyter_mltrain.notebook as n\nn.freeze\nprint(*{m.partition('.')[0] for m in sys.modules})"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    heavy = {"nbformat", "papermill", "nbclient", "IPython", "pyflakes", "detect_secrets", "jupyter_client", "pydantic"}
    assert not heavy & set(done.stdout.split())


DEEP = {
    "sum": "import yaml\nx = " + " + ".join(["yaml.x"] * 900),
    "chain": "import yaml\nx = yaml" + ".add(1)" * 450,
    "elif": "x = 1\nif x == 0:\n    import yaml\n" + "elif x == 1:\n    import yaml\n" * 900,
    "magic": "%time 1\nimport yaml\nx = " + " + ".join(["1"] * 900),
}


@pytest.mark.parametrize("source", DEEP.values(), ids=DEEP)
@pytest.mark.parametrize("tags", [[], ["parameters"]], ids=["plain", "parameters"])
def test_very_deep_trees_are_understood(tmp_path: Path, source: str, tags: list[str]) -> None:
    content = document()
    content["cells"] = [{**content["cells"][2], "source": source, "metadata": {"tags": tags}}]
    path = tmp_path / "deep.ipynb"
    path.write_text(json.dumps(content))
    frozen = freeze(path)
    assert frozen.findings == ()
    assert [one.name for one in frozen.program.requirements.distributions] == ["pyyaml"]


def test_very_deep_modules_are_understood(tmp_path: Path) -> None:
    path = project(tmp_path)
    (tmp_path / "helper.py").write_text("import yaml\nx = " + " + ".join(["1"] * 2500))
    frozen = freeze(path)
    assert frozen.findings == ()
    assert [one.name for one in frozen.program.requirements.distributions] == ["pyyaml"]


def test_what_is_too_deep_for_ipython_is_a_finding(tmp_path: Path) -> None:
    content = document()
    content["cells"][2]["source"] = "x = " + " + ".join(["1"] * 2500)
    assert [finding.code for finding in freeze(project(tmp_path, content)).findings] == ["does-not-parse"]

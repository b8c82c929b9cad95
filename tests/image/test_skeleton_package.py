"""This project's own package in an image: enough for a run, and no more."""

from __future__ import annotations

import ast
import json
import os
import shutil
import subprocess
import sys
import sysconfig
from importlib.metadata import version
from pathlib import Path

import pytest
from packaging.requirements import Requirement

from jupyter_mltrain.image import own, skeleton
from jupyter_mltrain.image.layer import fingerprint
from jupyter_mltrain.image.venv import Venv, in_layer
from jupyter_mltrain.model import labels
from jupyter_mltrain.notebook.program import Program, ProgramCell
from tests.image.test_skeleton import VENV, unpack
from tests.support import ROOT

OTHERS = sysconfig.get_path("purelib")
"""Where this environment has the packages of others."""

# Imports every module of the runner and what it imports later, and tells the modules of others that it asked for.
EVERYTHING = """
import builtins, importlib, json, pkgutil, sys
asked, original = set(), builtins.__import__
def spy(name, globals=None, locals=None, fromlist=(), level=0):
    if level == 0 and str((globals or {}).get("__name__")).startswith("jupyter_mltrain"):
        asked.add(name.split(".")[0])
    return original(name, globals, locals, fromlist, level)
builtins.__import__ = spy
import jupyter_mltrain.artifacts, jupyter_mltrain.run, jupyter_mltrain.runner
for module in pkgutil.walk_packages(jupyter_mltrain.runner.__path__, "jupyter_mltrain.runner."):
    if not module.name.endswith("__main__"):
        importlib.import_module(module.name)
from jupyter_mltrain.notebook.inject import inject
kernel = {"name": "python3", "display_name": "Python 3", "language": "python"}
cell = {"cell_type": "code", "id": "a", "metadata": {"tags": ["parameters"]}, "source": "a = 0"}
cell |= {"outputs": [], "execution_count": None}
notebook = {"nbformat": 4, "nbformat_minor": 5, "metadata": {"kernelspec": kernel}, "cells": [cell]}
cells = inject(notebook, {"a": 1})["cells"]
print(json.dumps({
    "file": jupyter_mltrain.__file__, "version": jupyter_mltrain.__version__, "asked": sorted(asked),
    "injected": cells[1]["source"],
    "own": sorted(name for name in sys.modules if name.split(".")[0] == "jupyter_mltrain"),
}))
"""


@pytest.fixture(scope="module")
def venv(tmp_path_factory: pytest.TempPathFactory) -> Venv:
    """What an image has of this project, in the place where it believes to be; others' packages are those from here."""
    folder = tmp_path_factory.mktemp("image")
    venv = Venv(VENV.python, VENV.interpreter, str(folder / "env"))
    entries = [*skeleton.environment(venv), *skeleton.kernels(venv, ["my-kernel"]), *own.own_package(venv)]
    (unpack(entries, folder / "unpacked") / in_layer(venv.path)).rename(venv.path)
    Path(venv.site_packages, "others.pth").write_text(f"{OTHERS}\n")
    return venv


def test_what_is_shipped() -> None:
    paths = [entry.path for entry in own.own_package(VENV)]
    site = VENV.site_packages[1:]
    info = f"{site}/jupyter_mltrain-{version('jupyter_mltrain')}.dist-info"
    assert {path for path in paths if "dist-info" in path} == {f"{info}/METADATA", f"{info}/INSTALLER"}
    modules = [path.removeprefix(f"{site}/jupyter_mltrain/") for path in paths if "dist-info" not in path]
    assert {path.split("/")[0] for path in modules} == {
        "__init__.py", "py.typed", "errors.py", "run.py", "artifacts", "model", "notebook", "runner",
    }  # fmt: skip
    assert all(path.endswith(".py") for path in modules if path != "py.typed")
    assert not any("__pycache__" in path for path in paths)


def test_the_runner_imports_nothing_that_is_not_shipped(venv: Venv) -> None:
    done = subprocess.run([venv.executable, "-I", "-c", EVERYTHING], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    package = Path(venv.site_packages, "jupyter_mltrain")
    assert found["file"] == str(package / "__init__.py")
    assert found["version"] == version("jupyter_mltrain")
    assert found["injected"] == "# Parameters\na = 1\n"
    assert "jupyter_mltrain.runner.main" in found["own"]
    others = {name for name in found["asked"] if name not in sys.stdlib_module_names and name != "jupyter_mltrain"}
    needed = {Requirement(text).name.replace("-", "_") for text in own.REQUIREMENTS}
    assert others <= needed


def imported_later() -> set[str]:
    """Return the modules of others that the shipped ones of the runner import anywhere in their code."""
    found = set()
    for path in (ROOT / "jupyter_mltrain" / "runner").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Import):
                found |= {alias.name.split(".")[0] for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
                found.add(node.module.split(".")[0])
    return {name for name in found if name not in sys.stdlib_module_names}


def test_the_runners_requirements_are_all_that_it_needs_and_in_the_projects_own() -> None:
    import tomllib

    needed = {Requirement(text).name: Requirement(text).specifier for text in own.REQUIREMENTS}
    assert imported_later() <= {name.replace("-", "_") for name in needed}
    document = tomllib.loads((ROOT / "pyproject.toml").read_text())
    project = {each.name: each.specifier for each in map(Requirement, document["project"]["dependencies"])}
    for name, specifier in needed.items():
        assert project[name].contains(version(name))
        assert specifier.contains(version(name))


def test_a_program_runs_with_nothing_but_what_is_shipped(venv: Venv, tmp_path: Path) -> None:
    cells = (
        ProgramCell("a", "code", "factor = 2", ("parameters",)),
        ProgramCell(
            "b",
            "code",
            "import sys, jupyter_mltrain.run as run\nprint(factor * 21, sys.executable)\nrun.report(loss=0.5)",
        ),
        ProgramCell("c", "code", "(run.output_dir / 'result.txt').write_text(run.__file__)"),
    )
    program = Program("train", "my-kernel", cells)
    unpack(skeleton.program(program.content, {}), tmp_path / "image")
    environment = {
        "PATH": f"{venv.bin}:/usr/bin:/bin",
        "HOME": str(tmp_path),
        "LANG": "C.UTF-8",
        labels.ENV_PROGRAM: program.digest,
        labels.ENV_PROGRAM_PATH: str(tmp_path / "image/opt/mltrain/programs"),
        labels.ENV_OUTPUT_URI: (tmp_path / "outputs").as_uri(),
        labels.ENV_PARAMETERS: '{"factor": 3}',
    }
    command = [venv.executable, "-I", "-m", "jupyter_mltrain.runner"]
    done = subprocess.run(command, env=environment, cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    assert (tmp_path / "outputs/result.txt").read_text() == f"{venv.site_packages}/jupyter_mltrain/run.py"
    notebook = json.loads((tmp_path / "outputs/train.ipynb").read_text())
    assert f"63 {venv.executable}" in json.dumps([cell.get("outputs") for cell in notebook["cells"]])


def test_an_installation_gives_the_same_as_a_checkout(tmp_path: Path) -> None:
    """As an installer leaves it: with metadata beside the package, bytecode, the front end and samples in it."""
    site = tmp_path / "site"
    shutil.copytree(ROOT / "jupyter_mltrain", site / "jupyter_mltrain", ignore=shutil.ignore_patterns("labextension"))
    (site / "jupyter_mltrain/labextension/static").mkdir(parents=True)
    (site / "jupyter_mltrain/labextension/static/style.js").write_text("")
    (site / "jupyter_mltrain/runner/__pycache__").mkdir(exist_ok=True)
    (site / "jupyter_mltrain/runner/__pycache__/main.cpython-311.pyc").write_bytes(b"")
    info = site / f"jupyter_mltrain-{version('jupyter_mltrain')}.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(
        f"Metadata-Version: 2.4\nName: jupyter_mltrain\nVersion: {version('jupyter_mltrain')}\n"
    )
    code = (
        "from jupyter_mltrain.image import layer, own, venv\n"
        "print(own.__file__, layer.fingerprint(own.own_package(venv.Venv('3.11', '/usr/bin/python3.11'))))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, "PYTHONPATH": str(site)},
        cwd=tmp_path,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    file, found = done.stdout.split()
    assert file.startswith(str(site))
    assert found == fingerprint(own.own_package(Venv("3.11", "/usr/bin/python3.11")))

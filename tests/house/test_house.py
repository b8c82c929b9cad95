"""The house: layers, light imports, one version, a lock file that names no host."""

import json
import re
import subprocess
import sys
import tomllib
from importlib.metadata import version
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
HEAVY = {
    "tensorflow",
    "torch",
    "alibi",
    "kubernetes",
    "sklearn",
    "pandas",
    "numpy",
    "nbformat",
    "papermill",
    "pydantic",
}


def run_python(code: str) -> str:
    return subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True, cwd=ROOT).stdout


def test_imports_point_down() -> None:
    result = subprocess.run(
        [str(Path(sys.executable).with_name("lint-imports")), "--no-cache"], cwd=ROOT, capture_output=True, text=True
    )
    assert result.returncode == 0, result.stdout


@pytest.mark.parametrize("module", ["jupyter_mltrain", "jupyter_mltrain.cli", "jupyter_mltrain.run"])
def test_import_is_light(module: str) -> None:
    loaded = run_python(f"import sys, {module}; print(*sys.modules)").split()
    assert not HEAVY & {name.partition(".")[0] for name in loaded}


def test_name_and_version_have_one_place() -> None:
    package = json.loads((ROOT / "package.json").read_text())
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert project["dynamic"] == ["version"]
    assert project["name"].replace("_", "-") == package["name"]
    assert version("jupyter_mltrain") == package["version"]


def test_heavy_packages_are_extras() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    core = {re.split(r"[^\w.-]", requirement)[0].lower() for requirement in project["dependencies"]}
    assert not core & {"tensorflow", "torch", "alibi", "kubernetes", "scikit-learn", "pandas", "jupyterlab"}
    assert {"tensorflow", "torch", "income", "kubernetes", "all"} <= set(project["optional-dependencies"])


def test_lock_names_no_host_and_pins_everything_by_hash() -> None:
    lock = (ROOT / "requirements" / "lock.txt").read_text()
    assert "://" not in lock
    for requirement in re.findall(r"^[a-z0-9].*(?:\n .*)*", lock, flags=re.MULTILINE):
        assert re.match(r"[a-z0-9._-]+==\S+", requirement)
        assert "--hash=sha256:" in requirement


def test_help_is_quick_because_it_loads_little() -> None:
    """The time of a bare start + 0.2 s is measured in benchmarks; here: nothing slow is loaded on the way."""
    code = "import sys; from jupyter_mltrain.cli import main\ntry: main(['--help'])\nexcept SystemExit: pass\n"
    loaded = run_python(code + "print(*sys.modules)").split()
    assert not (HEAVY | {"asyncio", "rich", "yaml", "jupyter_client", "fsspec"}) & set(loaded)

from __future__ import annotations

import sys
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pytest

from jupyter_mltrain.model.findings import Finding
from jupyter_mltrain.notebook import freeze
from jupyter_mltrain.notebook.environment import Interpreter, inspect
from jupyter_mltrain.notebook.files import Root
from jupyter_mltrain.notebook.imports import imports_of
from jupyter_mltrain.notebook.installs import installs_of
from jupyter_mltrain.notebook.modules import Used
from jupyter_mltrain.notebook.pins import Requirements
from jupyter_mltrain.notebook.requirements import resolve
from jupyter_mltrain.notebook.source import parse


def resolved(*cells: str, python: str = sys.executable, root: Path = Path("/")) -> tuple[Requirements, list[Finding]]:
    codes = {index: parse(cell) for index, cell in enumerate(cells)}
    used = [Used(found, {"cell": i, "line": found.lineno}) for i, code in codes.items() for found in imports_of(code)]
    installs, unclear = installs_of(codes, Root(root), root)
    requirements, findings = resolve(used, installs, inspect(Interpreter(python)))
    return requirements, unclear + findings


def codes(findings: list[Finding]) -> list[str]:
    return [finding.code for finding in findings]


def installs(*cells: str, root: Path = Path("/")) -> list[str]:
    found, _ = installs_of({i: parse(cell) for i, cell in enumerate(cells)}, Root(root), root)
    return [one.name + one.extras + (f" @ {one.url}" if one.url else one.specifier) for one in found]


def test_imports_become_exact_versions() -> None:
    requirements, findings = resolved("import os, yaml\nfrom nbformat.v4 import new_notebook", "import yaml.nodes")
    assert requirements.lines() == [f"nbformat=={version('nbformat')}", f"pyyaml=={version('PyYAML')}"]
    assert [one.modules for one in requirements.distributions] == [("nbformat",), ("yaml",)]
    assert requirements.python == ".".join(map(str, sys.version_info[:3]))
    assert findings == []


def test_another_environment_gives_other_versions(bare_python: str, make_distribution: Callable[..., None]) -> None:
    make_distribution("PyYAML", "1.2.3", {"yaml/__init__.py": ""})
    requirements, findings = resolved("import yaml, nbformat", python=bare_python)
    assert requirements.lines() == ["pyyaml==1.2.3"]
    assert codes(findings) == ["import-unresolved"]


@pytest.mark.parametrize(
    ("source", "hint"),
    [
        ("import palmerpenquins", "'palmerpenguins'"),
        ("import cv2.data", "'opencv-python'"),
        ("import bs4", "'beautifulsoup4'"),
        ("import nbfromat", "'nbformat'"),
        ("import jsn", "'json'"),
        ("import my_unknown_thing", "'my-unknown-thing'"),
    ],
)
def test_what_does_not_resolve_comes_with_a_suggestion(bare_python: str, source: str, hint: str) -> None:
    python = sys.executable if "nbfromat" in source else bare_python
    requirements, findings = resolved("x = 1", f"\n{source}", python=python)
    assert requirements.distributions == ()
    assert [(f.code, f.severity.value, dict(f.where)) for f in findings] == [
        ("import-unresolved", "error", {"cell": 1, "line": 2})
    ]
    assert hint in findings[0].hint


def test_one_finding_for_a_module_however_often_it_is_imported() -> None:
    _, findings = resolved("import nowhere_1", "import nowhere_1.a\nfrom nowhere_1 import b", "import nowhere_2")
    assert [f.where["cell"] for f in findings] == [0, 2]


def test_optional_imports_are_taken_when_there_and_not_missed() -> None:
    requirements, findings = resolved("try:\n    import yaml, nowhere_1\nexcept ImportError:\n    yaml = None")
    assert [one.name for one in requirements.distributions] == ["pyyaml"]
    assert findings == []


def test_a_misspelt_name_that_exists_is_suspect(bare_python: str, make_distribution: Callable[..., None]) -> None:
    make_distribution("palmerpenquins", "0.1", {"palmerpenquins.py": ""})
    requirements, findings = resolved("import palmerpenquins", python=bare_python)
    assert requirements.lines() == ["palmerpenquins==0.1"]
    assert codes(findings) == ["name-misspelled"]
    assert codes(resolved("%pip install palmerpenquins")[1]) == ["name-misspelled", "install-open"]


@pytest.mark.parametrize(
    "line",
    [
        "%pip install -q wanted==1.0",
        "!pip install --upgrade wanted==1.0",
        "!pip3 install 'wanted==1.0'",
        "!python -m pip install --index-url https://user:pw@host/simple wanted==1.0",
        "!{sys.executable} -m pip install wanted==1.0",
        "!sudo /usr/bin/pip3.11 install -i x wanted==1.0 && echo done",
        "%uv pip install wanted==1.0",
        "!uv pip install --system wanted==1.0",
        "%conda install -y -c conda-forge wanted==1.0",
        "!mamba install -n base conda-forge::wanted==1.0 python=3.11",
        "%%bash\napt-get update\npip install \\\n  wanted==1.0",
        "pip install wanted==1.0",
        "%%time\n%pip install wanted==1.0",
        "x = !pip install wanted==1.0",
        "if True:\n    !pip install Wanted==1.0  # comment",
    ],
)
def test_install_lines_are_taken_up(line: str) -> None:
    assert installs(line) == ["wanted==1.0"]


@pytest.mark.parametrize(
    "line",
    [
        "!pip list",
        "!echo pip install 'x",
        "!pip uninstall x",
        "!apt-get install x",
        "# %pip install x",
        "x = 'pip install x'",
    ],
)
def test_other_lines_are_not(line: str) -> None:
    assert installs(line) == []


def test_forms_of_requirements(folder: Path) -> None:
    (folder / "more.txt").write_text("b>=2\n-r requirements.txt\n")
    (folder / "requirements.txt").write_text(
        "# comment\na[x,y]~=1.0 ; python_version > '3'\n-r more.txt\n"
        "--index-url https://x\nc ; python_version < '3'\n\n"
    )
    assert installs("%pip install -r requirements.txt d", root=folder) == ["a[x,y]~=1.0", "b>=2", "d"]
    assert installs("%pip install git+https://h/r.git@v1#egg=my_pkg 'n @ https://h/n.whl'") == [
        "my-pkg @ git+https://h/r.git@v1#egg=my_pkg",
        "n @ https://h/n.whl",
    ]
    assert installs("%conda install 'a>=1' b=1.2 c=1.2.* d=1.2=py_0") == ["a>=1", "b==1.2.*", "c==1.2.*", "d==1.2.*"]


@pytest.mark.parametrize(
    "line",
    [
        "%pip install {package}",
        "%pip install -e .",
        "%pip install git+https://h/r.git",
        "%pip install -r ../outside.txt",
    ],
)
def test_unclear_install_lines_are_findings(folder: Path, line: str) -> None:
    (folder.parent / "outside.txt").write_text("a\n")
    found, findings = installs_of({3: parse(line)}, Root(folder), folder)
    assert found == []
    assert [(f.code, dict(f.where)) for f in findings] == [("install-unclear", {"cell": 3, "line": 1})]


def test_install_lines_and_the_environment() -> None:
    installed = version("PyYAML")
    same, findings = resolved("%pip install pyyaml\nimport yaml")
    assert (same.lines(), codes(findings)) == ([f"pyyaml=={installed}"], [])
    other, findings = resolved("%pip install pyyaml==1.0\nimport yaml")
    assert (other.lines(), codes(findings)) == (["pyyaml==1.0"], ["install-differs"])
    extras, findings = resolved("%pip install 'uvloop-thing[a]>=2'")
    assert (extras.lines(), codes(findings)) == (["uvloop-thing[a]>=2"], ["install-open"])
    pinned, findings = resolved("%pip install opencv-python==4.10.0\nimport cv2")
    assert (pinned.lines(), codes(findings)) == (["opencv-python==4.10.0"], [])
    assert pinned.distributions[0].modules == ("cv2",)


def test_an_import_that_an_unknown_install_line_may_bring_is_only_a_warning() -> None:
    _, findings = resolved("%pip install mystery==1.0\nimport nowhere_1")
    assert [(f.code, f.severity.value) for f in findings] == [("import-unresolved", "warning")]


def test_modules_and_distributions_of_this_machine_are_findings(
    bare_python: str, make_distribution: Callable[..., None]
) -> None:
    make_distribution(
        "homemade", "1.0", {"homemade.py": ""}, **{"direct_url.json": '{"url": "file:///x", "dir_info": {}}'}
    )
    requirements, findings = resolved("import homemade", python=bare_python)
    assert (requirements.lines(), codes(findings)) == (["homemade==1.0"], ["local-distribution"])


def test_a_commit_stays_a_commit(bare_python: str, make_distribution: Callable[..., None]) -> None:
    origin = '{"url": "https://h/r.git", "vcs_info": {"vcs": "git", "commit_id": "abc"}}'
    make_distribution("committed", "1.0", {"committed.py": ""}, **{"direct_url.json": origin})
    assert resolved("import committed", python=bare_python)[0].lines() == ["committed @ git+https://h/r.git@abc"]


def test_requirements_of_a_notebook_include_those_of_its_modules(write: Any, folder: Path) -> None:
    (folder / "helper.py").write_text("import yaml\nimport nowhere_1\n")
    frozen = freeze(write("import helper"))
    assert frozen.program.requirements.lines() == [f"pyyaml=={version('PyYAML')}"]
    assert [(f.code, dict(f.where)) for f in frozen.findings] == [
        ("import-unresolved", {"file": "helper.py", "line": 2})
    ]
    assert frozen.imports == {"yaml", "nowhere_1"}


def test_an_unknown_kernel_is_a_finding(write: Any) -> None:
    frozen = freeze(write("import yaml", kernel="no-such-kernel"))
    assert codes(list(frozen.findings)) == ["kernel-unknown"]
    assert "'no-such-kernel'" in frozen.findings[0].message
    assert len(frozen.program.requirements.lines()) == 1
    assert freeze(write("import yaml", kernel="no-such-kernel"), python=sys.executable).findings == ()

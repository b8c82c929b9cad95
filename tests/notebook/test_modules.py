from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from jupyter_mltrain.errors import InvalidInput
from jupyter_mltrain.notebook import freeze
from jupyter_mltrain.notebook.program import materialise, save

Tree = Callable[..., None]


@pytest.fixture
def tree(folder: Path) -> Tree:
    """Write files below the project folder: path -> text."""

    def write_tree(files: dict[str, str]) -> None:
        for name, text in files.items():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_text(text)

    return write_tree


def shipped(path: Path, **options: Any) -> list[str]:
    return [file.path for file in freeze(path, **options).program.files]


def found(path: Path, **options: Any) -> list[tuple[str, dict[str, Any]]]:
    return [(finding.code, dict(finding.where)) for finding in freeze(path, **options).findings]


PROJECT = {
    "helper.py": "from tools import deep\n",
    "tools/__init__.py": "",
    "tools/deep/__init__.py": "from . import inner\nfrom .sibling import f\nfrom ..other import g\n",
    "tools/deep/inner.py": "from ... import nothing\n",
    "tools/deep/sibling.py": "def f(): from .lazy import x\n".replace("f(): ", "f():\n    "),
    "tools/deep/lazy.py": "x = 1\n",
    "tools/other.py": "g = 1\n",
    "tools/unused.py": "import nowhere_1\n",
    "tools/data.csv": "1\n",
    "unused.py": "",
    "plain/one.py": "import plain.two\n",
    "plain/two.py": "",
}


def test_modules_are_shipped_transitively_and_nothing_else(write: Any, tree: Tree) -> None:
    tree(PROJECT)
    assert shipped(write("import helper", "from plain import one")) == [
        "helper.py",
        "plain/one.py",
        "plain/two.py",
        "tools/__init__.py",
        "tools/deep/__init__.py",
        "tools/deep/inner.py",
        "tools/deep/lazy.py",
        "tools/deep/sibling.py",
        "tools/other.py",
    ]


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("import a.b.c", ["a/__init__.py", "a/b/__init__.py", "a/b/c.py"]),
        ("from a import b", ["a/__init__.py", "a/b/__init__.py"]),
        ("from a.b import c, name", ["a/__init__.py", "a/b/__init__.py", "a/b/c.py"]),
        ("from a import *", ["a/__init__.py", "a/b/__init__.py"]),
        ("import importlib; importlib.import_module('a.b')", ["a/__init__.py", "a/b/__init__.py"]),
        ("import importlib; importlib.import_module('.b', 'a')", ["a/__init__.py", "a/b/__init__.py"]),
        ("try:\n    import a\nexcept ImportError:\n    pass", ["a/__init__.py"]),
        ("if TYPE_CHECKING:\n    import a", []),
        ("%run script.py --option 1", ["a/__init__.py", "script.py"]),
        ("!python script.py > log.txt", ["a/__init__.py", "script.py"]),
        ("%%time\nimport a", ["a/__init__.py"]),
        ("import os", []),
    ],
)
def test_forms_of_import(write: Any, tree: Tree, source: str, expected: list[str]) -> None:
    tree(
        {
            "a/__init__.py": "__all__ = ['b', 'missing']",
            "a/b/__init__.py": "name = 1",
            "a/b/c.py": "",
            "script.py": "import a",
        }
    )
    assert shipped(write(source)) == expected


def test_a_program_runs_where_the_notebook_is_not(write: Any, tree: Tree, tmp_path: Path) -> None:
    tree({**PROJECT, "tools/deep/inner.py": "", "data/x.json": "[1]"})
    frozen = freeze(write("import helper"), include=["data/*.json"])
    folder = save(frozen.program, frozen.blobs, tmp_path / "store")
    where = materialise(folder, tmp_path / "elsewhere")
    script = "import helper, json; print(helper.deep.f.__module__, json.load(open('data/x.json')))"
    done = subprocess.run([sys.executable, "-c", script], cwd=where, capture_output=True, text=True, check=True)
    assert done.stdout == "tools.deep.sibling [1]\n"


def test_a_module_before_a_folder_and_a_package_before_a_module(write: Any, tree: Tree) -> None:
    tree({"one.py": "", "one/x.py": "", "two.py": "", "two/__init__.py": ""})
    assert shipped(write("import one, two")) == ["one.py", "two/__init__.py"]


def test_a_folder_without_init_gives_way_to_what_is_installed(write: Any, tree: Tree) -> None:
    tree({"yaml/data.csv": "", "yaml/x.py": "", "csvs/data.csv": "", "nbformat/__init__.py": ""})
    frozen = freeze(write("import yaml\nimport nbformat"))
    assert [file.path for file in frozen.program.files] == ["nbformat/__init__.py"]
    assert [r.name for r in frozen.program.requirements.distributions] == ["pyyaml"]
    assert [(f.code, "'nbformat'" in f.message) for f in frozen.findings] == [("module-hides", True)]
    assert found(write("import csvs")) == [("import-unresolved", {"cell": 0, "line": 1})]


def test_hiding_the_standard_library_is_a_finding(write: Any, tree: Tree) -> None:
    tree({"random.py": "", "helper.py": "import random"})
    assert found(write("import random\nimport helper")) == [("module-hides", {"cell": 0, "line": 1})]


def test_missing_parts_of_local_packages_are_findings(write: Any, tree: Tree) -> None:
    tree(
        {
            "a/__init__.py": "",
            "a/b.py": "from . import c\nfrom .missing import d\nfrom ...far import e\n",
            "top.py": "from . import x",
        }
    )
    assert found(write("import a.nothing", "import a.b", "import top", "from . import a")) == [
        ("import-unresolved", {"cell": 0, "line": 1}),
        ("import-unresolved", {"cell": 3, "line": 1}),
        ("import-unresolved", {"file": "a/b.py", "line": 2}),
        ("import-unresolved", {"file": "a/b.py", "line": 3}),
        ("import-unresolved", {"file": "top.py", "line": 1}),
    ]


def test_modules_that_do_not_parse_are_shipped_and_named(write: Any, tree: Tree) -> None:
    tree({"bad.py": "x = = 1\n", "lat.py": ""})
    path = write("import bad")
    assert shipped(path) == ["bad.py"]
    assert found(path) == [("does-not-parse", {"file": "bad.py", "line": 1})]


def test_modules_that_the_notebook_writes_itself(write: Any, tree: Tree) -> None:
    tree({"base.py": ""})
    path = write("%%writefile made.py\nimport base\nimport nowhere_1", "import made")
    assert shipped(path) == ["base.py"]
    assert found(path) == [("import-unresolved", {"cell": 0, "line": 3})]


def test_folders_added_to_the_search_path(write: Any, tree: Tree, tmp_path: Path) -> None:
    tree({"src/lib.py": "import lib2", "src/lib2.py": "", "more/deep/thing.py": "", "up/x.py": ""})
    (tmp_path / "outside").mkdir()
    path = write(
        "import sys, os\nfrom pathlib import Path\nsys.path.append('src')",
        "sys.path.insert(0, str(Path('more').resolve() / 'deep'))\nsys.path += [os.path.join(os.getcwd(), 'up')]",
        "sys.path.append('../outside')\nsys.path.append(somewhere)",
        "import lib, thing, x",
        "somewhere = 1",
    )
    frozen = freeze(path)
    assert [file.path for file in frozen.program.files] == [
        "more/deep/thing.py",
        "src/lib.py",
        "src/lib2.py",
        "up/x.py",
    ]
    assert ("path-outside", {"cell": 2, "line": 1}) in found(path)


def test_a_notebook_below_its_root(write: Any, tree: Tree, folder: Path, tmp_path: Path) -> None:
    tree({"lib/common.py": "", "nb/local.py": ""})
    path = write("import sys\nsys.path.append('../lib')\nimport common, local", name="nb/train.ipynb")
    frozen = freeze(path, root=folder)
    assert frozen.program.directory == "nb"
    assert [file.path for file in frozen.program.files] == ["lib/common.py", "nb/local.py"]
    where = materialise(save(frozen.program, frozen.blobs, tmp_path / "store"), tmp_path / "elsewhere")
    script = "import sys; sys.path.append('../lib'); import common, local"
    subprocess.run([sys.executable, "-c", script], cwd=where, check=True)


def test_a_root_that_does_not_hold_the_notebook(write: Any, tmp_path: Path) -> None:
    path = write("x = 1")
    (tmp_path / "other").mkdir()
    for root in (tmp_path / "other", tmp_path / "missing", path):
        with pytest.raises(InvalidInput) as caught:
            freeze(path, root=root)
        assert caught.value.details["field"] == "root"


# --- data files -------------------------------------------------------------------------------------------------------


def test_globs_of_data_files(write: Any, tree: Tree) -> None:
    tree({"a.csv": "", "b.txt": "", "d/c.csv": "", "d/e/f.csv": "", ".hidden": "", "sp ace/ü.csv": ""})
    path = write("x = 1")
    assert shipped(path, include=["*.csv"]) == ["a.csv"]
    assert shipped(path, include=["**/*.csv"]) == ["a.csv", "d/c.csv", "d/e/f.csv", "sp ace/ü.csv"]
    assert shipped(path, include=["d"]) == shipped(path, include=["d/", "d/**/*"]) == ["d/c.csv", "d/e/f.csv"]
    everything = ["a.csv", "b.txt", "d/c.csv", "d/e/f.csv", "sp ace/ü.csv"]
    assert shipped(path, include=["**/*"]) == shipped(path, include=["."]) == everything
    assert found(path, include=["*.parquet"]) == [("include-empty", {"field": "include"})]


HIDDEN = {".dot.csv": "", ".priv/notes.txt": "", ".priv/.more": "", "d/.deep/e.csv": "", "a.csv": "", "d/c.csv": ""}


@pytest.mark.parametrize(
    ("include", "files"),
    [
        (["*"], ["a.csv", "d/c.csv"]),
        (["**"], ["a.csv", "d/c.csv"]),
        ([""], ["a.csv", "d/c.csv"]),
        (["**/*.csv", "?dot.csv", "[.]dot.csv"], ["a.csv", "d/c.csv"]),
        ([".*"], [".dot.csv", ".priv/notes.txt"]),
        ([".priv"], [".priv/notes.txt"]),
        ([".priv/*", ".priv/.m*"], [".priv/.more", ".priv/notes.txt"]),
        (["**/.deep/*"], ["d/.deep/e.csv"]),
    ],
)
def test_names_that_begin_with_a_dot_are_shipped_only_by_such_a_name(
    write: Any, tree: Tree, include: list[str], files: list[str]
) -> None:
    tree(HIDDEN)
    assert shipped(write("x = 1"), include=include) == files


@pytest.mark.parametrize("pattern", ["../*.csv", "/etc/passwd", "a/../../b", "**b"])
def test_globs_that_lead_out_or_are_no_globs(write: Any, pattern: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        freeze(write("x = 1"), include=[pattern])
    assert caught.value.details["field"] == "include"


SECRETS = [
    ".env",
    ".env.local",
    "prod.env",
    "id_rsa",
    "server.pem",
    "tls.key",
    ".aws/credentials",
    ".ssh/config",
    "kaggle.json",
    "deep/.netrc",
]
USELESS = [
    ".git/config",
    "__pycache__/a.cpython-311.pyc",
    "a.pyc",
    ".ipynb_checkpoints/train-checkpoint.ipynb",
    "env/pyvenv.cfg",
    "env/lib/python3.11/site.py",
    "node_modules/x/index.js",
]


def test_secrets_and_caches_are_never_shipped(write: Any, tree: Tree) -> None:
    tree({**dict.fromkeys(SECRETS, "x"), **dict.fromkeys(USELESS, "x"), "data.csv": ""})
    path = write("x = 1")
    frozen = freeze(path, include=["**/*", "**/.*", ".env", ".git/config", ".ssh"])
    assert [file.path for file in frozen.program.files] == ["data.csv"]
    warning, info = frozen.findings
    assert (warning.code, warning.severity.value) == ("include-kept-back", "warning")
    assert (info.code, info.severity.value) == ("include-kept-back", "info")
    assert ".aws, .env" in warning.message
    assert ".git" in info.message


def test_a_harmless_name_for_a_secret_does_not_help(write: Any, tree: Tree, folder: Path) -> None:
    tree({".env": "PASSWORD=x"})
    (folder / "data.csv").symlink_to(".env")
    frozen = freeze(write("x = 1"), include=["data.csv"])
    assert frozen.program.files == ()
    assert [finding.code for finding in frozen.findings] == ["include-kept-back"]


def test_the_notebook_itself_is_no_data_file(write: Any, tree: Tree) -> None:
    tree({"other.ipynb": "{}"})
    assert shipped(write("x = 1"), include=["*.ipynb"]) == ["other.ipynb"]


def test_links_within_the_root_are_shipped_as_files(write: Any, tree: Tree, folder: Path) -> None:
    tree({"real/a.csv": "1", "real/mod.py": ""})
    (folder / "link.csv").symlink_to("real/a.csv")
    (folder / "linked").symlink_to("real")
    (folder / "real/loop").symlink_to("..")
    (folder / "helper.py").symlink_to("real/mod.py")
    (folder / "broken.csv").symlink_to("gone")
    files = shipped(write("import helper"), include=["link.csv", "linked", "broken.csv"])
    assert {"helper.py", "link.csv", "linked/a.csv", "linked/mod.py"} <= set(files)
    assert "broken.csv" not in files


def test_a_link_to_itself_is_left_out(write: Any, tree: Tree, folder: Path) -> None:
    tree({"a.csv": ""})
    (folder / "loop").symlink_to("loop")
    assert shipped(write("x = 1"), include=["*"]) == ["a.csv"]
    assert found(folder / "train.ipynb", include=["loop"]) == [("include-empty", {"field": "include"})]


@pytest.mark.parametrize("include", [pytest.param("*", marks=pytest.mark.slow), "*/" * 40 + "zzz"])
def test_folders_that_all_link_to_each_other_are_refused(write: Any, tree: Tree, folder: Path, include: str) -> None:
    names = [f"d{index}" for index in range(12)]
    tree({f"{name}/a.csv": "" for name in names})
    for name in names:
        for other in set(names) - {name}:
            (folder / name / other).symlink_to(folder / other)
    with pytest.raises(InvalidInput, match="through symbolic links") as caught:
        freeze(write("x = 1"), include=[include])
    assert caught.value.details["field"] == "include"


@pytest.mark.parametrize("what", ["file", "folder", "module", "package"])
def test_links_out_of_the_root_are_refused(write: Any, folder: Path, tmp_path: Path, what: str) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "__init__.py").write_text("")
    (outside / "secret.csv").write_text("")
    target = {"file": outside / "secret.csv", "module": outside / "__init__.py"}.get(what, outside)
    name = {"file": "a.csv", "folder": "data", "module": "helper.py", "package": "helper"}[what]
    (folder / name).symlink_to(target)
    path = write("import helper" if what in ("module", "package") else "x = 1")
    with pytest.raises(InvalidInput, match="leads out of") as caught:
        freeze(path, include=["a.csv", "data"])
    assert name in caught.value.message
    assert str(outside) in caught.value.message


def test_too_large_names_the_largest(write: Any, folder: Path) -> None:
    for name, size in (("small.bin", 10), ("large.bin", 3 * 2**20), ("mid.bin", 2**20)):
        with (folder / name).open("wb") as file:
            file.truncate(size)
    path = write("x = 1")
    assert len(shipped(path, include=["*.bin"], max_size=4 * 2**20 + 10)) == 3
    with pytest.raises(InvalidInput) as caught:
        freeze(path, include=["*.bin"], max_size=4 * 2**20 + 9)
    error = caught.value
    assert error.code == "too-large"
    assert "4.0 MiB" in error.message
    assert list(error.details["largest"]) == ["large.bin", "mid.bin", "small.bin"]


def test_the_executable_bit_is_kept(write: Any, tree: Tree, folder: Path) -> None:
    tree({"run.sh": "#!/bin/sh\n", "a.csv": ""})
    (folder / "run.sh").chmod(0o700)
    files = freeze(write("x = 1"), include=["run.sh", "a.csv"]).program.files
    assert {file.path: file.executable for file in files} == {"a.csv": False, "run.sh": True}


def test_one_blob_for_equal_files(write: Any, tree: Tree) -> None:
    tree({"a.csv": "same", "b.csv": "same"})
    frozen = freeze(write("x = 1"), include=["*.csv"])
    assert len(frozen.program.files) == 2
    assert len(frozen.blobs) == 1


def test_what_was_analysed_is_what_is_shipped(write: Any, tree: Tree, folder: Path, tmp_path: Path) -> None:
    tree({"helper.py": "x = 1\n"})
    frozen = freeze(write("import helper"))
    (folder / "helper.py").write_text("x = 2\n")
    stored = save(frozen.program, frozen.blobs, tmp_path / "store")
    assert (stored / "files/helper.py").read_text() == "x = 1\n"
    assert json.loads((stored / "program.json").read_text())["files"][0]["size"] == 6

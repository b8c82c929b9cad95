from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from packaging.specifiers import SpecifierSet

from jupyter_mltrain.errors import InvalidInput, NotFound
from jupyter_mltrain.image.sources import Wanted, _pep440, from_file, from_kernel
from tests.image.package_index import project_files, write_project


@dataclass(frozen=True)
class Distribution:
    name: str
    version: str
    url: str = ""


def written(folder: Path, name: str, text: str) -> Path:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path


def of_file(folder: Path, text: str, name: str = "requirements.txt") -> Wanted:
    return from_file(written(folder, name, text), folder)


# --- the kernel


def test_a_kernel_gives_its_versions_and_the_places_of_what_no_index_has(tmp_path: Path) -> None:
    lib = write_project(tmp_path / "my lib", project_files("mylib", "0.1"))
    installed = [
        Distribution("NumPy", "1.26.4"),
        Distribution("mylib", "0.1", lib.as_uri()),
        Distribution("gone", "1.0", "file:///nowhere/gone"),
        Distribution("tool", "2.0", "git+https://example.com/tool@abc"),
        Distribution("jupyter_mltrain", "0.1.0", tmp_path.as_uri()),
    ]
    wanted = from_kernel(["numpy==1.26.4", "mylib[extra]==0.1", "jupyter-mltrain==0.1.0"], installed, tmp_path)
    assert wanted.requirements == ("numpy==1.26.4", f"mylib[extra] @ {lib.as_uri()}")
    assert wanted.constraints == (f"mylib @ {lib.as_uri()}", "tool @ git+https://example.com/tool@abc")
    assert wanted.preferred == {"numpy": "1.26.4", "gone": "1.0", "mylib": "0.1", "tool": "2.0"}
    marked = from_kernel(["mylib==0.1 ; python_version > '3'"], installed, tmp_path)
    assert marked.requirements == (f"mylib @ {lib.as_uri()} ; python_version > '3'",)


def test_what_the_runner_needs_is_added_but_not_this_project(tmp_path: Path) -> None:
    wanted = Wanted(tmp_path, requirements=("a",)).including(["papermill>=2.6", "Jupyter_Mltrain"])
    assert wanted.requirements == ("a", "papermill>=2.6")


# --- requirements files


def test_a_requirements_file_with_all_it_includes(tmp_path: Path) -> None:
    written(tmp_path, "deep/more.txt", "-c ../limits.txt\nb>=1 ; python_version > '3'\n")
    written(tmp_path, "limits.txt", "c<3  # comment\n")
    text = "\ufeffA==1.0 \\\n  --hash=sha256:AB \\\n  --hash=sha256:cd\n-rdeep/more.txt\n# only\n\n-i https://me:pw@host/simple\n"
    wanted = of_file(tmp_path, text)
    assert wanted.requirements == ("A==1.0", "b>=1 ; python_version > '3'")
    assert wanted.constraints == ("c<3",)
    assert wanted.hashes == {"a": {"ab", "cd"}}
    assert wanted.options == ("--index-url https://me:pw@host/simple",)
    assert "pw" not in repr(wanted)


@pytest.mark.parametrize("line", ["./lib", "-e ./lib", "--editable=./lib", "file:lib", "lib/", "mylib @ ./lib"])
def test_folders_are_named_by_their_place(tmp_path: Path, line: str) -> None:
    place = write_project(tmp_path / "lib", project_files("mylib", "0.1")).as_uri()
    assert of_file(tmp_path, line).requirements[0].removeprefix("mylib @ ") == place


@pytest.mark.parametrize("line", ["./my own/lib", "./my own/lib ; python_version > '3'", "./my own/lib[x]"])
def test_folders_with_spaces(tmp_path: Path, line: str) -> None:
    place = write_project(tmp_path / "my own" / "lib", project_files("mylib", "0.1")).as_uri()
    assert of_file(tmp_path, line).requirements == (place + line.removeprefix("./my own/lib"),)


@pytest.mark.parametrize(
    "line", ["https://h/f/My_Own-1.0-py3-none-any.whl", "./My_Own-1.0-py3-none-any.whl", "my-own @ https://h/x"]
)
def test_hashes_of_files(tmp_path: Path, line: str) -> None:
    written(tmp_path, "My_Own-1.0-py3-none-any.whl", "")
    assert of_file(tmp_path, f"{line} --hash=sha256:{'0' * 64}").hashes == {"my-own": {"0" * 64}}


def test_folders_keep_extras_and_markers(tmp_path: Path) -> None:
    place = write_project(tmp_path / "a b", project_files("mylib", "0.1")).as_uri()
    wanted = of_file(tmp_path, f"mylib[x] @ {place} ; python_version > '3'")
    assert wanted.requirements == (f"mylib[x] @ {place} ; python_version > '3'",)


@pytest.mark.parametrize(
    "text",
    [
        "-r ../other.txt",
        "-c /etc/passwd",
        "-e ../lib",
        "lib @ file:///etc",
        "-f ../wheels",
        "./link/x",
        "-r link/x.txt",
    ],
)
def test_nothing_outside_of_the_root_is_read(tmp_path: Path, text: str) -> None:
    root = tmp_path / "root"
    root.mkdir()
    (root / "link").symlink_to(tmp_path)
    written(tmp_path, "other.txt", "secret")
    with pytest.raises(InvalidInput, match=r"requirements.txt, line 1 leads out of the notebook's folder"):
        of_file(root, text)


@pytest.mark.parametrize(
    ("text", "message", "hint"),
    [
        ("--trusted-host x", r"line 1: --trusted-host is nothing", "UV_INSECURE_HOST"),
        ("a\na==1 --config-settings=x=y", r"line 2: --config-settings is nothing", "wheel"),
        ("a==1 --hash=md5:ab", r"line 1: none of the hashes is a sha256", "sha256"),
        (f"https://h/lib.tar.gz --hash=sha256:{'0' * 64}", r"line 1: it is not clear which package", "NAME @"),
        ("-i http://me:pw[@host/simple", r"line 1: this is not the address of an index", "%5B"),
        ("-r https://example.com/r.txt", r"line 1: a file of another machine", "copy"),
        ("-r requirements.txt", r"include each other without end", ""),
        ("-q", r"line 1: -q is nothing", "Leave it out"),
    ],
)
def test_what_no_image_can_take_is_named_with_its_line(tmp_path: Path, text: str, message: str, hint: str) -> None:
    with pytest.raises(InvalidInput, match=message) as caught:
        of_file(tmp_path, text)
    assert hint in caught.value.hint


def test_files_that_are_missing_or_no_text(tmp_path: Path) -> None:
    with pytest.raises(NotFound, match=r"'absent.txt' is not there"):
        of_file(tmp_path, "-r absent.txt")
    with pytest.raises(NotFound, match=r"'requirements2.txt' is not there"):
        from_file(tmp_path / "requirements2.txt", tmp_path)
    (tmp_path / "bin.txt").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(InvalidInput, match="it is not UTF-8"):
        from_file(tmp_path / "bin.txt", tmp_path)


_LINES = st.sampled_from(
    ["numpy==1.26.4", "pandas[all]>=2,<3", "a-b_c", "x ; sys_platform == 'linux'", "u @ https://h/u-1-py3-none-any.whl"]
)


@given(st.lists(_LINES, unique=True), st.sampled_from(["", "  # note", "\t"]), st.sampled_from(["\n", "\r\n"]))
def test_plain_lines_come_through_as_they_are(
    tmp_path_factory: pytest.TempPathFactory, lines: list[str], end: str, newline: str
) -> None:
    path = tmp_path_factory.mktemp("r") / "requirements.txt"
    path.write_bytes(newline.join(line + end for line in lines).encode())
    assert list(from_file(path, path.parent).requirements) == lines


# --- pyproject.toml


def test_a_pyproject_is_handed_on(tmp_path: Path) -> None:
    path = written(tmp_path, "pyproject.toml", '[project]\nname="x"\nversion="1"\nrequires-python=">=3.10"\n')
    wanted = from_file(path, tmp_path)
    assert (wanted.project, wanted.python) == (path, ">=3.10")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[tool.x]\n", r"has no \[project\]"),
        ("[project\n", "cannot be read"),
        ('[project]\nname="x"\ndynamic=["dependencies"]\n', "are dynamic"),
        ('[project]\nname="x"\n[tool.uv.sources]\nlib={path="../lib"}\n', "source of lib leads out"),
        ('[project]\nname="x"\n[tool.uv.sources]\nlib={workspace=true}\n', "members of a workspace"),
    ],
)
def test_pyprojects_that_cannot_be_taken(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(InvalidInput, match=message):
        of_file(tmp_path, text, "pyproject.toml")


# --- environment.yml and pylock.toml


def test_of_a_conda_environment_pips_part_is_taken(tmp_path: Path) -> None:
    written(tmp_path, "more.txt", "idna\n")
    text = """
name: e
dependencies:
  - python=3.11
  - conda-forge::numpy=1.26=py311_0
  - cudatoolkit >=11
  - pip
  - pip:
    - pandas==2.2.0
    - -r more.txt
"""
    wanted = of_file(tmp_path, text, "environment.yml")
    assert wanted.requirements == ("pandas==2.2.0", "idna")
    assert wanted.python == "==3.11.*"
    assert [(one.code, one.message) for one in wanted.findings] == [
        (
            "conda-packages",
            "The image does not get what environment.yml has from conda: cudatoolkit>=11, numpy=1.26=py311_0.",
        )
    ]


@pytest.mark.parametrize("text", ["- a", "dependencies: 3", "dependencies: [{conda: []}]", "a: [", "!!python/none x"])
def test_conda_environments_that_are_none(tmp_path: Path, text: str) -> None:
    with pytest.raises(InvalidInput, match=r"environment.yml"):
        of_file(tmp_path, text, "environment.yml")


@pytest.mark.parametrize(
    ("conda", "fits", "does_not"),
    [
        ("=3.11", "3.11.9", "3.12.1"),
        ("==3.11.4", "3.11.4", "3.11.5"),
        (">=3.10,<3.12", "3.11.9", "3.12.0"),
        ("3.11.*", "3.11.2", "3.10.0"),
        ("=3.11.4=h1_0", "3.11.4", "3.11.5"),
        ("3", "3.13.0", "2.7"),
    ],
)
def test_condas_versions_of_python(conda: str, fits: str, does_not: str) -> None:
    assert SpecifierSet(_pep440(conda)).contains(fits)
    assert not SpecifierSet(_pep440(conda)).contains(does_not)


@given(st.text("0123456789.*<>=!~,| abc_", max_size=12))
def test_any_version_of_conda_becomes_a_range_or_nothing(text: str) -> None:
    assert isinstance(_pep440(text), str)


def test_a_lock_is_known_by_its_name(tmp_path: Path) -> None:
    assert of_file(tmp_path, "", "pylock.toml").lock == tmp_path / "pylock.toml"
    assert of_file(tmp_path, "", "pylock.gpu.toml").lock == tmp_path / "pylock.gpu.toml"

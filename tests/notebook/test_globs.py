"""Globs name what ``pathlib`` says, at a price that does not depend on how they are written."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jupyter_mltrain.errors import InvalidInput
from jupyter_mltrain.notebook.files import Root, included
from jupyter_mltrain.notebook.globs import MAX_GLOBS, MAX_LENGTH, Glob, parse_globs

NAMES = st.sampled_from(["a", "b", "ab", "a.c", "[x]"])
TREES = st.dictionaries(st.lists(NAMES, min_size=1, max_size=4).map("/".join), st.booleans(), max_size=12)
PARTS = st.sampled_from(["*", "**", "a", "b", "?", "[ab]", "[!a]*", "a*", "*.c", "[[]x]", "[x]", "."])
GLOBS = st.builds(
    lambda parts, end: "/".join(parts) + end, st.lists(PARTS, min_size=1, max_size=5), st.just("") | st.just("/")
)


def plant(root: Path, tree: dict[str, bool]) -> None:
    """Make files, and folders where the value is true; a path below a file is left out."""
    for path, is_folder in tree.items():
        try:
            (root / path).mkdir(parents=True, exist_ok=True) if is_folder else plant_file(root / path)
        except (FileExistsError, NotADirectoryError, IsADirectoryError):
            continue


def plant_file(path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("")


def by_pathlib(root: Path, pattern: str) -> Iterator[str]:
    matches = root.glob(pattern) if Path(pattern).parts else [root]
    for match in matches:
        for file in [match, *match.rglob("*")]:
            if file.is_file():
                yield file.relative_to(root).as_posix()


@given(TREES, st.lists(GLOBS, min_size=1, max_size=3))
def test_globs_name_what_pathlib_says(tree: dict[str, bool], globs: list[str]) -> None:
    with tempfile.TemporaryDirectory() as temporary:
        root = Path(temporary)
        plant(root, tree)
        files, findings = included(Root(root), globs, skip=root / "train.ipynb")
        expected = {glob: set(by_pathlib(root, glob)) for glob in globs}
        assert set(files) == set().union(*expected.values())
        assert len({finding.message for finding in findings}) <= sum(not files for files in expected.values())


@pytest.mark.parametrize(
    ("text", "parts", "folders_only"),
    [
        ("**/" * 300 + "zzz", ("**", "zzz"), False),
        ("a/**/**/b", ("a", "**", "b"), False),
        ("./a//./b/", ("a", "b"), True),
        ("a/**", ("a",), True),
        ("**/**", (), True),
        ("", (), False),
    ],
)
def test_globs_are_read_in_their_simplest_form(text: str, parts: tuple[str, ...], folders_only: bool) -> None:
    assert Glob.parse(text) == Glob(text, parts, folders_only)


@pytest.mark.parametrize(
    ("globs", "words"),
    [
        (["a" * 256], "a name of 256 bytes"),
        (["ü" * 128], "a name of 256 bytes"),
        (["a/" * 3000], "A glob of 6000 characters is too long"),
        (["a" * (MAX_LENGTH + 1)], "is too long"),
        ([f"{number}.csv" for number in range(MAX_GLOBS + 1)], "globs are too many"),
        (["a**b"], "'**' stands for folders"),
    ],
)
def test_globs_that_name_no_path_are_refused(globs: list[str], words: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        parse_globs(globs)
    error = caught.value
    assert words in error.message
    assert len(error.message) < 200
    assert error.hint
    assert error.details["field"] == "include"


def test_globs_at_the_limit_are_read(tmp_path: Path) -> None:
    plant(tmp_path, {"a" * 255: False, "/".join("a" * 60): False})
    globs = ["a" * 255, "a/" * 59 + "a", "a/" * 400, *(f"{number}" for number in range(MAX_GLOBS - 3))]
    assert len(included(Root(tmp_path), globs, skip=tmp_path / "x")[0]) == 2

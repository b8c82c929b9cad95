"""System packages: the forms in which notebooks ask for them, and what no image can be built from."""

import subprocess
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jupyter_mltrain.model.findings import Finding, Severity
from jupyter_mltrain.notebook import freeze
from jupyter_mltrain.notebook.apt import PACKAGE, SystemPackage, system_packages
from jupyter_mltrain.notebook.pins import Requirements
from jupyter_mltrain.notebook.program import Program
from jupyter_mltrain.notebook.read import Cell
from jupyter_mltrain.notebook.source import parse


def asked(*sources: str) -> tuple[list[SystemPackage], list[Finding]]:
    cells = {index: Cell("x", "code", source) for index, source in enumerate(sources)}
    return system_packages(cells, {index: parse(source) for index, source in enumerate(sources)})


def names(*sources: str) -> list[str]:
    return [str(package) for package in asked(*sources)[0]]


@pytest.mark.parametrize(
    "source",
    [
        "# mltrain: apt ffmpeg libsndfile1",
        "  #mltrain:apt ffmpeg, libsndfile1  # for the sound",
        "!apt-get install ffmpeg libsndfile1",
        "!apt install -y ffmpeg libsndfile1",
        "!sudo apt-get -qq install ffmpeg libsndfile1",
        "!sudo -E DEBIAN_FRONTEND=noninteractive /usr/bin/apt-get -o Dpkg::Use-Pty=0 install -qq ffmpeg libsndfile1",
        "!apt-get update && apt-get install -y --no-install-recommends ffmpeg libsndfile1",
        "!apt-get update -qq; apt-get install -y -t bookworm-backports ffmpeg libsndfile1 > /dev/null 2>&1",
        "!(apt-get update; apt-get install -y ffmpeg libsndfile1)",
        "!yes | apt-get install ffmpeg libsndfile1 >/dev/null || true",
        "!!apt-get install -y ffmpeg libsndfile1",
        "%system apt-get install -y ffmpeg libsndfile1",
        "log = !apt-get install -y ffmpeg libsndfile1",
        "if True:\n    !apt-get install -y ffmpeg libsndfile1",
        "%%bash\napt-get update\napt-get install -y \\\n  ffmpeg \\\n  libsndfile1",
        "%%sh\nif ! which ffmpeg; then apt-get install -y ffmpeg libsndfile1; fi",
        "%%capture\n!apt-get install -y ffmpeg libsndfile1",
    ],
)
def test_the_forms_that_notebooks_have(source: str) -> None:
    assert names(source) == ["ffmpeg", "libsndfile1"]


@pytest.mark.parametrize(
    "source",
    [
        "!apt-get update",
        "!apt list --installed",
        "!echo apt-get install ffmpeg",
        "!apt-get remove ffmpeg",
        "# apt-get install ffmpeg",
        "# mltrain: aptitude ffmpeg",
        "x = 'apt-get install ffmpeg'",
        "%pip install ffmpeg",
    ],
)
def test_other_lines_ask_for_nothing(source: str) -> None:
    assert asked(source) == ([], [])


@pytest.mark.parametrize(
    ("source", "words"),
    [
        ("!apt-get install -y $PACKAGES", "'$PACKAGES', which is known only when it runs"),
        ("!apt-get install -y {package}", "'{package}', which is known only when it runs"),
        ("!apt-get install -y ./tool.deb", "'./tool.deb', which is a file"),
        ("!apt-get install -y vim-", "'vim-', which is no name of a Debian package"),
        ("# mltrain: apt Ffmpeg;reboot", "'Ffmpeg;reboot', which is no name of a Debian package"),
        ("# mltrain: apt --allow-unauthenticated", "which is no name of a Debian package"),
        ("!dpkg -i tool.deb", "installs a .deb file"),
        ("!add-apt-repository -y ppa:x/y", "adds a source of packages"),
        ("!apt-get build-dep -y python3", "asks for what a package is built with"),
        ("!yum install -y ffmpeg", "installs with yum"),
        ("!sudo apk add ffmpeg", "installs with apk"),
    ],
)
def test_what_no_image_can_be_built_from_is_a_finding(source: str, words: str) -> None:
    packages, [finding] = asked("1", source)
    assert packages == []
    assert words in finding.message
    assert (finding.code, finding.where) == ("system-unclear", {"cell": 1, "line": 1})


def test_packages_come_in_order_and_once_with_their_places() -> None:
    packages, findings = asked(
        "x = 1\n# mltrain: apt bb aa", "!apt-get install aa=1:2.0-3~deb12u1", "!apt install aa=9 bb"
    )
    assert [str(package) for package in packages] == ["bb", "aa=1:2.0-3~deb12u1"]
    assert packages[1].where == {"cell": 0, "line": 2}
    assert [finding.code for finding in findings] == ["system-differs", "system-packages"]
    assert findings[0].where == {"cell": 2, "line": 1}


@pytest.mark.parametrize(("source", "stops"), [("!apt-get install -y a1", False), ("%%bash\napt install a1", True)])
def test_a_cell_that_would_end_the_run_in_a_container_is_named(source: str, stops: bool) -> None:
    findings = asked(source)[1]
    assert findings[0].severity is Severity.INFO
    assert [finding.code for finding in findings[1:]] == (["system-install-fails"] if stops else [])


@given(st.text(max_size=12))
def test_nothing_that_a_shell_would_interpret_is_a_package(word: str) -> None:
    if PACKAGE.fullmatch(word):
        quoted = subprocess.list2cmdline([word])
        assert quoted == word
        assert not set(word) & set(" \t\n$`'\"\\;&|<>(){}[]*?!#/,%@")
        assert not word.startswith("-")


def test_a_program_freezes_what_is_asked_for(write: Any, bare_python: str, tmp_path: Path) -> None:
    plain = freeze(write("x = 1"), python=bare_python).program
    program = freeze(write("# mltrain: apt zlib1g ffmpeg\nx = 1"), python=bare_python).program
    assert program.requirements.system == ("ffmpeg", "zlib1g")
    assert Program.from_dict(program.to_dict()).digest == program.digest
    assert "system" not in plain.to_dict()["requirements"], "programs without any keep their digests"
    assert Requirements.from_dict(plain.requirements.to_dict()) == plain.requirements

"""``mltrain export --dockerfile``: it describes the image that ``mltrain build`` makes with the same options."""

import json
import os
import re
import sys
from pathlib import Path
from typing import Any

import pytest

from jupyter_mltrain.image import oci
from tests.image.base_image import write_layout
from tests.image.building import BASE, Workshop, base_tar, both_bases, workshop
from tests.image.package_index import package_index
from tests.support import write_notebook

__all__ = ["workshop"]

KEY = "AKIAIOSFODNN7ABCDEFG"  # as AWS writes them, of nobody


def exported(workshop: Workshop, notebook: Path, *options: object, code: int = 0) -> Path:
    """Export into a folder; return it."""
    folder = workshop.folder / "exported"
    done = workshop.mltrain.run("export", notebook, "--dockerfile", "-o", folder, *options, code=code)
    assert done.stdout == (f"{folder}\n" if code == 0 else "")
    return folder


def refused(workshop: Workshop, notebook: Path, *options: object) -> tuple[str, str]:
    """Export what cannot be exported; return message and hint."""
    done = workshop.mltrain.run("export", notebook, *options, "--json", code=2)
    assert done.stdout == ""
    error = json.loads(done.stderr)["error"]
    return error["message"], error["hint"]


def described(folder: Path) -> dict[str, Any]:
    """Return what an exported folder says of its image, as the plan of a build has it."""
    text = (folder / "Dockerfile").read_text()
    lines = (folder / "requirements.txt").read_text().splitlines()
    packages = [re.match(r"(\S+)(?:==| @ \S*/[^-/]+-)([^-\s]+)", line) for line in lines]
    return {
        "platform": re.findall(r"locked for (\S+) and", text)[0],
        "base_digest": re.findall(r'image\.base\.digest="(.*)"', text)[0],
        "lock": re.findall(r'mltrain/lock="(.*)"', text)[0],
        "program": re.findall(r'^ENV MLTRAIN_PROGRAM="(.*)"', text, re.MULTILINE)[0],
        "packages": [" ".join(match.groups()) for match in packages if match],
    }


def planned(workshop: Workshop, notebook: Path, *options: object) -> dict[str, Any]:
    """Return what a build with the options would do."""
    plan = json.loads(workshop.mltrain.run("build", notebook, "--dry-run", *options, "--json").stdout)
    said = {**plan["platforms"][0], "program": plan["program"]}
    return {name: said[name] for name in ("platform", "base_digest", "lock", "program", "packages")}


# --- the options of a build


def test_the_packages_of_a_file(workshop: Workshop) -> None:
    notebook = workshop.notebook(requirements="gamma<3\n")
    options = ("--environment", "requirements.txt")
    folder = exported(workshop, notebook, *options)
    assert f"gamma==2.0 --hash=sha256:{workshop.index.sha256('gamma-2.0-py3-none-any.whl')}" in (
        folder / "requirements.txt"
    ).read_text().split("\n")
    assert "alpha" not in (folder / "requirements.txt").read_text()
    assert described(folder) == planned(workshop, notebook, *options)


def test_an_index_that_the_file_names_is_where_docker_looks(workshop: Workshop) -> None:
    with package_index() as other:
        other.wheel("delta", "3.0")
        notebook = workshop.notebook(requirements=f"--extra-index-url {other.url_with('me:pa55word')}\ndelta\n")
        folder = exported(workshop, notebook, "--environment", "requirements.txt")
        text = (folder / "Dockerfile").read_text()
        assert f'\nARG PIP_INDEX_URL\nARG PIP_EXTRA_INDEX_URL="{other.url}"\n' in text
        assert "delta==3.0 --hash" in (folder / "requirements.txt").read_text()
        for path in folder.rglob("*"):
            assert path.is_symlink() or path.is_dir() or b"pa55word" not in path.read_bytes()


def test_another_base(workshop: Workshop, tmp_path: Path) -> None:
    other = write_layout(tmp_path / "other", [base_tar("3.11.8")])
    other.push(f"{workshop.registry.host}/team/base:1")
    notebook = workshop.notebook()
    options = ("--environment", "requirements.txt", "--base", f"{workshop.registry.host}/team/base:1")
    folder = exported(workshop, notebook, *options)
    assert f"ARG BASE={workshop.registry.host}/team/base:1@{other.digest}\n" in (folder / "Dockerfile").read_text()
    assert described(folder) == planned(workshop, notebook, *options)


def test_a_base_of_this_machine_is_to_be_named(workshop: Workshop) -> None:
    base = f"oci:{workshop.base.folder}"
    options = ("--environment", "requirements.txt", "--base", base)
    assert "\nARG BASE\n" in (exported(workshop, workshop.notebook(), *options) / "Dockerfile").read_text()


def test_another_platform(workshop: Workshop, tmp_path: Path) -> None:
    workshop.index.wheel("native", "1.0", tag="cp311-cp311-manylinux_2_17_x86_64")
    arm = workshop.index.wheel("native", "1.0", tag="cp311-cp311-manylinux_2_17_aarch64", size=1)
    both_bases(tmp_path / "bases").push(f"{workshop.registry.host}/{BASE}")
    notebook = workshop.notebook(requirements="native\n")
    options = ("--environment", "requirements.txt", "--platform", "linux/arm64")
    folder = exported(workshop, notebook, *options)
    assert "#   docker build --platform linux/arm64 -t train .\n" in (folder / "Dockerfile").read_text()
    assert f"native==1.0 --hash=sha256:{workshop.index.sha256(arm)}" in (folder / "requirements.txt").read_text()
    assert described(folder) == planned(workshop, notebook, *options)


def test_several_platforms_need_several_files(workshop: Workshop) -> None:
    options = ("--dockerfile", "--platform", "linux/amd64", "--platform", "linux/arm64")
    message, hint = refused(workshop, workshop.notebook(), *options)
    assert "one platform" in message
    assert "mltrain build" in hint


def test_framework_and_gpu_choose_the_base(workshop: Workshop, tmp_path: Path) -> None:
    other = write_layout(tmp_path / "other", [base_tar("3.11.8")])
    other.push(f"{workshop.registry.host}/team/cuda:1")
    workshop.settings(bases={"pytorch-gpu": f"{workshop.registry.host}/team/cuda:1"})
    notebook = workshop.notebook()
    options = ("--environment", "requirements.txt", "--framework", "pytorch", "--gpu", "1")
    folder = exported(workshop, notebook, *options)
    assert f"ARG BASE={workshop.registry.host}/team/cuda:1@{other.digest}\n" in (folder / "Dockerfile").read_text()
    assert 'NVIDIA_VISIBLE_DEVICES="all"' in (folder / "Dockerfile").read_text()
    assert described(folder) == planned(workshop, notebook, *options)


def test_data_files_and_the_root(workshop: Workshop) -> None:
    notebook = workshop.folder / "below" / "train.ipynb"
    notebook.parent.mkdir()
    write_notebook(notebook, "print(1)")
    (workshop.folder / "requirements.txt").write_text("alpha\n")
    (workshop.folder / "below" / "data.csv").write_text("1,2\n")
    options = ("--environment", "requirements.txt", "--root", workshop.folder, "--include", "below/*.csv")
    folder = exported(workshop, notebook, *options)
    assert [path.read_text() for path in folder.rglob("data.csv")] == ["1,2\n"]
    assert described(folder) == planned(workshop, notebook, *options)


def test_the_interpreter_whose_packages_count(workshop: Workshop, tmp_path: Path) -> None:
    site = tmp_path / "site"
    (site / "alpha-1.0.dist-info").mkdir(parents=True)
    (site / "alpha-1.0.dist-info" / "METADATA").write_text("Metadata-Version: 2.1\nName: alpha\nVersion: 1.0\n")
    (site / "alpha-1.0.dist-info" / "RECORD").write_text("alpha.py,,\n")
    (site / "alpha.py").write_text("")
    python = tmp_path / "python"
    python.write_text(f'#!/bin/sh\nPYTHONPATH={site} exec {sys.executable} "$@"\n')
    python.chmod(0o755)
    notebook = write_notebook(workshop.folder / "train.ipynb", "import alpha")
    workshop.index.wheel("alpha", "2.0")
    options = ("--python", python)
    folder = exported(workshop, notebook, *options)
    assert "alpha 1.0" in described(folder)["packages"]
    assert described(folder) == planned(workshop, notebook, *options)


def test_a_tag_is_looked_up_again(workshop: Workshop, tmp_path: Path) -> None:
    notebook = workshop.notebook()
    options = ("--environment", "requirements.txt")
    before = described(exported(workshop, notebook, *options))
    other = write_layout(tmp_path / "other", [base_tar("3.11.8")])
    other.push(f"{workshop.registry.host}/{BASE}")
    assert described(exported(workshop, notebook, *options)) == before
    after = described(exported(workshop, notebook, *options, "--refresh"))
    assert after["base_digest"] == other.digest != before["base_digest"]


# --- what is refused


@pytest.mark.parametrize("options", [("--dockerfile", "--base", ""), ("--base", "")])
def test_an_empty_base_is_no_base(workshop: Workshop, options: tuple[str, ...]) -> None:
    assert refused(workshop, workshop.notebook(), *options)[0].startswith("--base has ")


@pytest.mark.parametrize("what", ["script", "manifest", "program"])
@pytest.mark.parametrize(
    "options",
    [
        ("--base", "python:3.12"),
        ("--platform", "linux/arm64"),
        ("--environment", "requirements.txt"),
        ("--refresh",),
        ("--force",),
    ],
    ids=lambda options: options[0],
)
def test_options_of_the_dockerfile_are_refused_elsewhere(
    workshop: Workshop, what: str, options: tuple[str, ...]
) -> None:
    notebook, target = workshop.notebook(), workshop.folder / "target"
    message, hint = refused(workshop, notebook, f"--{what}", "-o", target, *options)
    assert message == f"{options[0]} has no effect on a {what}."
    assert "--dockerfile" in hint
    assert not target.exists()


def test_nothing_is_written_of_a_likely_secret_unless_it_is_forced(workshop: Workshop) -> None:
    notebook = workshop.notebook(f'key = "{KEY}"')
    before = sorted(workshop.folder.rglob("*"))
    options = ("--dockerfile", "-o", workshop.folder / "exported", "--environment", "requirements.txt")
    message, hint = refused(workshop, notebook, *options)
    assert "No Dockerfile was written of train: cell 1, line 1: This line looks like it holds a secret" in message
    assert "--force" in hint
    assert KEY not in message + hint
    assert sorted(workshop.folder.rglob("*")) == before
    assert workshop.fetched() == []

    done = workshop.mltrain.run("export", notebook, *options, "--force")
    assert "looks like it holds a secret" in done.stderr
    (program,) = (workshop.folder / "exported").rglob("program.json")
    assert KEY in program.read_text()
    assert oci.digest_of(program.read_bytes()) == described(workshop.folder / "exported")["program"]


def test_an_older_folder_stays_where_a_secret_came_in(workshop: Workshop) -> None:
    options = ("--environment", "requirements.txt")
    folder = exported(workshop, workshop.notebook(), *options)
    before = {path: os.lstat(path).st_mtime_ns for path in folder.rglob("*")}
    exported(workshop, workshop.notebook(f'key = "{KEY}"'), *options, code=2)
    assert {path: os.lstat(path).st_mtime_ns for path in folder.rglob("*")} == before


def test_the_text_alone_is_shown_with_the_finding(workshop: Workshop) -> None:
    notebook = workshop.notebook(f'key = "{KEY}"')
    command = ("export", notebook, "--dockerfile", "--environment", "requirements.txt")
    done = workshop.mltrain.run(*command, code=2)
    assert "ENTRYPOINT" in done.stdout
    assert "looks like it holds a secret" in done.stderr
    assert KEY not in done.stdout + done.stderr
    assert workshop.mltrain.run(*command, "--force").stdout == done.stdout


def test_the_help_says_what_is_for_a_dockerfile_only(workshop: Workshop) -> None:
    text = " ".join(workshop.mltrain.run("export", "--help").stdout.split())
    for option in ("--platform OS/ARCH", "--base IMAGE", "--environment FILE", "--refresh", "--force"):
        assert f" {option} With --dockerfile: " in text

"""``mltrain build`` where no image can be made: each time its own sentence, what to do, and the right exit code."""

import json
import os
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.image import base_files as files
from tests.image.base_image import tar, write_layout
from tests.image.building import Workshop, base_tar, workshop_in
from tests.image.package_index import make_sdist, project_files


@pytest.fixture(scope="module")
def workshop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Workshop]:
    """One for all: nothing of what is tried here leaves anything."""
    with workshop_in(tmp_path_factory.mktemp("workshop")) as found:
        index = found.index
        index.wheel("elsewhere", "1.0", tag="cp311-cp311-win_amd64")
        index.wheel("left", "1.0", requires=["alpha<1"])
        index.wheel("muslonly", "1.0", tag="cp311-cp311-musllinux_1_2_x86_64")
        index.wheel("newer", "1.0", python=">=3.12")
        index.add(make_sdist("broken", "1.0", project_files("broken", "1.0", fails=True)))
        yield found


@pytest.fixture(autouse=True)
def settings(workshop: Workshop) -> None:
    workshop.settings()


# --- packages


@pytest.mark.parametrize(
    ("requirements", "said", "hint"),
    [
        ("elsewhere", "win_amd64", "There is no wheel for the image's platform"),
        ("muslonly", "musllinux", "There is no wheel for the image's platform"),
        ("alpha==1.0\nleft", "left depend on alpha<1", "contradict each other"),
        ("no-such-package", "no-such-package was not found in the package registry", "Check the name"),
        ("alpha==7", "there is no version of alpha==7", "Take a version that the index has."),
        ("newer", "requires Python >=3.12", "another Python"),
        ("broken", "the compiler says: error 42", "Take a version that has a wheel"),
        ("alpha ==", "Couldn't parse requirement in the requirements", "as pip does"),
        ("-r /etc/passwd", "requirements.txt", "root"),
    ],
)
def test_packages_that_cannot_be_had(workshop: Workshop, requirements: str, said: str, hint: str) -> None:
    notebook = workshop.notebook(requirements=requirements + "\n")
    _, message, found = workshop.refused(notebook)
    assert said in message
    assert hint in found
    assert str(workshop.folder) not in message
    assert "/tmp/" not in message


def test_an_index_that_is_down_or_closed(workshop: Workshop) -> None:
    notebook = workshop.notebook(requirements="gamma\n")
    down = {**workshop.fresh(), "UV_DEFAULT_INDEX": "http://127.0.0.1:9/simple"}
    code, message, _ = workshop.refused(notebook, env=down, code=3)
    assert code == "index-unreachable"
    assert "does not answer" in message
    workshop.index.login = "me:pass"
    try:
        code, message, hint = workshop.refused(notebook, env=workshop.fresh(), code=3)
    finally:
        workshop.index.login = ""
    assert code == "index-unauthorised"
    assert "login" in hint


def test_a_package_that_is_another_than_was_locked(workshop: Workshop) -> None:
    workshop.index.wheel("shaky", "1.0")
    notebook = workshop.notebook(requirements="shaky\n")
    plan = workshop.build(notebook, "--dry-run")
    assert "shaky 1.0" in plan["platforms"][0]["packages"]
    workshop.index.wheel("shaky", "1.0", size=10)
    code, message, _ = workshop.refused(notebook, code=3)
    assert code == "index-digest"
    assert "shaky-1.0-py3-none-any.whl is not the file that was locked" in message


# --- base images


def test_a_base_image_that_is_missing(workshop: Workshop) -> None:
    host = workshop.registry.host
    code, message, hint = workshop.refused(workshop.notebook(), "--base", f"{host}/library/none:1", code=3)
    assert code == "registry-not-found"
    assert "library/none:1" in message
    assert hint
    assert (
        workshop.refused(workshop.notebook(), "--base", f"{host}/library/python@sha256:{'0' * 64}", code=3)[0] == code
    )


@pytest.mark.parametrize(
    ("layer", "said"),
    [
        (tar({**files.glibc(), "bin/sh": b""}), "Python"),
        (tar({**files.glibc(), **files.python(version="3.9.2")}), "3.9"),
        (b"no tar at all" * 100, "layer"),
    ],
)
def test_a_base_image_that_cannot_be_built_upon(workshop: Workshop, tmp_path: Path, layer: bytes, said: str) -> None:
    base = write_layout(tmp_path / "base", [layer])
    code, message, hint = workshop.refused(workshop.notebook(), "--base", base.name)
    assert code == "image"
    assert said in message + hint
    assert hint


def test_musl_takes_no_wheels_of_glibc(workshop: Workshop, tmp_path: Path) -> None:
    workshop.index.wheel("glibconly", "1.0", tag="cp311-cp311-manylinux_2_17_x86_64")
    base = write_layout(tmp_path / "base", [tar({**files.musl(), **files.python(loader=files.MUSL)})])
    notebook = workshop.notebook(requirements="glibconly\n")
    code, _, hint = workshop.refused(notebook, "--base", base.name)
    assert code == "resolution"
    assert "no wheel for the image's platform" in hint
    assert workshop.build(workshop.notebook(requirements="alpha\n"), "--base", base.name)["digest"]


def test_a_base_image_of_another_architecture(workshop: Workshop) -> None:
    notebook = workshop.notebook()
    workshop.build(notebook, "--platform", "linux/amd64")  # so that the image is known
    code, message, hint = workshop.refused(notebook, "--platform", "linux/arm64")
    assert code == "image"
    assert "linux/arm64" in message
    assert hint


@pytest.mark.parametrize(
    ("base", "said"),
    [
        ("NOT A NAME", "NOT A NAME"),
        ("oci:/nowhere/at/all", "/nowhere/at/all"),
        ("oci-archive:/nowhere.tar:x", "/nowhere.tar"),
        ("oci:", "is not an OCI image layout"),
    ],
)
def test_names_that_are_no_base_image(workshop: Workshop, base: str, said: str) -> None:
    _, message, _ = workshop.refused(workshop.notebook(), "--base", base)
    assert said in message


# --- options


@pytest.mark.parametrize(
    ("target", "said"),
    [
        ("localhost:5000/me/x@sha256:" + "0" * 64, "its digest follows from what is in it"),
        ("localhost:5000/ME/x", "ME/x"),
        ("localhost:5000/me/x:a tag", "a tag"),
        ("localhost:99999/me/x", "99999"),
        ("http://localhost:5000/me/x", "http://"),
        ("localhost:5000/" + "x" * 300, "xxx"),
        ("localhost:5000/me/x:" + "t" * 129, "ttt"),
        ("bücher.example/me/x", "bücher"),
        ("localhost:5000/../x", ".."),
        ("localhost:5000", "localhost:5000"),
    ],
)
def test_targets_that_are_no_repository(workshop: Workshop, target: str, said: str) -> None:
    _, message, _ = workshop.refused(workshop.notebook(), "--push", target)
    assert said in message


@pytest.mark.parametrize("option", ["--push", "--base"])
@pytest.mark.parametrize(
    "name", ["bob:hunter2@localhost:5000/me/x", "https://bob:hunter2@host/x", "bob:hunter2@host/x:1"]
)
def test_a_login_in_a_name_is_not_repeated(workshop: Workshop, option: str, name: str) -> None:
    done = workshop.run(workshop.notebook(), option, name, code=2)
    assert "holds no login" in done.stderr
    assert "hunter2" not in done.stdout + done.stderr


@pytest.mark.parametrize("kind", ["folder", "no parent"])
def test_where_the_sbom_cannot_be_nothing_is_pushed(workshop: Workshop, tmp_path: Path, kind: str) -> None:
    target = {"folder": tmp_path, "no parent": tmp_path / "none" / "sbom.json"}[kind]
    error = workshop.push(workshop.notebook(), "--sbom", target, code=2)
    assert error["details"]["field"] == "sbom"
    assert not (workshop.registry.storage / "docker/registry/v2/repositories/me").exists()


def test_push_without_a_name_needs_the_settings(workshop: Workshop) -> None:
    _, message, hint = workshop.refused(workshop.notebook(), "--push")
    assert "no repository" in message
    assert "image.toml" in hint


@pytest.mark.parametrize("option", ["--push", "--base"])
def test_an_empty_name_is_no_name(workshop: Workshop, option: str) -> None:
    """As where a variable of the shell is not set: an image that was to be pushed must not stay here unnoticed."""
    assert workshop.refused(workshop.notebook(), option, "")[1] == f"{option} has an empty value."


@pytest.mark.parametrize(
    ("platform", "said"),
    [("amiga", "amiga"), ("windows/amd64", "'windows/amd64' is not a platform"), ("", "is not a platform")],
)
def test_platforms_that_are_none(workshop: Workshop, platform: str, said: str) -> None:
    _, message, _ = workshop.refused(workshop.notebook(), "--platform", platform)
    assert said in message


@pytest.mark.parametrize("option", ["--environment", "--root", "--compression", "--builder", "--framework"])
def test_values_that_options_do_not_take(workshop: Workshop, option: str) -> None:
    error = workshop.build(workshop.notebook(), option, "/no/such/thing", code=2)
    assert error["code"] == "usage"
    assert option in error["message"]


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("pyproject.toml", "[project", "pyproject.toml cannot be read"),
        ("pyproject.toml", "[tool.x]\na = 1", "no [project]"),
        ("pylock.toml", "lock-version = '1.0'", "pylock.toml"),
        ("pylock.toml", "not toml", "pylock.toml"),
        ("environment.yml", "dependencies: {a: b}", "environment.yml"),
        ("environment.yml", ":\n  - [", "environment.yml"),
        ("other.txt", "a b c", "a b c"),
        ("other.txt", "\x00\x01", "the start of a requirement: the requirements:1:1"),
    ],
)
def test_environments_that_cannot_be_read(workshop: Workshop, name: str, content: str, said: str) -> None:
    notebook = workshop.notebook()
    (workshop.folder / name).write_text(content)
    _, message, _ = workshop.refused(notebook, "--environment", str(workshop.folder / name))
    assert said in message


def test_an_environment_outside_of_the_root(workshop: Workshop, tmp_path: Path) -> None:
    (tmp_path / "requirements.txt").write_text("alpha\n")
    _, message, hint = workshop.refused(workshop.notebook(), "--environment", str(tmp_path / "requirements.txt"))
    assert "leads out of the notebook's folder" in message
    assert "root" in hint
    assert str(tmp_path) not in message


@pytest.mark.parametrize("kind", ["file", "full folder", "folder for a file", "no parent"])
def test_outputs_that_are_something_else(workshop: Workshop, tmp_path: Path, kind: str) -> None:
    output = {
        "file": tmp_path / "file",
        "full folder": tmp_path / "full",
        "folder for a file": tmp_path / "folder.tar",
        "no parent": tmp_path / "file" / "below",
    }[kind]
    (tmp_path / "file").write_text("mine")
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "mine").write_text("mine")
    (tmp_path / "folder.tar").mkdir()
    code = 3 if kind == "no parent" else 2
    _, message, _ = workshop.refused(workshop.notebook(), "--output", output, code=code)
    assert output.name in message or "file" in message
    assert (tmp_path / "file").read_text() == "mine"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["file", "folder.tar", "full"]
    assert [path.name for path in (tmp_path / "full").iterdir()] == ["mine"]


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("bases = 1", "bases is no table of images"),
        ("colour = 'red'", "'colour' is no setting for images"),
        ("[", "cannot be read"),
        ("compression = 'lzma'", "compression is not one of zstd, gzip"),
        ("[bases]\ndefault = 'A B'", "A B"),
    ],
)
def test_settings_that_are_wrong(workshop: Workshop, content: str, said: str) -> None:
    Path(workshop.mltrain.env["MLTRAIN_IMAGE_CONFIG"]).write_text(content)
    assert said in workshop.refused(workshop.notebook())[1]
    Path(workshop.mltrain.env["MLTRAIN_IMAGE_CONFIG"]).unlink()
    _, message, hint = workshop.refused(workshop.notebook())
    assert "not there" in message
    assert "MLTRAIN_IMAGE_CONFIG" in hint


def test_system_packages_need_buildah(workshop: Workshop) -> None:
    notebook = workshop.notebook("# mltrain: apt graphviz\nprint(1)")
    _, message, hint = workshop.refused(notebook, "--builder", "direct")
    assert "graphviz" in message
    assert "buildah" in hint


# --- notebooks


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("", "is an empty file"),
        ("{", "is not valid JSON"),
        ('{"nbformat": 4, "nbformat_minor": 5, "metadata": {}, "cells": []}', "has no code"),
        ("print('a script')", "is not valid JSON"),
    ],
)
def test_notebooks_that_are_none(workshop: Workshop, content: str, said: str) -> None:
    notebook = workshop.notebook(name="odd.ipynb")
    notebook.write_text(content)
    code, message, _ = workshop.refused(notebook)
    assert code == "notebook"
    assert said in message


def test_a_notebook_of_another_language(workshop: Workshop) -> None:
    notebook = workshop.notebook("cat('hello')", name="r.ipynb")
    document = json.loads(notebook.read_text())
    document["metadata"] = {
        "kernelspec": {"name": "ir", "display_name": "R", "language": "R"},
        "language_info": {"name": "R"},
    }
    notebook.write_text(json.dumps(document))
    code, message, _ = workshop.refused(notebook)
    assert code == "notebook"
    assert "R" in message


def test_a_notebook_that_is_not_there(workshop: Workshop) -> None:
    notebook = workshop.notebook()
    workshop.refused(notebook.with_name("nothing.ipynb"), code=3)
    assert "folder" in workshop.refused(workshop.folder)[1]


def test_a_file_of_5_gb_is_not_shipped(workshop: Workshop) -> None:
    folder = workshop.folder / "large"
    folder.mkdir(exist_ok=True)
    (folder / "requirements.txt").write_text("alpha\n")
    notebook = workshop.notebook(name="large/train.ipynb")
    with (folder / "data.csv").open("wb") as file:
        os.truncate(file.fileno(), 5 << 30)
    _, message, hint = workshop.refused(notebook, "--include", "*.csv")
    assert "data.csv" in message
    assert re.search(r"5(\.\d)? ?Gi?B", message), message
    assert hint


# --- without --json


def test_errors_are_two_plain_lines(workshop: Workshop) -> None:
    done = workshop.run(workshop.notebook(requirements="no-such-package\n"), code=2)
    assert done.stdout == ""
    assert "no-such-package was not found" in done.stderr
    assert "Check the name" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_base_for_both_kinds_of_errors(workshop: Workshop, tmp_path: Path) -> None:
    """What a plan refuses, a build refuses with the same words."""
    base = write_layout(tmp_path / "base", [tar({**files.glibc()})])
    notebook = workshop.notebook()
    assert workshop.refused(notebook, "--base", base.name) == workshop.refused(
        notebook, "--base", base.name, "--dry-run"
    )
    other = write_layout(tmp_path / "good", [base_tar()])
    assert workshop.build(notebook, "--base", other.name)["digest"]

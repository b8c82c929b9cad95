"""Which commit an image tells: that of its files."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from tests.image.building import Workshop, workshop

__all__ = ["workshop"]
REVISION = "org.opencontainers.image.revision"


@pytest.fixture
def git(workshop: Workshop) -> Path:
    folder = workshop.notebook().parent
    run(folder, "init", "-q")
    run(folder, "config", "user.email", "me@example.com")
    run(folder, "config", "user.name", "Somebody Famous")
    return folder


def run(folder: Path, *arguments: str) -> str:
    return subprocess.run(["git", *arguments], cwd=folder, check=True, capture_output=True, text=True).stdout.strip()


def commit(folder: Path, *files: str) -> str:
    run(folder, "add", *files)
    run(folder, "commit", "-q", "-m", "change")
    return run(folder, "rev-parse", "HEAD")


def test_a_commit_of_other_files_makes_no_other_image(workshop: Workshop, git: Path) -> None:
    notebook = workshop.notebook("import lib")
    (git / "lib.py").write_text("x = 1\n")
    first = commit(git, notebook.name, "lib.py", "requirements.txt")
    built = workshop.push(notebook)
    assert workshop.manifest(built["digest"])["annotations"][REVISION] == first
    (git / "README").write_text("other")
    commit(git, "README")
    assert workshop.push(notebook)["digest"] == built["digest"]
    (git / "lib.py").write_text("x = 2\n")
    dirty = workshop.push(notebook)
    assert workshop.manifest(dirty["digest"])["annotations"][REVISION] == f"{first}-dirty"
    third = commit(git, "lib.py")
    clean = workshop.push(notebook)
    assert workshop.manifest(clean["digest"])["annotations"][REVISION] == third


def test_a_notebook_that_no_commit_has_tells_none(workshop: Workshop, git: Path) -> None:
    (git / "README").write_text("other")
    commit(git, "README")
    built = workshop.push(workshop.notebook())
    assert REVISION not in workshop.manifest(built["digest"])["annotations"]

"""Wheels of real projects: the same files as pip gives."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tarfile
from importlib.metadata import version
from pathlib import Path

import pytest
import zstandard

from jupyter_mltrain.image.layer import LayerWriter
from jupyter_mltrain.image.venv import Venv
from jupyter_mltrain.image.wheel import add_wheel

# Headers; data and a kernelspec; scripts; compiled modules; data only.
PROJECTS = ("greenlet", "ipykernel", "jupyter-core", "psutil", "widgetsnbextension")
PYTHON = f"{sys.version_info.major}.{sys.version_info.minor}"

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with ``wheels``, and a ``venv`` that has pip."""
    folder = tmp_path_factory.mktemp("real")
    uv = shutil.which("uv", path=f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}")
    if uv is None:
        pytest.skip("no uv here")
    pinned = [f"{name}=={version(name)}" for name in PROJECTS]
    python = str(folder / "venv/bin/python")
    pip = [python, "-m", "pip", "--disable-pip-version-check", "download", "--no-deps", "--only-binary=:all:"]
    for command in (
        [uv, "venv", "--seed", "--python", sys.executable, str(folder / "venv")],
        [*pip, "--dest", str(folder / "wheels"), *pinned],
    ):
        done = subprocess.run(command, capture_output=True, text=True)
        if done.returncode:
            pytest.skip(f"wheels cannot be fetched here: {done.stderr.strip().splitlines()[-1]}")
    return folder


def wheels(folder: Path) -> list[Path]:
    found = sorted((folder / "wheels").iterdir())
    assert len(found) == len(PROJECTS)
    return found


def files(root: Path) -> dict[str, tuple[int, bytes]]:
    return {
        str(path.relative_to(root)): (path.stat().st_mode & 0o777, path.read_bytes())
        for path in root.rglob("*")
        if path.is_file() and not path.is_symlink()
    }


@pytest.fixture(scope="module")
def venv(folder: Path) -> Venv:
    """The environment, in which pip has installed the wheels, and a layer of them is unpacked in ``unpacked``."""
    venv = Venv(PYTHON, sys.executable, str(folder / "venv"))
    before = files(folder / "venv")
    with (folder / "layer").open("wb") as out:
        writer = LayerWriter(out, "zstd")
        for wheel in wheels(folder):
            add_wheel(writer, wheel, venv)
        writer.finish()
    with (folder / "layer").open("rb") as file:
        stream = zstandard.ZstdDecompressor().stream_reader(file)
        with tarfile.open(fileobj=stream, mode="r|") as archive:
            archive.extractall(folder / "unpacked", filter="fully_trusted")
    install = ["-m", "pip", "install", "--quiet", "--no-deps", "--no-compile", "--no-index", *map(str, wheels(folder))]
    subprocess.run([venv.executable, *install], check=True, umask=0o022)
    for path in before:
        (folder / "venv" / path).unlink()
    return venv


def test_the_same_files_as_pip_installs(folder: Path, venv: Venv) -> None:
    mine, pips = files(folder / "unpacked" / venv.path[1:]), files(folder / "venv")
    of_the_installer = ("/RECORD", "/INSTALLER", "/REQUESTED", "/direct_url.json")
    site = f"lib/python{PYTHON}/site-packages/"

    def comparable(tree: dict[str, tuple[int, bytes]]) -> dict[str, tuple[int, bytes]]:
        """Return a tree without what tells of its installation; of made scripts, the first line."""
        return {
            path: (mode, content.split(b"\n")[0] if path.startswith("bin/") else content)
            for path, (mode, content) in tree.items()
            if not path.endswith(of_the_installer)
        }

    assert comparable(mine) == comparable(pips)
    assert any(path.startswith(site) for path in mine)
    assert any(path.startswith("include/site/") for path in mine)
    assert any(path.startswith("share/jupyter/") for path in mine)
    assert "bin/jupyter" in mine


def test_record_lists_the_same_files_as_pips(folder: Path, venv: Venv) -> None:
    site = f"lib/python{PYTHON}/site-packages"
    mine = files(folder / "unpacked" / venv.path[1:] / site)
    for path, (_, content) in mine.items():
        if path.endswith("/RECORD"):
            pips = (folder / "venv" / site / path).read_text()

            def listed(record: str) -> set[str]:
                rows = (line.rpartition(",")[0].rpartition(",")[0] for line in record.splitlines())
                return {row for row in rows if not row.endswith(("REQUESTED", "direct_url.json", ".pyc"))}

            assert listed(content.decode()) == listed(pips)


def test_what_was_unpacked_can_be_imported(folder: Path, venv: Venv) -> None:
    site = folder / "unpacked" / venv.site_packages[1:]
    code = "import greenlet, psutil, jupyter_core, importlib.metadata as m; print(m.version('ipykernel'))"
    done = subprocess.run(
        [sys.executable, "-S", "-c", code], env={"PYTHONPATH": str(site)}, capture_output=True, text=True
    )
    assert done.stdout.strip() == version("ipykernel"), done.stderr

"""System packages on a base image, by a real buildah and Debian's mirrors."""

import io
import json
import os
import platform
import shutil
import signal
import subprocess
import sys
import tarfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
import zstandard

from jupyter_mltrain.errors import ImageError, NotInstalled, ResolutionError
from jupyter_mltrain.image import buildah
from jupyter_mltrain.image.blueprint import Payload
from jupyter_mltrain.image.build import Builder
from jupyter_mltrain.image.cache import Cache
from jupyter_mltrain.image.ground import Order
from jupyter_mltrain.image.layout import Layout as Reader
from jupyter_mltrain.image.oci import Platform
from jupyter_mltrain.image.progress import Progress
from jupyter_mltrain.image.settings import Settings
from jupyter_mltrain.image.sources import Wanted
from tests.image import base_image
from tests.image.runnable import podman_environment, program_of
from tests.support import Mltrain

needs_buildah = pytest.mark.skipif(
    not buildah.is_installed() or os.geteuid() != 0, reason="buildah is not installed, or this is not root"
)


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    """Where results are kept: nothing else may be left in it."""
    kept = tmp_path / "system packages"
    yield kept
    assert not list(kept.glob("*.work"))
    assert str(tmp_path) not in Path("/proc/mounts").read_text()


def layer_files(folder: Path, descriptor: dict[str, str]) -> dict[str, tarfile.TarInfo]:
    data = (folder / "blobs" / descriptor["digest"].replace(":", "/")).read_bytes()
    unpacked = zstandard.ZstdDecompressor().stream_reader(data).read()
    with tarfile.open(fileobj=io.BytesIO(unpacked)) as archive:
        return {info.name: info for info in archive}


@needs_buildah
@pytest.mark.slow
@pytest.mark.timeout(300)
def test_packages_become_one_more_layer_of_the_base(debian_base: base_image.Layout, folder: Path) -> None:
    said: list[Progress] = []
    assert buildah.kept(debian_base.digest, ["hello"], folder) is None
    made = buildah.add_packages(debian_base.folder, ["hello"], folder, report=said.append)
    manifest = json.loads(Reader(made).get_manifest()[1])
    below = debian_base.document()
    assert manifest["layers"][:-1] == below["layers"], "the base's layers are the very same blobs"
    files = layer_files(made, manifest["layers"][-1])
    assert "usr/bin/hello" in files
    assert not [name for name in files if name.endswith("pkgcache.bin") or "_Packages" in name]
    config = json.loads((made / "blobs" / manifest["config"]["digest"].replace(":", "/")).read_bytes())
    assert config["config"] == debian_base.document(below["config"]["digest"])["config"]
    assert any("Setting up hello" in progress.detail for progress in said)
    assert said[-1].state == "done"
    copied = subprocess.run(
        ["skopeo", "copy", f"oci:{made}:latest", f"dir:{folder / 'copy'}"], capture_output=True, text=True
    )
    assert copied.returncode == 0, copied.stderr

    said.clear()
    assert buildah.add_packages(debian_base.folder, ["hello", "hello"], folder, report=said.append) == made
    assert [progress.state for progress in said] == ["cached"]
    assert buildah.kept(debian_base.digest, ["hello"], folder) == made


@needs_buildah
@pytest.mark.slow
def test_an_unknown_package_is_named(debian_base: base_image.Layout, folder: Path) -> None:
    with pytest.raises(ResolutionError, match="no package 'no-such-package'") as caught:
        buildah.add_packages(debian_base.folder, ["no-such-package"], folder)
    assert caught.value.details == {"packages": ["no-such-package"]}
    with pytest.raises(ResolutionError, match="'hello'"):
        buildah.add_packages(debian_base.folder, ["hello=0.0-1"], folder)


@needs_buildah
def test_a_base_without_apt_is_refused(tmp_path: Path, folder: Path) -> None:
    bare = base_image.write_layout(tmp_path / "bare", [base_image.tar({"etc/passwd": b"root:x:0:0::/:/bin/sh\n"})])
    with pytest.raises(ImageError, match="has no apt-get"):
        buildah.add_packages(bare.folder, ["hello"], folder)


class Cancelled(Exception):
    pass


@needs_buildah
@pytest.mark.slow
def test_who_cancels_leaves_nothing_behind(debian_base: base_image.Layout, folder: Path) -> None:
    def report(progress: Progress) -> None:
        if progress.detail.startswith("Get:"):
            raise Cancelled

    with pytest.raises(Cancelled):
        buildah.add_packages(debian_base.folder, ["hello"], folder, report=report)
    assert processes_of(folder) == []


@needs_buildah
@pytest.mark.slow
def test_what_a_killed_build_left_is_removed_by_the_next(debian_base: base_image.Layout, folder: Path) -> None:
    script = (
        "import sys, pathlib; from jupyter_mltrain.image.buildah import add_packages\n"
        "add_packages(pathlib.Path(sys.argv[1]), ['hello'], pathlib.Path(sys.argv[2]),"
        " report=lambda progress: print(progress.detail, flush=True))"
    )
    command = [sys.executable, "-c", script, str(debian_base.folder), str(folder)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert any(line.startswith("Get:") for line in process.stdout)
        process.send_signal(signal.SIGKILL)
    assert list(folder.glob("*.work"))
    made = buildah.add_packages(debian_base.folder, ["hello"], folder)
    assert (made / "index.json").exists()


@needs_buildah
@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.skipif(not shutil.which("podman"), reason="podman is not installed")
def test_a_notebook_runs_on_a_base_with_packages(debian_base: base_image.Layout, tmp_path: Path) -> None:
    runs = program_of("import subprocess\nprint(subprocess.check_output(['hello'], text=True))")
    payload = Payload("train", "train.ipynb", "python3", runs.content, {}, "0.1.0")
    (tmp_path / "cwd").mkdir()
    order = Order(
        payload,
        f"oci:{debian_base.folder}:{debian_base.tag}",
        Wanted(tmp_path / "cwd"),
        (Platform.parse(platform.machine()),),
        system=("hello",),
    )
    with Builder(Cache(tmp_path / "cache"), Settings()) as builder:
        ground = builder.ground(order, order.platforms[0])
        first = builder.build(order, [ground], push=None, output=tmp_path / "image")
        bill = json.loads(builder.bill(order, ground))
    assert {"base", "hello"} <= {component["name"] for component in bill["components"]}
    assert ground.base.published.digest == debian_base.digest
    with Builder(Cache(tmp_path / "cache"), Settings()) as builder:
        again = builder.build(order, [builder.ground(order, order.platforms[0])], push=None, output=None)
        assert again.digest == first.digest
        with pytest.raises(ResolutionError, match="no-such-package-zz"):
            builder.ground(replace(order, system=("no-such-package-zz",)), order.platforms[0])
    mltrain = Mltrain(tmp_path / "home", tmp_path / "cwd")
    mltrain.env |= podman_environment(tmp_path / "podman")
    try:
        assert mltrain.json("run-image", tmp_path / "image", "--network", "none")["status"] == "succeeded"
        assert "Hello, world!" in (mltrain.cwd / "outputs" / "train.ipynb").read_text()
    finally:
        subprocess.run(["umount", str(tmp_path / "podman" / "storage" / "overlay")], capture_output=True)


def processes_of(folder: Path) -> list[str]:
    """Return the commands of processes that name a folder or work in it."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            command = (process / "cmdline").read_text().replace("\0", " ")
            if str(folder) in command or str(folder) in str((process / "cwd").readlink()):
                found.append(command)
        except OSError:
            continue
    return found


@pytest.mark.parametrize(
    "name", ["", "a", "Hello", "-y", "hello;reboot", "hello$(id)", "hello/sid", "vim-", "a b", "x\ny"]
)
def test_what_is_no_name_of_a_package_reaches_no_shell(name: str, tmp_path: Path) -> None:
    with pytest.raises(ResolutionError, match="no name of a Debian package"):
        buildah.add_packages(tmp_path / "base", [name], tmp_path / "kept")
    assert not (tmp_path / "kept").exists()


def test_without_buildah_the_hint_says_what_else_there_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert shutil.which("buildah") is None
    with pytest.raises(NotInstalled, match="system packages") as caught:
        buildah.add_packages(tmp_path / "base", ["hello"], tmp_path / "kept")
    assert "Dockerfile" in caught.value.hint

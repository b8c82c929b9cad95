"""Layouts and archives in the hands of skopeo, podman and containerd."""

import json
import os
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from jupyter_mltrain.image import archive, layout, oci
from jupyter_mltrain.image.archive import Archive
from jupyter_mltrain.image.layout import Contents, Layout
from jupyter_mltrain.image.reference import Reference
from tests.image.samples import RUNTIME, Sample

NAME = Reference.parse("localhost:5000/me/recommender:1")

Tool = Callable[..., str]


def run(*command: object) -> str:
    done = subprocess.run([str(word) for word in command], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture
def skopeo() -> Tool:
    if not shutil.which("skopeo"):
        pytest.skip("skopeo is not installed")
    return lambda *arguments: run("skopeo", *arguments)


@pytest.fixture
def podman(tmp_path: Path) -> Iterator[Tool]:
    """Run podman with a storage of its own."""
    if not shutil.which("podman") or os.geteuid():
        pytest.skip("podman is not installed, or this is not root")
    with tempfile.TemporaryDirectory(prefix="run-", dir="/tmp") as runroot:  # podman wants a short path
        storage = ["--root", tmp_path / "storage", "--runroot", runroot, "--storage-driver", "vfs"]
        command = ["podman", "--runtime", "runc", "--cgroup-manager", "cgroupfs", "--events-backend", "none", *storage]
        yield lambda *arguments: run(*command, *arguments)


@pytest.fixture
def ctr(tmp_path: Path) -> Iterator[Tool]:
    """Run containerd's client against a daemon of its own."""
    if not shutil.which("containerd") or os.geteuid():
        pytest.skip("containerd is not installed, or this is not root")
    with tempfile.TemporaryDirectory(prefix="ctr-", dir="/tmp") as folder:
        socket, config = Path(folder, "socket"), Path(folder, "config.toml")
        config.write_text(
            f'version = 2\nroot = "{folder}/root"\nstate = "{folder}/state"\n'
            f'disabled_plugins = ["io.containerd.grpc.v1.cri"]\n[grpc]\naddress = "{socket}"\n'
        )
        with subprocess.Popen(["containerd", "--config", config], stderr=subprocess.PIPE, text=True) as daemon:
            assert daemon.stderr
            assert any("successfully booted" in line for line in daemon.stderr)
            yield lambda *arguments: run("ctr", "--address", socket, *arguments)
            daemon.terminate()
            daemon.stderr.read()


@pytest.fixture(params=["layout", "archive"])
def written(request: pytest.FixtureRequest, sample: Sample, tmp_path: Path) -> tuple[str, Contents]:
    """An image as skopeo is told of it, and what is in it."""
    contents = Contents.of([sample.image(b"one")], {}, NAME)
    if request.param == "layout":
        layout.write(tmp_path / "layout", contents, sample.blob)
        return f"oci:{tmp_path / 'layout'}:1", contents
    archive.write(tmp_path / "image.tar", contents, sample.blob)
    return f"oci-archive:{tmp_path / 'image.tar'}", contents


def test_skopeo_inspects(skopeo: Tool, written: tuple[str, Contents]) -> None:
    name, contents = written
    found: Any = json.loads(skopeo("inspect", name))
    assert found["Digest"] == contents.image.digest
    assert found["Layers"] == [layer.digest for layer in contents.layers]
    assert found["Labels"] == {"org.opencontainers.image.title": "sample"}
    assert f"MLTRAIN_PROGRAM={RUNTIME.program}" in found["Env"]
    config: Any = json.loads(skopeo("inspect", "--config", name))
    assert config["config"]["Entrypoint"] == RUNTIME.entrypoint


def test_skopeo_copies(skopeo: Tool, written: tuple[str, Contents], tmp_path: Path) -> None:
    name, contents = written
    skopeo("copy", "--preserve-digests", name, f"oci:{tmp_path / 'copied'}:copied")
    skopeo("copy", "--preserve-digests", name, f"oci-archive:{tmp_path / 'copied.tar'}:copied")
    for read in (Layout(tmp_path / "copied"), Archive(tmp_path / "copied.tar")):
        descriptor, _ = read.get_manifest("copied")
        assert descriptor.digest == contents.image.digest
        for layer in contents.layers:
            read.open_blob(layer.digest).close()


def test_an_image_that_skopeo_puts_beside_ours(skopeo: Tool, sample: Sample, tmp_path: Path) -> None:
    for tag, content in (("1", b"one"), ("2", b"two")):
        contents = Contents.of([sample.image(content)], {}, NAME.tagged(tag))
        layout.write(tmp_path / "layout", contents, sample.blob)
    skopeo("copy", f"oci:{tmp_path / 'layout'}:1", f"oci:{tmp_path / 'layout'}:3")
    found = json.loads(skopeo("inspect", f"oci:{tmp_path / 'layout'}:2"))
    assert found["Digest"] == contents.image.digest == Layout(tmp_path / "layout").find("2").digest


def test_skopeo_copies_all_platforms(skopeo: Tool, sample: Sample, tmp_path: Path) -> None:
    images = [sample.image(b"same", architecture=architecture) for architecture in ("amd64", "arm64")]
    contents = Contents.of(images, {}, NAME)
    layout.write(tmp_path / "layout", contents, sample.blob)
    skopeo("copy", "--all", "--preserve-digests", f"oci:{tmp_path / 'layout'}:1", f"oci:{tmp_path / 'copied'}:1")
    assert Layout(tmp_path / "copied").get_manifest("1")[0].digest == contents.image.digest
    skopeo("--override-arch", "arm64", "inspect", f"oci:{tmp_path / 'layout'}:1")


def test_podman_loads(podman: Tool, sample: Sample, tmp_path: Path) -> None:
    built = sample.image(b"one")
    archive.write(tmp_path / "image.tar", Contents.of([built], {}, NAME), sample.blob)
    assert str(NAME) in podman("load", "--input", tmp_path / "image.tar")
    (found,) = json.loads(podman("image", "inspect", NAME))
    assert found["Digest"] == built.digest
    assert found["Id"] == oci.digest_of(built.config).removeprefix("sha256:")
    assert found["User"] == "1000:100"
    assert found["Config"]["WorkingDir"] == "/home/mltrain"
    assert len(json.loads(podman("history", "--format", "json", NAME))) == 2
    mounted = Path(podman("image", "mount", NAME).strip())
    assert (mounted / "opt" / "file").read_bytes() == b"one"
    podman("image", "umount", NAME)


@pytest.mark.parametrize("architectures", [("amd64",), ("amd64", "arm64")])
def test_containerd_imports(ctr: Tool, sample: Sample, tmp_path: Path, architectures: tuple[str, ...]) -> None:
    contents = Contents.of([sample.image(b"one", architecture=each) for each in architectures], {}, NAME)
    archive.write(tmp_path / "image.tar", contents, sample.blob)
    platforms = [f"--platform=linux/{each}" for each in architectures[:1]]
    ctr("images", "import", "--snapshotter", "native", *platforms, tmp_path / "image.tar")
    (line,) = ctr("images", "ls", f"name=={NAME}").splitlines()[1:]
    assert line.split()[:3] == [str(NAME), contents.image.media_type, contents.image.digest]

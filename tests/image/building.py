"""A workshop for whole builds: a small base in a registry, an index of small packages, and ``mltrain build``."""

from __future__ import annotations

import json
import os
import subprocess
import tarfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from dataclasses import dataclass
from io import BytesIO, StringIO
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pytest
import zstandard

from jupyter_mltrain.cli import main
from jupyter_mltrain.image import own
from jupyter_mltrain.image.requirements_file import name_of
from tests.image import base_files as files
from tests.image.base_image import File, Layout, elf, tar, write_index, write_layout
from tests.image.package_index import Index, package_index
from tests.image.registry_server import RegistryServer, registry_server
from tests.support import Mltrain, write_notebook

BASE = "library/python:3.11-slim"
MiB = 1 << 20
RUNNER_VERSION = "99.1"
LARGE = 600 << 10
"""Bytes of a wheel that gets a layer of its own."""

ARM = "/lib/ld-linux-aarch64.so.1"


def base_tar(version: str = "3.11.9", **more: File) -> bytes:
    return tar({**files.glibc(), **files.python(version=version), "etc/passwd": b"root:x:0:0::/root:/bin/sh\n", **more})


def arm_tar() -> bytes:
    """Return what a base image for arm64 is made of."""
    libc = b"GNU C Library (Debian GLIBC 2.36-9) stable release version 2.36.\n"
    return tar(
        {
            "lib/aarch64-linux-gnu/libc.so.6": elf(machine=183, interpreter=ARM, content=b"\0" + libc + b"\0"),
            "lib/ld-linux-aarch64.so.1": elf(machine=183, interpreter=""),
            **files.library("usr/local", "3.11"),
            "usr/local/bin/python3.11": elf(
                machine=183, interpreter=ARM, content=files.text("3.2.0") + files.text("3.11.9")
            ),
            "usr/local/bin/python3": files.Symlink("python3.11"),
        }
    )


def small_base(folder: Path) -> Layout:
    """Write a base image of two layers."""
    return write_layout(folder, [base_tar(), tar({"etc/motd": b"hello\n"})])


def both_bases(folder: Path) -> Layout:
    """Write a base image for amd64 and arm64."""
    amd = small_base(folder / "amd64")
    arm = write_layout(folder / "arm64", [arm_tar()], architecture="arm64")
    return write_index(folder / "both", {"linux/amd64": amd, "linux/arm64/v8": arm})


@dataclass
class Workshop:
    """Where builds happen, and what they need.

    Attributes
    ----------
    folder:
        Notebooks are in it, commands run in it.
    mltrain:
        The command line, with all that it is to know in its environment.
    """

    folder: Path
    mltrain: Mltrain
    index: Index
    registry: RegistryServer
    base: Layout

    def notebook(self, *sources: str, name: str = "train.ipynb", requirements: str = "alpha\n") -> Path:
        """Write a notebook, and beside it the packages that it needs."""
        (self.folder / "requirements.txt").write_text(requirements)
        return write_notebook(self.folder / name, *(sources or ("print(1)",)))

    def settings(self, **said: Any) -> None:
        """Write the settings for images."""
        bases = {"default": f"{self.registry.host}/{BASE}", **said.pop("bases", {})}
        lines = [f"{name} = {json.dumps(value)}" for name, value in said.items()]
        lines += ["[bases]", *(f"{name} = {json.dumps(value)}" for name, value in bases.items())]
        Path(self.mltrain.env["MLTRAIN_IMAGE_CONFIG"]).write_text("\n".join(lines))

    def target(self, name: str = "me/train:latest") -> str:
        return f"{self.registry.host}/{name}"

    def build(self, notebook: Path, *options: object, env: Mapping[str, str] | None = None, code: int = 0) -> Any:
        """Build with the packages beside the notebook; return what ``--json`` says."""
        done = self.run(notebook, *options, "--json", env=env, code=code)
        if code == 0:
            assert done.stderr == ""
        return json.loads(done.stdout) if code == 0 else json.loads(done.stderr)["error"]

    def arguments(self, notebook: Path, *options: object) -> list[str]:
        beside = notebook.parent / "requirements.txt"
        named = "--environment" in options or not beside.exists()
        return ["build", *map(str, (notebook, *(() if named else ("--environment", beside)), *options))]

    def run(
        self, notebook: Path, *options: object, env: Mapping[str, str] | None = None, code: int | None = 0
    ) -> subprocess.CompletedProcess[str]:
        """Run ``mltrain build`` in this process, which is quicker by half a second."""
        arguments, out, err = self.arguments(notebook, *options), StringIO(), StringIO()
        variables = patch.dict(os.environ, {**self.mltrain.env, **(env or {})}, clear=True)
        with variables, redirect_stdout(out), redirect_stderr(err), pytest.raises(SystemExit) as ended:
            main(arguments)
        done = subprocess.CompletedProcess(arguments, int(ended.value.code or 0), out.getvalue(), err.getvalue())
        assert code in (None, done.returncode), (done.returncode, done.stdout, done.stderr)
        assert "Traceback" not in done.stderr, done.stderr
        return done

    def push(self, notebook: Path, *options: object, to: str = "me/train:latest", **more: Any) -> Any:
        return self.build(notebook, "--push", self.target(to), *options, **more)

    def refused(self, notebook: Path, *options: object, code: int = 2, **more: Any) -> tuple[str, str, str]:
        """Build what cannot be built; return code, message and hint."""
        error = self.build(notebook, *options, code=code, **more)
        return error["code"], error["message"], error["hint"]

    def at(self, env: Mapping[str, str]) -> Mltrain:
        """Return a command line whose environment differs."""
        other = Mltrain(self.mltrain.home, self.mltrain.cwd)
        other.env = {**self.mltrain.env, **env}
        return other

    def fresh(self, name: str = "fresh") -> dict[str, str]:
        """Return the variables of a machine that has never built anything."""
        home = self.folder.parent / f"{name} home"
        return {"MLTRAIN_HOME": str(home), "UV_CACHE_DIR": str(home / "uv")}

    def fetched(self) -> list[str]:
        """Return the files of packages that the index gave, and forget them."""
        found = [path.rpartition("/")[2] for path, _ in self.index.requests if path.endswith((".whl", ".gz"))]
        self.index.requests.clear()
        return found

    def inspect(self, reference: str, *options: str) -> Any:
        """Return what skopeo says of an image in the registry."""
        command = ["skopeo", "inspect", "--tls-verify=false", *options, f"docker://{reference}"]
        done = subprocess.run(command, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    def blob_file(self, digest: str) -> Path:
        """Return the file in which the registry has a blob."""
        hexadecimal = digest.partition(":")[2]
        return self.registry.storage / "docker/registry/v2/blobs/sha256" / hexadecimal[:2] / hexadecimal / "data"

    def manifest(self, digest: str) -> Any:
        return json.loads(self.blob_file(digest).read_bytes())

    def layers(self, digest: str) -> list[bytes]:
        """Return the tars of an image's layers, bottom first."""
        found = self.manifest(digest)["layers"]
        return [unpacked(each["mediaType"], self.blob_file(each["digest"]).read_bytes()) for each in found]

    @property
    def cache(self) -> Path:
        return self.mltrain.home / "cache" / "images"


def unpacked(media_type: str, data: bytes) -> bytes:
    if media_type.endswith("zstd"):
        return zstandard.ZstdDecompressor().decompressobj().decompress(data)
    import gzip

    return gzip.decompress(data) if media_type.endswith("gzip") else data


def names_in(layer: bytes) -> list[str]:
    with tarfile.open(fileobj=BytesIO(layer)) as archive:
        return archive.getnames()


def stock(index: Index) -> None:
    """Fill an index with what the runner needs, and a few packages more."""
    index.sizes = True
    for line in own.REQUIREMENTS:
        index.wheel(name_of(line).replace("-", "_"), RUNNER_VERSION)
    index.wheel("alpha", "1.0", requires=["beta>=1"])
    index.wheel("beta", "1.5", size=LARGE)
    index.wheel("gamma", "2.0", size=LARGE)


def environment(folder: Path, index: Index) -> dict[str, str]:
    """Return variables that let nothing of this machine's user in."""
    (folder / "auth.json").write_text("{}")  # podman wants it to be there
    return {
        **{name: value for name, value in os.environ.items() if not name.startswith(("UV_", "DOCKER_", "MLTRAIN_"))},
        "HOME": str(folder),
        "XDG_CONFIG_HOME": str(folder / "config"),
        "NETRC": str(folder / "netrc"),
        "UV_CACHE_DIR": str(folder / "uv-cache"),
        "UV_HTTP_RETRIES": "0",
        "UV_DEFAULT_INDEX": index.url,
        "MLTRAIN_HOME": str(folder / "home"),
        "MLTRAIN_IMAGE_CONFIG": str(folder / "image.toml"),
        "REGISTRY_AUTH_FILE": str(folder / "auth.json"),
        "NO_COLOR": "1",
        "COLUMNS": "120",
    }


@contextmanager
def workshop_in(folder: Path) -> Iterator[Workshop]:
    """Open a workshop with an index and a registry of its own."""
    work = folder / "work"
    work.mkdir()
    with package_index() as index, registry_server(folder / "registry") as registry:
        stock(index)
        mltrain = Mltrain(folder / "home", work)
        mltrain.env = environment(folder, index)
        found = Workshop(work, mltrain, index, registry, small_base(folder / "base"))
        found.base.push(f"{registry.host}/{BASE}")
        found.settings()
        yield found


@pytest.fixture
def workshop(tmp_path: Path) -> Iterator[Workshop]:
    with workshop_in(tmp_path) as found:
        yield found

"""Base images for tests, as OCI layout folders: a real Debian with Python, and small ones made of a few files.

The real one is made by mmdebstrap, once for a recipe and machine, and kept outside the tree in ``$MLTRAIN_TEST_CACHE``
or ``~/.cache/jupyter-mltrain-tests``. Tests that need it are skipped, with the reason, where it cannot be made.
"""

import fcntl
import gzip
import hashlib
import io
import json
import os
import platform
import shutil
import struct
import subprocess
import tarfile
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import zstandard

from jupyter_mltrain.image import oci
from tests.image.registry_server import RegistryServer

PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
SUITE = "bookworm"
RECIPE = [
    "--variant=minbase",
    "--include=python3,python3-venv,python3-pip,ca-certificates",
    "--format=tar",
    '--aptopt=Acquire::Languages "none"',
    "--dpkgopt=path-exclude=/usr/share/man/*",
    "--dpkgopt=path-exclude=/usr/share/locale/*",
    "--dpkgopt=path-exclude=/usr/share/doc/*",
    "--dpkgopt=path-include=/usr/share/doc/*/copyright",
    # What this machine is called and whom it asks for names must not get into an image.
    '--customize-hook=rm -f "$1/etc/hostname"; : > "$1/etc/resolv.conf"',
    '--customize-hook=rm -rf "$1"/var/cache/* "$1"/var/lib/apt/lists/* "$1"/var/log/*.log "$1"/var/log/apt/*',
    SUITE,
]
_DOCKER_LAYER = "application/vnd.docker.image.rootfs.diff.tar.gzip"
_FORMAT = 1  # of the folder that is kept
_PATIENCE = 150  # seconds: less than the time that a test has


@dataclass(frozen=True)
class Layout:
    """An OCI layout folder with one image or index in it.

    Attributes
    ----------
    digest:
        Of the manifest or index that ``tag`` names.
    """

    folder: Path
    tag: str
    digest: str

    def blob(self, digest: str) -> Path:
        return self.folder / "blobs" / digest.replace(":", "/")

    def document(self, digest: str = "") -> Any:
        """Return a manifest, an index or a config; by default what the tag names."""
        return json.loads(self.blob(digest or self.digest).read_bytes())

    @property
    def name(self) -> str:
        """How skopeo, podman and buildah are told of it."""
        return f"oci:{self.folder}:{self.tag}"

    def push(self, reference: str, *options: str) -> None:
        """Copy it into a registry that speaks plain http: ``localhost:5000/library/python:3.11-slim``."""
        target = f"docker://{reference}"
        command = ["skopeo", "copy", "--all", "--preserve-digests", "--dest-tls-verify=false", *options]
        done = subprocess.run([*command, self.name, target], capture_output=True, text=True)
        assert done.returncode == 0, done.stderr


class CannotMake(Exception):
    """The real base image cannot be made here."""


def debian() -> Layout:
    """Return Debian with Python, which is made if nobody has made it before. Raises ``CannotMake``."""
    architecture = oci.Platform.parse(platform.machine()).architecture
    recipe = json.dumps([_FORMAT, architecture, *RECIPE])
    folder = kept_folder() / f"base-{hashlib.sha256(recipe.encode()).hexdigest()[:16]}"
    with _locked(folder.with_suffix(".lock")):
        if not folder.exists():
            _make_debian(folder, architecture)
    index = json.loads((folder / "index.json").read_bytes())
    return Layout(folder, SUITE, index["manifests"][0]["digest"])


@pytest.fixture(scope="session")
def debian_base() -> Layout:
    try:
        return debian()
    except CannotMake as error:
        pytest.skip(f"no base image: {error}")


@pytest.fixture
def debian_in_registry(debian_base: Layout, registry: RegistryServer) -> str:
    """The real image's name in a registry of the test's own."""
    name = f"{registry.host}/library/python:3.11-slim"
    debian_base.push(name)
    return name


def _make_debian(folder: Path, architecture: str) -> None:
    if not shutil.which("mmdebstrap"):
        raise CannotMake("mmdebstrap is not installed")
    with tempfile.TemporaryDirectory(dir=folder.parent, prefix=".making-") as made:
        tar = Path(made, "base.tar")
        # Times later than this one are clamped to it.
        env = {**os.environ, "SOURCE_DATE_EPOCH": "1704067200"}
        command = ["mmdebstrap", *RECIPE, str(tar)]
        try:
            done = subprocess.run(command, env=env, capture_output=True, text=True, timeout=_PATIENCE)
        except subprocess.TimeoutExpired:
            raise CannotMake(f"mmdebstrap took more than {_PATIENCE} s") from None
        if done.returncode:
            raise CannotMake(f"mmdebstrap failed: {done.stderr.strip()[-500:]}")
        env_of_image = [f"PATH={PATH}", "LANG=C.UTF-8"]
        write_layout(
            Path(made, "layout"),
            [tar.read_bytes()],
            config={"Env": env_of_image, "Cmd": ["python3"]},
            architecture=architecture,
            tag=SUITE,
        )
        Path(made, "layout").rename(folder)


def kept_folder() -> Path:
    """Return where what is long in the making is kept from one test run to the next."""
    named = os.environ.get("MLTRAIN_TEST_CACHE")
    folder = Path(named) if named else Path.home() / ".cache" / "jupyter-mltrain-tests"
    folder.mkdir(parents=True, exist_ok=True)
    return folder


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    """Let one of several processes in: tests run in parallel."""
    with path.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


# ---- small images of a few files


@dataclass(frozen=True)
class Symlink:
    target: str


@dataclass(frozen=True)
class Hardlink:
    target: str


class Folder:
    """An empty folder."""


File = bytes | Symlink | Hardlink | Folder


def tar(files: Mapping[str, File] | Sequence[tuple[str, File]]) -> bytes:
    """Return a tar of files, in the order in which they are given."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as archive:
        for path, file in files.items() if isinstance(files, Mapping) else files:
            info = tarfile.TarInfo(path)
            info.mode = 0o755
            if isinstance(file, bytes):
                info.size = len(file)
                archive.addfile(info, io.BytesIO(file))
                continue
            if isinstance(file, Symlink | Hardlink):
                info.type = tarfile.SYMTYPE if isinstance(file, Symlink) else tarfile.LNKTYPE
                info.linkname = file.target
            else:
                info.type = tarfile.DIRTYPE
            archive.addfile(info)
    return out.getvalue()


def elf(
    *,
    interpreter: str = "/lib64/ld-linux-x86-64.so.2",
    machine: int = 62,
    content: bytes = b"",
    bits: int = 64,
    little: bool = True,
) -> bytes:
    """Return a file with the headers of a Linux executable, its interpreter, and some content behind them.

    ``machine`` is ELF's number of the architecture: 62 x86-64, 183 AArch64.
    """
    order = "<" if little else ">"
    words, header_size, entry_size = ("Q", 64, 56) if bits == 64 else ("I", 52, 32)
    ident = b"\x7fELF" + bytes([2 if bits == 64 else 1, 1 if little else 2, 1]) + bytes(9)
    loader = interpreter.encode() + b"\0" if interpreter else b""
    header = struct.pack(
        f"{order}HHI{words * 3}IHHHHHH",
        *(3, machine, 1, 0, header_size, 0, 0, header_size, entry_size, 1 if loader else 0, 0, 0, 0),
    )
    at = header_size + (entry_size if loader else 0)
    segment = b""
    if loader and bits == 64:
        segment = struct.pack(f"{order}IIQQQQQQ", 3, 4, at, at, at, len(loader), len(loader), 1)
    elif loader:
        segment = struct.pack(f"{order}IIIIIIII", 3, at, at, at, len(loader), len(loader), 4, 1)
    return ident + header + segment + loader + content


def write_layout(
    folder: Path,
    layers: Sequence[bytes],
    *,
    config: Mapping[str, Any] | None = None,
    architecture: str = "amd64",
    tag: str = "latest",
    compression: str = "gzip",
    docker: bool = False,
) -> Layout:
    """Write an OCI layout folder with one image, of layers that are given as tars.

    Parameters
    ----------
    config:
        The part of the image's config that says how it is run, by default a ``PATH``.
    compression:
        ``gzip``, ``zstd`` or ``""``.
    docker:
        Write the media types of Docker's documents.
    """
    blobs = folder / "blobs" / "sha256"
    blobs.mkdir(parents=True)

    def add(media_type: str, data: bytes) -> oci.Descriptor:
        descriptor = oci.Descriptor.of(media_type, data)
        (blobs / descriptor.digest.removeprefix("sha256:")).write_bytes(data)
        return descriptor

    kind = _DOCKER_LAYER if docker else oci.LAYER_TAR + (f"+{compression}" if compression else "")
    added = [oci.Layer(add(kind, _compress(each, compression)), oci.digest_of(each)) for each in layers]
    document = {
        "architecture": architecture,
        "os": "linux",
        "config": {"Env": [f"PATH={PATH}"]} if config is None else dict(config),
        "rootfs": {"type": "layers", "diff_ids": [layer.diff_id for layer in added]},
        "history": [{"created_by": f"layer {number}"} for number in range(len(added))],
    }
    config_type = "application/vnd.docker.container.image.v1+json" if docker else oci.CONFIG
    manifest = json.loads(oci.manifest(add(config_type, oci.to_bytes(document)), added, {}))
    if docker:
        manifest["mediaType"] = oci.DOCKER_MANIFEST
    image = add(oci.DOCKER_MANIFEST if docker else oci.MANIFEST, oci.to_bytes(manifest))
    return _name(folder, image, tag)


def write_index(folder: Path, images: Mapping[str, Layout], *, tag: str = "latest", docker: bool = False) -> Layout:
    """Write an OCI layout folder with an image for several platforms: ``{"linux/arm64/v8": layout, ...}``."""
    (folder / "blobs" / "sha256").mkdir(parents=True)
    manifests = []
    for name, layout in images.items():
        shutil.copytree(layout.folder / "blobs", folder / "blobs", dirs_exist_ok=True)
        system, architecture, *variant = name.split("/")
        content = layout.blob(layout.digest).read_bytes()
        each = oci.Descriptor.of(json.loads(content)["mediaType"], content).to_dict()
        each["platform"] = {"os": system, "architecture": architecture} | ({"variant": variant[0]} if variant else {})
        manifests.append(each)
    media_type = oci.DOCKER_INDEX if docker else oci.INDEX
    data = oci.to_bytes({"schemaVersion": 2, "mediaType": media_type, "manifests": manifests})
    descriptor = oci.Descriptor.of(media_type, data)
    (folder / "blobs" / descriptor.digest.replace(":", "/")).write_bytes(data)
    return _name(folder, descriptor, tag)


def _name(folder: Path, descriptor: oci.Descriptor, tag: str) -> Layout:
    (folder / "oci-layout").write_text('{"imageLayoutVersion":"1.0.0"}')
    named = {**descriptor.to_dict(), "annotations": {"org.opencontainers.image.ref.name": tag}}
    index = {"schemaVersion": 2, "mediaType": oci.INDEX, "manifests": [named]}
    (folder / "index.json").write_bytes(oci.to_bytes(index))
    return Layout(folder, tag, descriptor.digest)


def _compress(data: bytes, compression: str) -> bytes:
    if compression == "gzip":
        return gzip.compress(data, 6, mtime=0)
    return zstandard.compress(data, 3) if compression == "zstd" else data

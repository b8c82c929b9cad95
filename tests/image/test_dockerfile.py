"""The exported Dockerfile: whole, and built by buildah into the environment that this builder makes."""

import gzip
import hashlib
import io
import json
import os
import subprocess
import tarfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
import zstandard

from jupyter_mltrain.errors import ImageError, InvalidInput
from jupyter_mltrain.image import blueprint, buildah, dockerfile, fetch, lock, own
from jupyter_mltrain.image.base import Base, look
from jupyter_mltrain.image.base_sources import FromLayout
from jupyter_mltrain.image.blueprint import Payload
from jupyter_mltrain.image.cache import Cache
from jupyter_mltrain.image.inspection import BasePython, Inspection
from jupyter_mltrain.image.layout import Layout as Reader
from jupyter_mltrain.image.locked import Lock, LockedSource, LockedWheel
from jupyter_mltrain.image.oci import Platform
from jupyter_mltrain.image.reference import Reference
from jupyter_mltrain.image.sources import Wanted
from jupyter_mltrain.image.target import Target
from tests.image import base_image
from tests.image.runnable import podman_environment, program_of
from tests.support import Mltrain

GOLDEN = Path(__file__).parents[1] / "golden" / "image"
PROGRAM = program_of("print(6 * factor)", parameters="factor: int = 7", name="Train it")
HASH = "1f" * 32
WHEELS = (
    LockedWheel("built", "1.0", "built-1.0-py3-none-any.whl", "", HASH),
    LockedWheel("numpy", "1.26.4", "numpy-1.26.4-cp311-x.whl", "https://files.example.com/numpy.whl", "2e" * 32),
    LockedWheel("torch", "2.9.0+cpu", "torch-2.9.0+cpu-x.whl", "https://files.example.com/torch.whl", "3d" * 32),
)


def payload() -> Payload:
    content = PROGRAM.content
    return Payload("Train it", "Train it.ipynb", "python3", content, {}, "0.1.0", commit="4c" * 20)


def base(**environment: str) -> Base:
    python = BasePython("/usr/bin/python3.11", "3.11.9", "/usr", ("glibc", (2, 36)))
    inspection = Inspection(python, {}, b"", b"", "Debian", True)
    env = [f"{name}={value}" for name, value in environment.items()]
    config = {"architecture": "amd64", "os": "linux", "config": {"Env": env}}
    return Base("python:3.11-slim", f"sha256:{'5b' * 32}", Platform("amd64"), config, (), inspection)


def locked(*wheels: LockedWheel, sources: Sequence[LockedSource] = ()) -> Lock:
    return Lock(Target(Platform("amd64"), "3.11.9", ("glibc", (2, 36))), wheels, tuple(sources))


def drawn(tmp_path: Path, **changes: Any) -> dockerfile.Dockerfile:
    wheel = tmp_path / "built.whl"
    wheel.write_bytes(b"wheel")
    arguments: dict[str, Any] = {
        "reference": Reference.parse("python:3.11-slim"),
        "packages": ("graphviz=2.42.2-7", "ffmpeg"),
        "wheels": {HASH: wheel},
        "variables": {"GREETING": 'say "$HOME" \\ it'},
        **changes,
    }
    return dockerfile.draw(payload(), base(PYTHONHOME="/usr"), locked(*WHEELS), **arguments)


def test_the_whole_text(tmp_path: Path) -> None:
    found = drawn(tmp_path)
    text = f"{found.text}\n--- {dockerfile.REQUIREMENTS}\n{found.requirements}"
    text = text.replace(locked(*WHEELS).digest, "LOCK").replace(PROGRAM.digest, "PROGRAM")
    file = GOLDEN / "Dockerfile.txt"
    if os.environ.get("UPDATE_GOLDEN"):
        file.write_text(text)
    assert text == file.read_text()


def test_what_is_not_needed_is_not_there(tmp_path: Path) -> None:
    found = dockerfile.draw(payload(), base(), locked(WHEELS[1]), reference=None)
    assert "apt-get" not in found.text
    assert "wheels" not in found.text
    assert "PYTHONHOME" not in found.text
    assert "ARG BASE\n" in found.text, "nobody else has this base"


def test_places_of_packages_are_what_pip_takes_them_for(tmp_path: Path) -> None:
    lines = (
        "--index-url https://me:secret@first.example.com/simple",
        "--index-url https://index.example.com/simple",
        "--extra-index-url https://token@extra.example.com/simple?key=secret",
        "--extra-index-url https://${HOST}/simple",
        "--extra-index-url ${WHOLE}",
        "--extra-index-url https://more.example.com/simple",
        f"--find-links {tmp_path.as_uri()}",
        "--find-links https://files.example.com/all.html",
        "--no-index",
        "--only-binary :all:",
    )
    found = drawn(tmp_path, options=lines).text
    assert (
        '\nARG PIP_INDEX_URL="https://index.example.com/simple"\n'
        'ARG PIP_EXTRA_INDEX_URL="https://extra.example.com/simple https://more.example.com/simple"\n'
        'ARG PIP_FIND_LINKS="https://files.example.com/all.html"\n'
    ) in found
    assert "secret" not in found
    assert "WHOLE" not in found


def test_a_folder_is_written_whole_and_only_over_its_like(tmp_path: Path) -> None:
    folder = tmp_path / "export here"
    drawn(tmp_path).write(folder)
    program = f"opt/mltrain/programs/{PROGRAM.digest.replace(':', '-')}/program.json"
    assert (folder / "program" / program).read_bytes() == PROGRAM.content
    assert (folder / "environment/opt/mltrain/venv/bin/python").readlink() == Path("/usr/bin/python3.11")
    assert (folder / "wheels" / WHEELS[0].filename).read_bytes() == b"wheel"
    (folder / "runner" / "old").touch()
    drawn(tmp_path).write(folder)
    assert not (folder / "runner" / "old").exists()
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith(".")] == []

    (folder / "Dockerfile").write_text("FROM mine\n")
    with pytest.raises(InvalidInput, match="has other files in it"):
        drawn(tmp_path).write(folder)
    assert (folder / "Dockerfile").read_text() == "FROM mine\n"


def test_what_cannot_be_exported(tmp_path: Path) -> None:
    with pytest.raises(ImageError, match=r"'built-1\.0-py3-none-any\.whl' is not here"):
        drawn(tmp_path, wheels={})
    with pytest.raises(ImageError, match="more than one line"):
        drawn(tmp_path, variables={"A": "x\nRUN evil"})
    source = LockedSource("raw", "1", "archive", "https://x/raw.tar.gz", HASH)
    with pytest.raises(ImageError, match="'raw' has no wheel"):
        dockerfile.draw(payload(), base(), locked(sources=[source]), reference=None)


# ---- built


@pytest.fixture
def storage(tmp_path: Path) -> Iterator[dict[str, str]]:
    environment = podman_environment(tmp_path / "storage")
    yield environment
    subprocess.run(["podman", "rm", "--all", "--force"], env={**os.environ, **environment}, capture_output=True)
    subprocess.run(["umount", str(tmp_path / "storage" / "storage" / "overlay")], capture_output=True)


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.skipif(not buildah.is_installed() or os.geteuid() != 0, reason="buildah is not installed, or not root")
def test_buildah_makes_the_same_environment_of_it(
    debian_base: base_image.Layout, tmp_path: Path, storage: dict[str, str]
) -> None:
    cache = Cache(tmp_path / "cache")
    below = look(FromLayout(Reader(debian_base.folder), debian_base.tag), Platform.parse("amd64"), cache)
    target = Target(below.platform, below.python.version, below.python.libc)
    environment = lock.resolve(Wanted(tmp_path, requirements=own.REQUIREMENTS), target, cache)
    folder, layout = tmp_path / "export", tmp_path / "layout"
    dockerfile.draw(payload(), below, environment, reference=None, packages=["hello"]).write(folder)
    (tmp_path / "base").symlink_to(debian_base.folder)  # a path that buildah can make a name of
    build(folder, f"oci:{tmp_path / 'base'}:{debian_base.tag}", layout, storage)

    ours = direct(below, environment, cache)
    theirs = merged(Reader(layout), skip=len(below.layers))
    assert ours.keys() - theirs.keys() == {"opt/mltrain/sbom.cdx.json"}
    differing = {path for path in ours.keys() & theirs.keys() if ours[path] != theirs[path]}
    different = {path: (ours[path], theirs[path]) for path in differing if not is_pips_own(path)}
    assert different == {}
    assert {path for path in theirs.keys() - ours.keys() if not is_pips_own(path)} == {"opt/mltrain/requirements.txt"}

    found = config(Reader(layout))
    assert found["User"] == "1000:100"
    assert found["WorkingDir"] == "/home/mltrain"
    assert found["Entrypoint"] == [f"/{ENVIRONMENT}/bin/python", "-m", "jupyter_mltrain.runner"]
    assert not found.get("Cmd")

    (tmp_path / "cwd").mkdir()
    mltrain = Mltrain(tmp_path / "home", tmp_path / "cwd")
    mltrain.env |= storage
    ended = mltrain.json("run-image", layout, "-p", "factor", "5", "--network", "none")
    assert ended["status"] == "succeeded"
    assert '"30\\n"' in (mltrain.cwd / "outputs" / "Train it.ipynb").read_text()


ENVIRONMENT = "opt/mltrain/venv"


def build(folder: Path, name: str, layout: Path, storage: Mapping[str, str]) -> None:
    certificates = "/etc/ssl/certs/ca-certificates.crt"
    options = ["--isolation", "chroot", "--format", "oci", "--volume", f"{certificates}:{certificates}:ro"]
    options += ["--build-arg", f"BASE={name}", "--tag", "exported"]
    for variable in ("PIP_INDEX_URL", "PIP_EXTRA_INDEX_URL"):
        if variable in os.environ:
            options += ["--build-arg", f"{variable}={os.environ[variable]}"]
    for command in (
        ["buildah", "bud", *options, str(folder)],
        ["buildah", "push", "--quiet", "exported", f"oci:{layout}:latest"],
    ):
        done = subprocess.run(command, env={**os.environ, **storage}, capture_output=True, text=True)
        assert done.returncode == 0, (done.stdout + done.stderr)[-3000:]


def direct(below: Base, environment: Lock, cache: Cache) -> dict[str, Any]:
    """Return the files that this builder would put on the base."""
    wheels = fetch.fetch(environment.wheels, cache)
    files: dict[str, Any] = {}
    for piece in blueprint.draw(payload(), below, environment, compression="zstd").pieces:
        out = io.BytesIO()
        piece.write(out, wheels)
        files |= contents(zstandard.ZstdDecompressor().stream_reader(out.getvalue()).read())
    return files


def merged(reader: Reader, *, skip: int) -> dict[str, Any]:
    files: dict[str, Any] = {}
    for descriptor in json.loads(reader.get_manifest()[1])["layers"][skip:]:
        with reader.open_blob(descriptor["digest"]) as file:
            data = file.read()
        files |= contents(gzip.decompress(data) if data.startswith(b"\x1f\x8b") else data)
    return files


def contents(tar: bytes) -> dict[str, Any]:
    """Return path -> kind, mode and content of all below ``/opt/mltrain`` but folders."""
    files = {}
    with tarfile.open(fileobj=io.BytesIO(tar)) as archive:
        for info in archive:
            if not info.name.startswith("opt/mltrain/") or info.isdir():
                continue
            file = archive.extractfile(info) if info.isfile() else None
            digest = hashlib.sha256(file.read()).hexdigest() if file else ""
            files[info.name] = (info.type, oct(info.mode & 0o7777), info.linkname, digest)
    return files


def config(reader: Reader) -> dict[str, Any]:
    manifest = json.loads(reader.get_manifest()[1])
    with reader.open_blob(manifest["config"]["digest"]) as file:
        found: dict[str, Any] = json.load(file)["config"]
    return found


def is_pips_own(path: str) -> bool:
    """Whether pip writes a file in its own words: records, and scripts, which do the same in other words."""
    return Path(path).name in ("RECORD", "INSTALLER", "REQUESTED", "direct_url.json") or "/venv/bin/" in path

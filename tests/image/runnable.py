"""An image that runs a notebook, made by hand of a base: its packages are this environment's, mounted when it runs."""

import json
import sys
import sysconfig
from collections.abc import Sequence
from pathlib import Path

import pytest

from jupyter_mltrain.image import config, oci
from jupyter_mltrain.image.layer import Entry, write_layer
from jupyter_mltrain.notebook import program
from jupyter_mltrain.notebook.parameters import parse_parameters
from tests.image.base_image import Layout, write_layout

VENV = "opt/mltrain/venv"
PROGRAMS = "opt/mltrain/programs"
PACKAGES = "/packages"
SOURCES = "/sources"

CONTAINERS_CONF = """
[containers]
default_ulimits = ["nofile=1024:1024", "nproc=10000:10000"]
[engine]
runtime = "runc"
cgroup_manager = "cgroupfs"
events_logger = "file"
"""
STORAGE_CONF = '[storage]\ndriver = "overlay"\ngraphroot = "{folder}/storage"\nrunroot = "{folder}/run"\n'


def podman_environment(folder: Path) -> dict[str, str]:
    """Return variables by which podman keeps all that it has in a folder."""
    folder.mkdir(exist_ok=True)
    (folder / "containers.conf").write_text(CONTAINERS_CONF)
    (folder / "storage.conf").write_text(STORAGE_CONF.format(folder=folder))
    return {
        "CONTAINERS_CONF": str(folder / "containers.conf"),
        "CONTAINERS_STORAGE_CONF": str(folder / "storage.conf"),
    }


def program_of(*sources: str, parameters: str = "", name: str = "train") -> program.Program:
    """Return a program of code cells, the first one with parameters where there are any."""
    cells = [program.ProgramCell("p", "code", parameters, ("parameters",))] if parameters else []
    cells += [program.ProgramCell(f"c{index}", "code", source) for index, source in enumerate(sources)]
    return program.Program(name, "python3", tuple(cells), parse_parameters(parameters))


def image_of(base: Layout, runs: program.Program, folder: Path) -> Path:
    """Write the image of a program without files as an OCI layout folder."""
    if sys.version_info[:2] != (3, 11):
        pytest.skip("the packages of this Python do not fit the base image's")
    below = base.document()
    layers = [
        oci.Layer(oci.Descriptor.from_dict(each), diff_id)
        for each, diff_id in zip(
            below["layers"], base.document(below["config"]["digest"])["rootfs"]["diff_ids"], strict=True
        )
    ]
    written = write_layout(folder, [], tag="latest")
    for name in (folder / "blobs" / "sha256").iterdir():
        name.unlink()
    for layer in layers:
        written.blob(layer.descriptor.digest).hardlink_to(base.blob(layer.descriptor.digest))
    draft = folder / "layer"
    with draft.open("wb") as out:
        added = write_layer(_entries(runs), out, "zstd")
    draft.rename(written.blob(added.descriptor.digest))
    made = config.image(
        base.document(below["config"]["digest"]),
        layers,
        [added],
        config.Runtime(runs.digest, f"/{VENV}", f"/{PROGRAMS}"),
        annotations={},
    )
    for data in (made.config, made.manifest):
        written.blob(oci.digest_of(data)).write_bytes(data)
    entry = made.descriptor.to_dict() | {"annotations": {"org.opencontainers.image.ref.name": "latest"}}
    (folder / "index.json").write_text(json.dumps({"schemaVersion": 2, "manifests": [entry]}))
    return folder


def packages() -> Sequence[str]:
    """Return the options that let an image of `image_of` find its packages."""
    mounts = [f"{sysconfig.get_path('purelib')}:{PACKAGES}:ro", f"{Path(__file__).parents[2]}:{SOURCES}:ro"]
    return [*(f"--volume={mount}" for mount in mounts), f"--env=PYTHONPATH={SOURCES}:{PACKAGES}"]


def _entries(runs: program.Program) -> list[Entry]:
    folder = f"{PROGRAMS}/{program.folder_name(runs.digest)}"
    return [
        Entry(f"{VENV}/bin/python", link="/usr/bin/python3"),
        Entry(f"{VENV}/pyvenv.cfg", b"home = /usr/bin\ninclude-system-site-packages = false\n"),
        Entry(f"{folder}/program.json", runs.content),
        Entry("home/mltrain", owner=(config.UID, config.GID), mode=0o1777),
    ]

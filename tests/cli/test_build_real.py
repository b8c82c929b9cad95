"""``mltrain build`` with real packages from PyPI on a real Debian: the image runs, with no network."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path

import httpx
import pytest
from packaging.utils import canonicalize_name

from tests.image.base_image import Layout, debian_base
from tests.image.building import BASE, Workshop, both_bases, names_in, workshop_in
from tests.image.runnable import podman_environment
from tests.support import write_notebook

__all__ = ["debian_base"]

pytestmark = pytest.mark.slow

SOURCES = (
    "count: int = 2  # how many",
    "import sys, pathlib\nimport attr\nimport numpy\nfrom lib import tools\nfrom jupyter_mltrain import run\n"
    "run.report(count, loss=float(numpy.ones(count).sum()))\n"
    "said = [tools.NAME, attr.__version__, sys.prefix, pathlib.Path('data.csv').read_text()]\n"
    "pathlib.Path(run.output_dir, 'said.txt').write_text(' '.join(map(str, said)))",
)


@pytest.fixture(scope="module")
def pypi() -> str:
    """The address of PyPI, or what stands for it here."""
    url = os.environ.get("UV_DEFAULT_INDEX") or os.environ.get("PIP_INDEX_URL") or "https://pypi.org/simple"
    try:
        httpx.get(f"{url.rstrip('/')}/attrs/", timeout=10, follow_redirects=True).raise_for_status()
    except httpx.HTTPError as error:
        pytest.skip(f"PyPI does not answer: {error!r}")
    return url


@pytest.fixture(scope="module")
def workshop(tmp_path_factory: pytest.TempPathFactory, debian_base: Layout, pypi: str) -> Iterator[Workshop]:
    with workshop_in(tmp_path_factory.mktemp("workshop")) as found:
        found.mltrain.env["UV_DEFAULT_INDEX"] = pypi
        debian_base.push(f"{found.registry.host}/{BASE}")
        yield found


@pytest.fixture(scope="module")
def built(workshop: Workshop) -> str:
    """Build it, and return the reference."""
    (workshop.folder / "lib").mkdir()
    (workshop.folder / "lib" / "tools.py").write_text("NAME = 'lib'\n")
    (workshop.folder / "data.csv").write_text("1,2")
    (workshop.folder / "requirements.txt").write_text("numpy>=1.26,<3\nattrs\n")
    notebook = write_notebook(workshop.folder / "train.ipynb", SOURCES[1], parameters=SOURCES[0])
    first = workshop.push(notebook, "--include", "*.csv")
    assert workshop.push(notebook, "--include", "*.csv", env=workshop.fresh())["digest"] == first["digest"]
    return str(first["reference"])


@pytest.fixture(scope="module")
def podman(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    if not shutil.which("podman") or os.geteuid() != 0:
        pytest.skip("podman is not installed, or not root")
    folder = tmp_path_factory.mktemp("podman")
    environment = podman_environment(folder)
    yield environment
    subprocess.run(["podman", "rm", "--all", "--force"], env={**os.environ, **environment}, capture_output=True)
    subprocess.run(["umount", str(folder / "storage" / "overlay")], capture_output=True)
    shutil.rmtree(folder, ignore_errors=True)


def test_an_image_runs_to_its_end_without_network(workshop: Workshop, built: str, podman: dict[str, str]) -> None:
    mltrain = workshop.at(podman)
    output = workshop.folder / "output"
    done = mltrain.run("run-image", built, "--network", "none", "-p", "count", "5", "--output", output)
    assert "Succeeded" in done.stdout + done.stderr
    said = (output / "said.txt").read_text().split()
    assert (said[0], said[2:]) == ("lib", ["/opt/mltrain/venv", "1,2"])
    notebook = json.loads((output / "train.ipynb").read_text())
    assert all(cell["execution_count"] for cell in notebook["cells"])


def test_other_programs_find_the_environment_sound(workshop: Workshop, built: str, podman: dict[str, str]) -> None:
    """pip, which the base has, looks at the packages; each file is there as RECORD says."""
    check = (
        "import hashlib, base64, importlib.metadata as m, json, os\n"
        "wrong = [str(f) for d in m.distributions() for f in d.files or () if f.hash and "
        "base64.urlsafe_b64encode(hashlib.new(f.hash.mode, f.locate().read_bytes()).digest()).rstrip(b'=').decode()"
        " != f.hash.value]\n"
        "print(json.dumps([len(list(m.distributions())), wrong, os.getuid(), os.access(os.getcwd(), os.W_OK)]))"
    )
    mltrain = workshop.at(podman)
    command = [
        "podman",
        "run",
        "--rm",
        "--network=none",
        "--tls-verify=false",
        "--entrypoint",
        "/opt/mltrain/venv/bin/python",
    ]
    done = subprocess.run([*command, built, "-c", check], env=mltrain.env, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    count, wrong, user, writable = json.loads(done.stdout)
    assert count > 30
    kernel = "../../../share/jupyter/kernels/python3/kernel.json"  # ipykernel's names no interpreter
    assert (wrong, user, writable) == ([kernel], 1000, True)
    entry = [
        "--entrypoint",
        "/usr/bin/python3",
        built,
        "-m",
        "pip",
        "--python",
        "/opt/mltrain/venv/bin/python",
        "check",
    ]
    done = subprocess.run([*command[:-2], *entry], env=mltrain.env, capture_output=True, text=True)
    assert "No broken requirements found." in done.stdout, done.stdout + done.stderr


def distributions(layer: bytes) -> set[str]:
    metadata = [name.split("/")[-2] for name in names_in(layer) if name.endswith(".dist-info/METADATA")]
    return {canonicalize_name(name.partition("-")[0]) for name in metadata}


def test_layers_hold_what_the_plan_says(workshop: Workshop, built: str) -> None:
    plan = workshop.build(workshop.folder / "train.ipynb", "--dry-run", "--include", "*.csv")["platforms"][0]
    layers = workshop.layers(built.rpartition("@")[2])
    assert len(layers) == len(plan["layers"])
    for said, layer in zip(plan["layers"][1:], layers[1:], strict=True):
        if said["kind"] in {"wheel", "wheels"}:
            assert distributions(layer) == {canonicalize_name(each.partition(" ")[0]) for each in said["contents"]}
    numpy = next(each for each in plan["layers"] if each["title"].startswith("numpy"))
    assert numpy["kind"] == "wheel"


def test_the_kernels_own_environment(workshop: Workshop, built: str) -> None:
    """Without a file the image gets what the notebook imports, in the versions that are installed here."""
    if sys.version_info[:2] != (3, 11):
        pytest.skip("the packages of this Python do not fit the base image's")
    notebook = write_notebook(workshop.folder / "own.ipynb", "import attr\nprint(attr)")
    plan = workshop.mltrain.json("build", notebook, "--dry-run")
    assert f"attrs {version('attrs')}" in plan["platforms"][0]["packages"]
    assert f"papermill {version('papermill')}" in plan["platforms"][0]["packages"]


def test_another_architecture_gets_its_own_wheels(workshop: Workshop, tmp_path: Path) -> None:
    both_bases(tmp_path).push(f"{workshop.registry.host}/library/both:1")
    (workshop.folder / "requirements.txt").write_text("numpy>=1.26,<3\nattrs\n")
    notebook = write_notebook(workshop.folder / "arm.ipynb", "print(1)")
    base = ("--base", f"{workshop.registry.host}/library/both:1")
    plan = workshop.build(notebook, *base, "--platform", "linux/arm64", "--dry-run")["platforms"][0]
    digest = workshop.push(notebook, *base, "--platform", "linux/arm64", to="me/arm")["digest"]
    assert plan["platform"] == "linux/arm64"
    names = [name for layer in workshop.layers(digest)[1:] for name in names_in(layer)]
    libraries = [name for name in names if "linux-gnu.so" in name]
    assert libraries
    assert not [name for name in libraries if "x86_64" in name]

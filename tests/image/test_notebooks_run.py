"""The notebooks of this project become images, which run them to their end on a machine without a network.

Nothing is made up: a real registry, Debian below, packages from PyPI, podman and containerd with runc. The first
machine may have wheels of an earlier test run (`real_builds`), so nothing is asserted of what it fetches; the second
one has nothing at all.
"""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from packaging.utils import canonicalize_name

from jupyter_mltrain.image import oci
from jupyter_mltrain.image.annotations import BASE_DIGEST
from jupyter_mltrain.image.config import GID, UID
from jupyter_mltrain.manifests.pod import COMMAND
from jupyter_mltrain.model import labels
from tests.image.engines import Containerd, Podman, containerd_in, podman_in
from tests.image.real_builds import RealGround, push, real_ground, with_kept_wheels
from tests.support import Mltrain, write_notebook

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]

SBOM = "/opt/mltrain/sbom.cdx.json"
PROBE = """
import getpass, json, os, pathlib, socket, tempfile
from jupyter_mltrain import run

try:
    socket.create_connection(("127.0.0.1", port), timeout=20).close()
    reached = True
except OSError:
    reached = False
said = {"user": os.getuid(), "group": os.getgid(), "name": getpass.getuser(), "reached": reached}
said |= {"interfaces": sorted(os.listdir("/sys/class/net")), "folder": os.getcwd(), "drafts": tempfile.gettempdir()}
said["writable"] = [place for place in ("/", "/opt/mltrain/venv", os.getcwd()) if os.access(place, os.W_OK)]
pathlib.Path(run.output_dir, "said.json").write_text(json.dumps(said))
run.report(score=port)
"""


@pytest.fixture(scope="module")
def ground(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RealGround]:
    folder = tmp_path_factory.mktemp("real builds")
    try:
        with real_ground(folder) as found:
            yield found
    finally:
        shutil.rmtree(folder)  # gigabytes, which pytest would keep for three runs


@pytest.fixture(scope="module")
def machine(ground: RealGround) -> Iterator[Mltrain]:
    found = ground.machine("first")
    write_notebook(found.cwd / "notebooks" / "probe.ipynb", PROBE, parameters="port: int = 1")
    with with_kept_wheels(found):
        yield found


@pytest.fixture(scope="module")
def podman(machine: Mltrain, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Podman]:
    """podman, also for ``mltrain run-image`` on the machine."""
    with podman_in(tmp_path_factory.mktemp("podman")) as found:
        machine.env |= found.env
        yield found


@pytest.fixture(scope="module")
def recommender(ground: RealGround, machine: Mltrain) -> str:
    return push(machine, "notebooks/recommender.ipynb", ground.repository("recommender"))[0]


@pytest.fixture(scope="module")
def income(ground: RealGround, machine: Mltrain) -> str:
    return push(machine, "notebooks/income.ipynb", ground.repository("income"))[0]


@pytest.fixture(scope="module")
def probe(ground: RealGround, machine: Mltrain) -> str:
    return push(machine, "notebooks/probe.ipynb", ground.repository("probe"))[0]


def executed(path: Path) -> list[str]:
    """Return what each code cell of a notebook printed, after making sure that all of them ran to their end."""
    cells = [cell for cell in json.loads(path.read_text())["cells"] if cell["cell_type"] == "code"]
    assert [cell["execution_count"] for cell in cells] == list(range(1, len(cells) + 1))
    assert {cell["metadata"]["papermill"]["status"] for cell in cells} == {"completed"}
    outputs = [output for cell in cells for output in cell["outputs"]]
    assert not [output for output in outputs if output["output_type"] == "error"]
    return ["".join("".join(output.get("text", "")) for output in cell["outputs"]) for cell in cells]


def said(folder: Path) -> Any:
    """Return what the probe found out."""
    executed(folder / "probe.ipynb")
    return json.loads((folder / "said.json").read_text())


# --- one digest


def test_a_digest_is_the_same_the_second_time(ground: RealGround, machine: Mltrain, recommender: str) -> None:
    again, told = push(machine, "notebooks/recommender.ipynb", ground.repository("recommender"))
    assert again == recommender
    assert "nothing had to travel" in told


def test_a_machine_that_has_nothing_gets_the_same_digest(ground: RealGround, recommender: str) -> None:
    second = ground.machine("another place")
    options = ("--push", ground.repository("recommender"), "--json")
    built = json.loads(second.run("build", "notebooks/recommender.ipynb", *options).stdout)
    assert built["reference"] == recommender
    assert (built["fetched"], built["pushed"]) == (0, 0)
    assert built["present"] > 400e6, "TensorFlow is in it"
    blobs = list((second.home / "cache" / "images").glob("blobs/*/*/*"))
    assert sum(path.stat().st_size for path in blobs) < 1e6, "the registry's list of layers is enough"


# --- notebooks run


def test_the_recommender_runs_without_a_network(
    machine: Mltrain, podman: Podman, recommender: str, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    done = machine.run("run-image", recommender, "--network", "none", "--output", out, "-p", "epochs", "1")
    assert re.search(r"^metrics +step 1 +loss 0\.\d+ +val_loss 0\.\d+$", done.stdout, re.MULTILINE)
    assert re.search(r"^metrics +final_loss 0\.\d+ +final_val_loss 0\.\d+$", done.stdout, re.MULTILINE)
    assert "state      Succeeded" in done.stdout
    assert executed(out / "recommender.ipynb")[-1] == "The reloaded model predicts the same.\n"
    model = out / "models" / "recommender" / "1"
    assert (model / "saved_model.pb").stat().st_size > 10_000
    assert (model / "variables" / "variables.data-00000-of-00001").stat().st_size > 1e6


def test_income_runs_without_a_network(machine: Mltrain, podman: Podman, income: str, tmp_path: Path) -> None:
    out = tmp_path / "out"
    few = ("-p", "n_estimators", "10", "-p", "explain", "[0]")
    done = machine.run("run-image", income, "--network", "none", "--output", out, *few)
    assert re.search(r"^metrics +train_accuracy 0\.9\d+ +test_accuracy 0\.\d+$", done.stdout, re.MULTILINE)
    texts = executed(out / "income.ipynb")
    assert "idx 0: " in texts[-2], "explained by alibi"
    assert texts[-1].endswith("The reloaded model predicts the same, from raw rows.\n")
    assert (out / "models" / "income" / "1" / "model.joblib").stat().st_size > 10_000


def test_income_has_the_figures_of_the_book(
    machine: Mltrain, podman: Podman, income: str, real_data: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    data = ("--volume", f"{real_data / 'income'}:/data:ro", "-p", "data_dir", "/data", "-p", "explain", "[0]")
    machine.run("run-image", income, "--network", "none", "--output", out, *data)
    text = "".join(executed(out / "income.ipynb"))
    assert "Train accuracy: 0.9655333333333334\nTest accuracy:  0.855859375\n" in text


@pytest.mark.parametrize("network", ["none", "host"])
def test_without_a_network_nothing_is_reached(
    ground: RealGround, machine: Mltrain, podman: Podman, probe: str, tmp_path: Path, network: str
) -> None:
    port = ground.registry.port
    machine.run("run-image", probe, "--network", network, "--output", tmp_path / "out", "-p", "port", port)
    found = said(tmp_path / "out")
    assert found["reached"] is (network == "host")
    assert (found["interfaces"] == ["lo"]) is (network == "none")


def test_an_image_of_gzip_layers_runs(ground: RealGround, machine: Mltrain, podman: Podman, tmp_path: Path) -> None:
    reference, _ = push(machine, "notebooks/probe.ipynb", ground.repository("probe-gzip"), "--compression", "gzip")
    layers = json.loads(skopeo("inspect", "--raw", f"docker://{reference}"))["layers"]
    assert {layer["mediaType"] for layer in layers} == {"application/vnd.oci.image.layer.v1.tar+gzip"}
    machine.run("run-image", reference, "--network", "none", "--output", tmp_path / "out")
    assert said(tmp_path / "out")["reached"] is False


# --- as pods of a cluster


def pod_environment() -> dict[str, str]:
    """Return variables as a job's pod has them."""
    return {
        "HOME": labels.CONTAINER_HOME,
        labels.ENV_PARAMETERS: '{"port": 5}',
        labels.ENV_OUTPUT_URI: "/outputs",
        labels.ENV_JOB: "probe-1",
        labels.ENV_ROLE: "Worker",
        labels.ENV_LEADER: "1",
    }


def outputs(folder: Path, user: int, group: int) -> Path:
    folder.mkdir()
    shutil.chown(folder, user, group)
    return folder


@pytest.mark.parametrize(("user", "group"), [(UID, GID), (123456, 0)], ids=["pod's user", "any user"])
def test_an_image_runs_as_a_restricted_pod(podman: Podman, probe: str, tmp_path: Path, user: int, group: int) -> None:
    out = outputs(tmp_path / "out", user, group)
    podman.run("pull", "--quiet", "--tls-verify=false", probe)
    podman.run(
        *("run", "--rm", "--network", "none", "--user", f"{user}:{group}", "--passwd=false"),
        *("--read-only", "--read-only-tmpfs=false", "--tmpfs", f"{labels.CONTAINER_HOME}:rw,mode=1777"),
        *("--cap-drop", "ALL", "--security-opt", "no-new-privileges"),
        *("--volume", f"{out}:/outputs", "--entrypoint", json.dumps(COMMAND)),
        *(f"--env={name}={value}" for name, value in pod_environment().items()),
        probe,
    )
    home = labels.CONTAINER_HOME
    assert said(out) == {
        **{"user": user, "group": group, "name": "mltrain", "reached": False, "interfaces": ["lo"]},
        **{"folder": home, "drafts": home, "writable": [home]},
    }


@pytest.fixture
def containerd(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Containerd]:
    with containerd_in(tmp_path_factory.mktemp("containerd") / "its") as found:
        yield found


def test_an_image_runs_under_containerd(containerd: Containerd, probe: str, tmp_path: Path) -> None:
    out = outputs(tmp_path / "out", UID, GID)
    containerd.ctr("images", "pull", "--plain-http", probe)
    mount = f"type=bind,src={out},dst=/outputs,options=rbind:rw"
    variables = (f"--env={name}={value}" for name, value in pod_environment().items())
    containerd.ctr("run", "--rm", "--mount", mount, *variables, probe, "probe-1")
    found = said(out)
    assert (found["user"], found["group"], found["folder"]) == (UID, GID, labels.CONTAINER_HOME)
    assert (found["reached"], found["writable"]) == (False, [labels.CONTAINER_HOME])


# --- what others read of it


def skopeo(command: str, *arguments: object) -> str:
    options = ["--src-tls-verify=false"] if command == "copy" else ["--tls-verify=false"]
    done = subprocess.run(["skopeo", command, *options, *map(str, arguments)], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_skopeo_inspects_and_copies(probe: str, tmp_path: Path) -> None:
    found = json.loads(skopeo("inspect", f"docker://{probe}"))
    assert found["Digest"] == probe.partition("@")[2]
    assert found["Labels"][labels.ANNOTATION_NOTEBOOK] == "probe.ipynb"
    assert f"{labels.ENV_PROGRAM}={found['Labels'][labels.ANNOTATION_PROGRAM]}" in found["Env"]
    skopeo("copy", "--preserve-digests", f"docker://{probe}", f"oci:{tmp_path / 'copy'}:here")
    copied = json.loads((tmp_path / "copy" / "index.json").read_text())["manifests"]
    assert [entry["digest"] for entry in copied] == [found["Digest"]]
    for path in (tmp_path / "copy" / "blobs" / "sha256").iterdir():
        assert oci.digest_of(path.read_bytes()) == f"sha256:{path.name}"


def test_the_bill_of_materials_lists_what_is_installed(podman: Podman, income: str) -> None:
    podman.run("pull", "--quiet", "--tls-verify=false", income)
    inside = ("run", "--rm", "--network", "none", "--entrypoint")
    code = "import importlib.metadata as m; print(*(f'{d.name}=={d.version}' for d in m.distributions()), sep='\\n')"
    installed = podman.run(*inside, "python", income, "-c", code).split()
    bill = json.loads(podman.run(*inside, "cat", income, SBOM))
    listed = [f"{one['name']}=={one['version']}" for one in bill["components"] if one["type"] == "library"]
    assert sorted(map(normal, listed)) == sorted(map(normal, installed))
    assert "alibi==0.9.4" in listed
    below = [one for one in bill["components"] if one["type"] == "container"]
    base = json.loads(podman.run("image", "inspect", income))[0]["Labels"][BASE_DIGEST]
    assert [one["version"] for one in below] == [base]


def normal(requirement: str) -> str:
    name, sign, version = requirement.partition("==")
    return f"{canonicalize_name(name)}{sign}{version}"

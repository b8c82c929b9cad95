"""``mltrain run-image`` with a real podman: a notebook runs in a container as a job's pod would run it."""

import json
import os
import shlex
import shutil
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from jupyter_mltrain.notebook.program import Program
from tests.image.base_image import Layout, debian_base
from tests.image.registry_server import registry_server
from tests.image.runnable import image_of, packages, podman_environment, program_of
from tests.support import Mltrain

__all__ = ["debian_base"]

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not shutil.which("podman") or os.geteuid() != 0, reason="podman is not installed, or not root"),
]

PROGRAM = program_of(
    "import os, json, pathlib\nfrom jupyter_mltrain import run\n"
    "assert count > 0, 'nothing to do'\n"
    "run.report(count, loss=1 / count)\n"
    "data = pathlib.Path(run.channels['data'], 'x.txt').read_text() if 'data' in run.channels else ''\n"
    "said = {'user': os.getuid(), 'group': os.getgid(), 'data': data, 'extra': os.environ.get('EXTRA'),"
    " 'network': sorted(os.listdir('/sys/class/net'))}\n"
    "pathlib.Path(run.output_dir, 'deep').mkdir(exist_ok=True)\n"
    "pathlib.Path(run.output_dir, 'deep', 'said.json').write_text(json.dumps(said))",
    parameters="count: int = 2  # how many\nname: str = 'x'",
)
WAITING = program_of(
    "import pathlib, time\nfrom jupyter_mltrain import run\n"
    "for second in range(6000):\n"
    "    if pathlib.Path(run.output_dir, 'go').exists():\n        break\n"
    "    time.sleep(0.1)"
)


@pytest.fixture(scope="module")
def podman(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """podman with a storage of its own."""
    folder = tmp_path_factory.mktemp("podman")
    environment = podman_environment(folder)
    yield environment
    subprocess.run(["podman", "rm", "--all", "--force"], env={**os.environ, **environment}, capture_output=True)
    subprocess.run(["umount", str(folder / "storage" / "overlay")], capture_output=True)
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def mltrain(tmp_path: Path, podman: dict[str, str]) -> Iterator[Mltrain]:
    (tmp_path / "cwd").mkdir()
    runner = Mltrain(tmp_path / "home", tmp_path / "cwd")
    runner.env |= podman
    yield runner
    assert containers(runner) == "", "a container is removed at its end"


def containers(runner: Mltrain) -> str:
    return subprocess.run(
        ["podman", "ps", "--all", "--quiet"], env=runner.env, stdout=subprocess.PIPE, text=True, check=True
    ).stdout


@pytest.fixture
def image(debian_base: Layout, tmp_path: Path) -> Any:
    def make(runs: Program = PROGRAM) -> Path:
        return image_of(debian_base, runs, tmp_path / "an Image")  # not a name that podman could make one of

    return make


def test_a_notebook_runs_with_parameters_inputs_and_outputs(mltrain: Mltrain, image: Any) -> None:
    (mltrain.cwd / "data").mkdir()
    (mltrain.cwd / "data" / "x.txt").write_text("input")
    done = mltrain.run(
        *("run-image", image(), "-p", "count", "4", "--channel", "data=data", "--output", "out", "--network", "none"),
        *("--env", "EXTRA=more", "--cpu", "1500m", *packages()),
    )
    assert "cell       3/3  import os, json, pathlib" in done.stdout
    assert "metrics    step 4  loss 0.25" in done.stdout
    assert "state      Succeeded" in done.stdout
    out = mltrain.cwd / "out"
    assert f"notebook   {out / 'train.ipynb'}" in done.stdout
    said = json.loads((out / "deep" / "said.json").read_text())
    assert said == {"user": 1000, "group": 100, "data": "input", "extra": "more", "network": ["lo"]}
    assert {path.owner() for path in (out, *out.rglob("*"))} == {"root"}, "the caller's, not the container's user's"
    notebook = json.loads((out / "train.ipynb").read_text())
    assert notebook["cells"][1]["source"] == ["# Parameters\n", "count = 4\n"]


def test_a_second_run_may_use_the_same_folder(mltrain: Mltrain, image: Any) -> None:
    arguments = ("run-image", image(), "--network", "none", *packages())
    assert mltrain.json(*arguments)["status"] == "succeeded"
    found = mltrain.json(*arguments, "-p", "count", "3")
    notebook = mltrain.cwd / "outputs" / "train.ipynb"
    assert (found["exitCode"], found["program"], found["notebook"]) == (0, PROGRAM.digest, str(notebook))
    assert "count = 3" in notebook.read_text()


def test_a_cell_that_fails_is_a_run_that_failed(mltrain: Mltrain, image: Any) -> None:
    done = mltrain.run("run-image", image(), "-p", "count", "0", "--network", "none", *packages(), code=1)
    assert "state      Failed\nerror      cell 3: AssertionError: nothing to do" in done.stdout


@pytest.mark.parametrize(
    ("arguments", "words", "code"),
    [
        (["-p", "count", "many"], "'many' is not a whole number", 2),
        (["-p", "cuont", "1"], "no parameter 'cuont'", 2),
        (["--channel", "data=nowhere"], "'nowhere' is not there", 2),
        (["--volume", "data"], "is not SRC:DST", 2),
        (["--volume", ".:relative"], "begins with /", 2),
        (["--memory", "much"], "not a Kubernetes quantity", 2),
        (["--output", "/"], "is no folder for outputs", 2),
        (["--network", "no-such-network"], "podman could not run the container", 3),
    ],
)
def test_wrong_input_is_refused(mltrain: Mltrain, image: Any, arguments: list[str], words: str, code: int) -> None:
    done = mltrain.run("run-image", image(), *arguments, code=code)
    assert words in done.stderr


def test_what_runs_no_notebook_is_refused(mltrain: Mltrain, debian_base: Layout, tmp_path: Path) -> None:
    assert "This image runs no notebook" in mltrain.run("run-image", debian_base.folder, code=2).stderr
    assert "cannot get the image" in mltrain.run("run-image", "localhost:1/me/none", code=3).stderr
    assert "is not the name of an image" in mltrain.run("run-image", "No Image", code=2).stderr


@pytest.mark.parametrize("signum", [signal.SIGINT, signal.SIGTERM])
def test_who_is_stopped_stops_the_container_in_order(mltrain: Mltrain, image: Any, signum: int) -> None:
    process = mltrain.start("run-image", image(WAITING), "--network", "none", *packages())
    assert process.stdout is not None
    for line in process.stdout:
        if line.startswith("cell"):
            break
    process.send_signal(signum)
    rest, errors = process.communicate(timeout=60)
    assert process.returncode == 130, errors
    assert "state      Stopped" in rest
    notebook = json.loads((mltrain.cwd / "outputs" / "train.ipynb").read_text())
    assert "KeyboardInterrupt" in json.dumps(notebook), "the runner had its grace"


def test_where_the_reader_went_away_the_container_ends(mltrain: Mltrain, image: Any) -> None:
    process = mltrain.start("run-image", image(WAITING), "--network", "none", *packages())
    assert process.stdout is not None
    assert process.stdout.readline().startswith("Running")
    process.stdout.close()
    assert process.wait(60) == 141
    assert process.stderr is not None
    process.stderr.close()


def test_if_mltrain_is_killed_the_container_goes_on_to_its_end(mltrain: Mltrain, image: Any) -> None:
    process = mltrain.start("run-image", image(WAITING), "--network", "none", *packages())
    assert process.stdout is not None
    for line in process.stdout:
        if line.startswith("cell"):
            break
    process.kill()
    process.communicate()
    container = containers(mltrain).strip()
    (mltrain.cwd / "outputs" / "go").touch()
    subprocess.run(["podman", "wait", "--condition=unknown", container], env=mltrain.env)
    assert '"status": "completed"' in (mltrain.cwd / "outputs" / "train.ipynb").read_text()


def test_an_archive_runs_too(mltrain: Mltrain, image: Any, tmp_path: Path) -> None:
    archive = tmp_path / "image.tar"
    subprocess.run(["tar", "-C", image(), "-cf", archive, "."], check=True)
    assert mltrain.json("run-image", archive, "--network", "none", *packages())["status"] == "succeeded"


def test_an_image_of_a_registry_on_this_machine_is_pulled(mltrain: Mltrain, image: Any, tmp_path: Path) -> None:
    with registry_server(tmp_path / "registry") as registry:
        name = f"{registry.host}/me/train:1"
        copy = ["skopeo", "copy", "--dest-tls-verify=false", f"oci:{image()}:latest", f"docker://{name}"]
        subprocess.run(copy, check=True, capture_output=True)
        found = mltrain.json("run-image", name, "--network", "none", *packages())
        assert (found["image"], found["status"]) == (name, "succeeded")
    found = mltrain.json("run-image", name, "--network", "none", *packages())
    assert found["status"] == "succeeded", "the registry is gone, but podman has the image"


def test_a_terminal_gets_a_panel_that_is_drawn_over_itself(mltrain: Mltrain, image: Any) -> None:
    command = mltrain.command("run-image", image(), "--network", "none", *packages())
    line = " ".join(shlex.quote(part) for part in command)
    done = subprocess.run(
        ["script", "--quiet", "--return", "--command", line, "/dev/null"],
        env={**mltrain.env, "TERM": "xterm-256color"},
        cwd=mltrain.cwd,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0
    assert "● Running" in done.stdout
    assert "✓ Succeeded" in done.stdout
    assert "\x1b[1A" in done.stdout, "lines are drawn again"


def test_without_a_runtime_the_hint_names_one(mltrain: Mltrain) -> None:
    path, mltrain.env["PATH"] = mltrain.env["PATH"], str(mltrain.cwd)
    done = mltrain.run("run-image", "x", code=3)
    mltrain.env["PATH"] = path
    assert "podman or docker is not installed" in done.stderr
    assert "apt-get install podman" in done.stderr

"""What podman and docker are told, and how a folder is lent: no engine is needed for that."""

import os
from pathlib import Path

import pytest

from jupyter_mltrain.errors import ImageError, InvalidInput, NotInstalled
from jupyter_mltrain.image.containers import Container, Engine, Mount, refusal

CONTAINER = Container(
    "mltrain-train-1",
    "sha256:abc",
    {"MLTRAIN_PARAMETERS": '{"secret": 1}'},
    ["EXTRA=more"],
    [Mount(Path("/data"), "/channels/data", read_only=True), Mount(Path("/out"), "/outputs")],
    gpus="0,1",
    cpus=1.5,
    memory=2**30,
    network="none",
)
GUARDED = ["--cap-drop", "ALL", "--security-opt", "no-new-privileges", "--security-opt", "label=disable"]
REST = [
    *["--shm-size", "1073741824", "--network", "none", "--cpus", "1.5", "--memory", "1073741824"],
    "GPUS",
    *["--volume", "/data:/channels/data:ro", "--volume", "/out:/outputs"],
    *["--env", "MLTRAIN_PARAMETERS", "--env", "EXTRA=more", "sha256:abc"],
]
NAMED = ["--rm", "--name", "mltrain-train-1", "--pull", "never"]
CDI = ["--device", "nvidia.com/gpu=0", "--device", "nvidia.com/gpu=1"]


def with_gpus(*options: str) -> list[str]:
    at = REST.index("GPUS")
    return [*REST[:at], *options, *REST[at + 1 :]]


@pytest.mark.parametrize(
    ("engine", "expected"),
    [
        (
            Engine("podman", root=True),
            ["podman", "--log-level", "error", "run", *NAMED, "--user", "1000:100", *GUARDED, *with_gpus(*CDI)],
        ),
        (
            Engine("podman", root=False),
            [
                *["podman", "--log-level", "error", "run", *NAMED, "--userns", "keep-id:uid=1000,gid=100"],
                *["--user", "1000:100", *GUARDED, *with_gpus(*CDI)],
            ],
        ),
        (
            Engine("docker", root=True),
            ["docker", "run", *NAMED, "--user", "1000:100", *GUARDED, *with_gpus("--gpus", '"device=0,1"')],
        ),
        (
            Engine("docker", root=False),
            [
                *["docker", "run", *NAMED, "--user", f"{os.geteuid()}:{os.getegid()}", *GUARDED],
                *with_gpus("--gpus", '"device=0,1"'),
            ],
        ),
    ],
)
def test_the_whole_command_line(engine: Engine, expected: list[str]) -> None:
    assert engine.command(CONTAINER) == expected


def test_what_is_not_asked_for_is_not_said() -> None:
    command = Engine("podman", root=True).command(Container("n", "i"))
    assert not {"--network", "--cpus", "--memory", "--device", "--volume", "--env"} & set(command)
    assert int(command[command.index("--shm-size") + 1]) > 2**20


def test_podman_comes_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(NotInstalled, match="podman or docker is not installed"):
        Engine.find()
    for name in ("docker", "podman"):
        (tmp_path / name).write_text("#!/bin/sh\n")
        (tmp_path / name).chmod(0o755)
        assert Engine.find().name == name
    assert Engine.find("docker").name == "docker"


def test_docker_loads_a_layout_as_an_archive(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """docker itself is not there: what it would be sent is."""
    script = '#!/bin/sh\n[ "$1" = load ] && tar -tf - > "$0.got" && echo "Loaded image ID: sha256:abc"\n'
    script += '[ "$1" = image ] && echo "[{}]"\nexit 0\n'
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "docker").write_text(script)
    (tmp_path / "bin" / "docker").chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}:{os.environ['PATH']}")
    (tmp_path / "layout").mkdir()
    (tmp_path / "layout" / "index.json").write_text("{}")
    assert Engine("docker").pull(str(tmp_path / "layout")) == "sha256:abc"
    assert "index.json" in (tmp_path / "bin" / "docker.got").read_text()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can lend a folder")
def test_a_folder_is_lent_and_taken_back(tmp_path: Path) -> None:
    folder = tmp_path / "out"
    (folder / "mine").mkdir(parents=True)
    (folder / "others").touch()
    os.chown(folder / "others", 4321, 4321)
    (folder / "outside").symlink_to(tmp_path / "outside")
    (tmp_path / "outside").touch()
    with Engine("podman", root=True).lent(folder):
        assert [owner(path) for path in (folder, folder / "mine", folder / "others")] == [1000, 1000, 4321]
        (folder / "new").touch()
        os.chown(folder / "new", 1000, 100)
    assert [owner(path) for path in (folder, folder / "mine", folder / "others")] == [0, 0, 4321]
    assert owner(folder / "new") == 0
    assert owner(tmp_path / "outside") == 0


def owner(path: Path) -> int:
    return path.lstat().st_uid


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can lend a folder")
@pytest.mark.parametrize("folder", ["/", "/etc", Path.home(), Path.cwd().parent])
def test_nobody_lends_a_whole_home(folder: str) -> None:
    with pytest.raises(InvalidInput, match="no folder for outputs"), Engine("podman", root=True).lent(Path(folder)):
        pass


@pytest.mark.parametrize(("source", "target"), [("/a:b", "/x"), ("/a", "/x:y"), ("/a", "x")])
def test_what_cannot_be_mounted(source: str, target: str) -> None:
    with pytest.raises(InvalidInput, match="cannot be mounted"):
        Mount(Path(source), target)


def test_exit_codes_of_the_engine_are_no_ends_of_the_notebook() -> None:
    engine = Engine("podman")
    assert refusal(engine, 1, ["x"]) is None
    error = refusal(engine, 125, ["first", "Error: no such network", ""])
    assert error is not None
    assert error.message.endswith("no such network")
    assert isinstance(refusal(engine, 127, []), ImageError)

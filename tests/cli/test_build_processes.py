"""``mltrain build`` by several processes at once, killed at any moment, interrupted, and on a full disk."""

import json
import os
import random
import signal
import subprocess
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

from tests.image.building import LARGE, Workshop, workshop
from tests.image.fault_proxy import fault_proxy

__all__ = ["workshop"]


def start(workshop: Workshop, notebook: Path, *options: object, **env: str) -> "subprocess.Popen[str]":
    """Start a build in a process group of its own, as a terminal does."""
    mltrain = workshop.at(env)
    command = mltrain.command(*workshop.arguments(notebook, *options))
    return subprocess.Popen(
        command,
        env=mltrain.env,
        cwd=mltrain.cwd,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


def finished(builds: list["subprocess.Popen[str]"]) -> list[str]:
    """Return the digests of builds that all succeed."""
    ends = [build.communicate(timeout=120) for build in builds]
    assert [build.returncode for build in builds] == [0] * len(builds), ends
    return [json.loads(out)["digest"] for out, _ in ends]


def left_behind(workshop: Workshop) -> list[Path]:
    """Return drafts and locks that nobody holds."""
    return [path for name in ("drafts", "locks") for path in (workshop.cache / name).glob("*")]


def until(true: Callable[[], bool], process: "subprocess.Popen[str]") -> None:
    """Wait until something has happened, or the process is over."""
    deadline = time.monotonic() + 60
    while not true() and process.poll() is None:
        assert time.monotonic() < deadline
        time.sleep(0.005)


@pytest.mark.slow
def test_builds_at_once_share_their_work(workshop: Workshop) -> None:
    """Four builds of two notebooks with the same packages, on a machine that never built anything."""
    one, two = workshop.notebook("print(1)"), workshop.notebook("print(2)", name="other.ipynb")
    jobs = [(one, "me/one"), (two, "me/two"), (one, "me/three"), (two, "me/two")]
    digests = finished(
        [start(workshop, notebook, "--push", workshop.target(name), "--json") for notebook, name in jobs]
    )
    assert digests[0] == digests[2] != digests[1] == digests[3]
    fetched = Counter(workshop.fetched())
    assert fetched["beta-1.5-py3-none-any.whl"] == 1
    assert set(fetched.values()) == {1}
    for repository, digest in zip(("me/one", "me/two", "me/three"), digests, strict=False):
        workshop.inspect(workshop.target(f"{repository}@{digest}"))
    assert left_behind(workshop) == []
    assert workshop.push(one)["digest"] == digests[0]


@pytest.mark.slow
def test_a_build_that_is_killed_at_any_moment_harms_nothing(workshop: Workshop) -> None:
    workshop.settings(cache_tags=False)
    notebook = workshop.notebook()
    expected = workshop.build(notebook, env=workshop.fresh("untouched"))["digest"]
    random_ = random.Random(7)
    whole = 1.5  # seconds that a build takes, about
    for number in range(12):
        # Each time there is a wheel layer to make, and a new repository to push to.
        for blob in (workshop.cache / "blobs").rglob("*.*"):
            if random_.random() < 0.5:
                blob.unlink()
        build = start(workshop, notebook, "--push", workshop.target(f"me/kill{number}:latest"), "--json")
        try:
            build.wait(timeout=0.3 + random_.random() * whole)
        except subprocess.TimeoutExpired:
            os.killpg(build.pid, signal.SIGKILL)
        build.communicate()
    built = workshop.push(notebook, to="me/kill0:latest")
    assert built["digest"] == expected
    assert workshop.inspect(workshop.target("me/kill0:latest"))["Digest"] == expected
    assert workshop.push(notebook, to="me/kill11:latest")["digest"] == expected
    assert left_behind(workshop) == []
    sizes = [(path.stat().st_size, int(path.suffix[1:])) for path in (workshop.cache / "blobs").rglob("*.*")]
    assert all(size == told for size, told in sizes)


def interrupted(build: "subprocess.Popen[str]", sign: int) -> str:
    """Interrupt a build, and return what it said: no process of it is left."""
    os.kill(build.pid, sign)
    _, err = build.communicate(timeout=20)
    assert build.returncode == 128 + sign
    assert "Traceback" not in err
    assert not [each for each in psutil.process_iter() if _session(each) == build.pid]
    return err


def _session(process: psutil.Process) -> int:
    try:
        return os.getsid(process.pid)
    except ProcessLookupError:
        return -1


@pytest.mark.slow
@pytest.mark.parametrize("sign", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("moment", ["resolving", "fetching", "pushing"])
def test_an_interrupt_ends_a_build_at_once(workshop: Workshop, moment: str, sign: int) -> None:
    """The index, or the registry, does not answer: the build waits for it when the interrupt comes."""
    notebook = workshop.notebook()
    with fault_proxy(workshop.registry.host) as registry, fault_proxy(f"127.0.0.1:{workshop.index.port}") as index:
        workshop.settings()
        if moment == "pushing":
            registry.fails("PUT", "blobs/uploads", hang=True, times=100)
        else:
            index.fails("GET", "/simple/beta" if moment == "resolving" else "whl$", hang=True, times=100)
        build = start(
            workshop,
            notebook,
            *("--push", f"{registry.host}/me/train"),
            UV_DEFAULT_INDEX=f"http://{index.host}/simple",
        )
        waited = registry if moment == "pushing" else index
        pattern = {"resolving": "/simple/beta", "fetching": "whl$", "pushing": "digest="}[moment]
        until(lambda: any(_fits(seen.path, pattern) for seen in waited.seen), build)
        assert build.poll() is None, build.communicate()
        interrupted(build, sign)
    assert workshop.push(notebook)["digest"]
    assert left_behind(workshop) == []


def _fits(path: str, pattern: str) -> bool:
    return path.endswith("whl") if pattern == "whl$" else pattern in path


def test_a_full_disk(workshop: Workshop, small_disk: Path) -> None:
    notebook = workshop.notebook()
    ballast = small_disk / "ballast"
    env = {"MLTRAIN_HOME": str(small_disk / "home")}
    for free in (0, 16 << 10, 100 << 10, LARGE // 2, LARGE):
        ballast.unlink(missing_ok=True)
        status = os.statvfs(small_disk)
        ballast.write_bytes(bytes(max(status.f_bavail * status.f_frsize - free, 0)))
        code, message, hint = workshop.refused(notebook, "--push", workshop.target(), env=env, code=3)
        assert code == "storage"
        assert "No space left on device" in message
        assert "Free some space there, or set MLTRAIN_HOME" in hint
        assert list((small_disk / "home" / "cache" / "images" / "drafts").glob("*")) == []
    ballast.unlink()
    built = workshop.push(notebook, env=env)
    assert built["digest"] == workshop.push(notebook, env=workshop.fresh())["digest"]


def test_a_full_disk_for_the_image(workshop: Workshop, small_disk: Path) -> None:
    notebook = workshop.notebook()
    (small_disk / "ballast").write_bytes(bytes(900 << 10))
    for name in ("folder", "image.tar"):
        code, message, hint = workshop.refused(notebook, "--output", small_disk / name, code=3)
        assert code == "storage"
        assert "No space left on device" in message
        assert "Free some space" in hint
    assert not (small_disk / "image.tar").exists()
    (small_disk / "ballast").unlink()
    for name in ("folder", "image.tar"):
        assert workshop.build(notebook, "--output", small_disk / name)["path"] == str(small_disk / name)


def test_a_full_disk_for_the_resolver(workshop: Workshop, small_disk: Path) -> None:
    notebook = workshop.notebook()
    status = os.statvfs(small_disk)
    (small_disk / "ballast").write_bytes(bytes(status.f_bavail * status.f_frsize))
    env = {**workshop.fresh(), "UV_CACHE_DIR": str(small_disk)}
    code, message, hint = workshop.refused(notebook, env=env, code=3)
    assert code == "storage"
    assert "the disk is full" in message
    assert "UV_CACHE_DIR" in hint
    (small_disk / "ballast").unlink()
    assert workshop.build(notebook, env=env)["digest"]


@pytest.mark.slow
def test_builds_at_once_may_write_to_one_folder(workshop: Workshop) -> None:
    one, two = workshop.notebook("print(1)"), workshop.notebook("print(2)", name="other.ipynb")
    folder = workshop.folder / "layout"
    digests = finished([start(workshop, notebook, "--output", folder, "--json") for notebook in (one, two, one)])
    index = json.loads((folder / "index.json").read_bytes())
    assert {each["digest"] for each in index["manifests"]} == set(digests)
    assert len(set(digests)) == 2


def test_a_cache_that_cannot_be_written(workshop: Workshop) -> None:
    (workshop.folder / "file").write_text("")
    env = {"MLTRAIN_HOME": str(workshop.folder / "file")}
    code, _, hint = workshop.refused(workshop.notebook(), env=env, code=3)
    assert code == "storage"
    assert "MLTRAIN_HOME" in hint


@pytest.mark.skipif(os.geteuid() != 0, reason="needs a mount that only root can make")
def test_a_cache_on_a_disk_for_reading_only(workshop: Workshop, tmp_path: Path) -> None:
    notebook = workshop.notebook()
    workshop.push(notebook)
    home = workshop.mltrain.home
    subprocess.run(["mount", "--bind", home, home], check=True)
    try:
        subprocess.run(["mount", "-o", "remount,ro,bind", home], check=True)
        code, message, hint = workshop.refused(workshop.notebook("print(2)"), "--push", workshop.target(), code=3)
    finally:
        subprocess.run(["umount", "-l", home], check=True)
    assert code == "storage"
    assert "Read-only file system" in message
    assert "MLTRAIN_HOME" in hint

"""What runs images, with all that it keeps in one folder, of which nothing is left when the block ends."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from threading import Thread

import pytest

from tests.image.runnable import podman_environment

CONTAINERD_CONFIG = """
version = 2
root = "{folder}/root"
state = "{folder}/state"
disabled_plugins = ["io.containerd.grpc.v1.cri"]
[grpc]
  address = "{folder}/containerd.sock"
[ttrpc]
  address = "{folder}/containerd.sock.ttrpc"
"""


@dataclass(frozen=True)
class Podman:
    """podman with runc. ``env`` are the variables by which every podman finds this one's images."""

    env: dict[str, str]

    def run(self, *arguments: object) -> str:
        """Run a command and return what it prints."""
        return _checked("podman", "--log-level", "error", *arguments, env=self.env)


@dataclass(frozen=True)
class Containerd:
    """A containerd of its own, asked by its tool ``ctr``."""

    address: Path

    def ctr(self, *arguments: object) -> str:
        """Run a command and return what it prints."""
        return _checked("ctr", "--address", self.address, *arguments)


@contextmanager
def podman_in(folder: Path) -> Iterator[Podman]:
    """Give podman a storage; skip the test where it cannot run."""
    _require("podman", "runc")
    podman = Podman(podman_environment(folder))
    asked = subprocess.run(["podman", "info"], env={**os.environ, **podman.env}, capture_output=True, text=True)
    if asked.returncode:
        pytest.skip(f"podman does not work here: {asked.stderr.strip()}")
    try:
        yield podman
    finally:
        podman.run("rm", "--all", "--force")
        _remove(folder)


@contextmanager
def containerd_in(folder: Path) -> Iterator[Containerd]:
    """Run containerd until the block ends; skip the test where it cannot run."""
    _require("containerd", "containerd-shim-runc-v2", "ctr", "runc")
    folder.mkdir()
    config = folder / "config.toml"
    config.write_text(CONTAINERD_CONFIG.format(folder=folder))
    process = _start(["containerd", "--config", str(config)])
    containerd = Containerd(folder / "containerd.sock")
    try:
        yield containerd
    finally:
        for name in containerd.ctr("containers", "list", "--quiet").split():  # of a test that was ended
            containerd.ctr("tasks", "delete", "--force", name)
            containerd.ctr("containers", "delete", name)
        process.send_signal(signal.SIGTERM)
        process.wait()
        _remove(folder)


def _require(*programs: str) -> None:
    missing = [program for program in programs if shutil.which(program) is None]
    if missing:
        pytest.skip(f"{' and '.join(missing)} not installed")
    if os.geteuid() != 0:
        pytest.skip("only root may run containers on each of these")


def _checked(*command: object, env: Mapping[str, str] | None = None) -> str:
    arguments = list(map(str, command))
    done = subprocess.run(
        arguments, env={**os.environ, **(env or {})}, stdin=subprocess.DEVNULL, capture_output=True, text=True
    )
    assert done.returncode == 0, (arguments, done.returncode, done.stdout, done.stderr)
    return done.stdout


def _start(command: list[str]) -> subprocess.Popen[str]:
    """Start containerd and wait for the line in which it says that it is ready."""
    # A test run that is killed takes it along.
    guard = ["setpriv", "--pdeathsig", "KILL"] if shutil.which("setpriv") else []
    process = subprocess.Popen([*guard, *command], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    assert process.stderr is not None
    line = ""
    for line in process.stderr:
        if "successfully booted" in line:
            Thread(target=_drain, args=(process,), daemon=True).start()
            return process
    process.wait()
    process.stderr.close()
    pytest.skip(f"containerd does not start here: {line.strip()}")


def _drain(process: subprocess.Popen[str]) -> None:
    assert process.stderr is not None
    with process.stderr:
        for _ in process.stderr:
            pass


def _remove(folder: Path) -> None:
    """Remove a folder, and before it what is mounted in it."""
    lines = Path("/proc/self/mounts").read_text().splitlines()
    mounted = [place for line in lines if Path(place := line.split()[1]).is_relative_to(folder)]
    for place in reversed(mounted):
        subprocess.run(["umount", "--lazy", place], check=True)
    shutil.rmtree(folder)

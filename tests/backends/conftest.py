"""A local backend in a folder of its own, and jobs whose replicas do what the test says, when it says so."""

from __future__ import annotations

import asyncio
import contextlib
import os
import select
import signal
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from jupyter_mltrain.backends.local import LocalBackend, memory
from jupyter_mltrain.model.job import JobRef, JobStatus, Manifest

PATIENCE = 60  # seconds before a test that waits for something gives up

CONTAINERS = {"TFJob": "tensorflow", "PyTorchJob": "pytorch", "Job": "main"}
ROLES = {"TFJob": "tfReplicaSpecs", "PyTorchJob": "pytorchReplicaSpecs"}


def make_manifest(
    name: str,
    command: list[str] | str,
    *,
    kind: str = "TFJob",
    replicas: dict[str, int] | None = None,
    restart: str = "Never",
    container: dict[str, Any] | None = None,
    pod: dict[str, Any] | None = None,
    policy: dict[str, Any] | None = None,
    **spec: Any,
) -> Manifest:
    """Return a manifest; a command that is a text is a line for the shell."""
    words = ["sh", "-c", command] if isinstance(command, str) else command
    main = {"name": CONTAINERS[kind], "image": "none:1", "command": words, **(container or {})}
    template = {"spec": {"containers": [main], **(pod or {})}}
    if kind == "Job":
        template["spec"]["restartPolicy"] = restart
        body = {"template": template, **(policy or {}), **spec}
        return {"apiVersion": "batch/v1", "kind": kind, "metadata": {"name": name}, "spec": body}
    roles = {
        role: {"replicas": count, "restartPolicy": restart, "template": template}
        for role, count in (replicas or {"Worker": 1}).items()
    }
    body = {"runPolicy": policy or {}, ROLES[kind]: roles, **spec}
    return {"apiVersion": "kubeflow.org/v1", "kind": kind, "metadata": {"name": name}, "spec": body}


class Machine:
    """A data folder with a backend, driven from plain test functions."""

    def __init__(self, home: Path, slots: int | None = None) -> None:
        self.home = home
        self.backend = LocalBackend(home, slots)
        self.cues = home.parent / "cues"
        self.cues.mkdir(exist_ok=True)
        self._cue_fds: list[int] = []

    # Jobs

    def submit(self, manifest: Manifest, job_id: str | None = None) -> JobRef:
        return asyncio.run(self.backend.submit(manifest, job_id=job_id or uuid.uuid4().hex[:8]))

    def run(self, name: str, command: list[str] | str, **options: Any) -> JobRef:
        return self.submit(make_manifest(name, command, **options))

    def status(self, ref: JobRef) -> JobStatus:
        return asyncio.run(self.backend.status(ref))

    def call(self, method: Callable[..., Awaitable[Any]], *arguments: Any) -> Any:
        async def awaited() -> Any:
            return await method(*arguments)

        return asyncio.run(awaited())

    def until(self, ref: JobRef, ready: Callable[[JobStatus], Any]) -> JobStatus:
        """Follow a job until something holds."""
        try:
            return asyncio.run(asyncio.wait_for(self._until(ref, ready), PATIENCE))
        except TimeoutError:
            raise AssertionError(f"never came: {self.status(ref)}") from None

    async def _until(self, ref: JobRef, ready: Callable[[JobStatus], Any]) -> JobStatus:
        async with _closing(self.backend.watch()) as changes:
            async for change in changes:
                assert not (change.type == "deleted" and change.ref == ref), "the job was deleted"
                if change.job is not None and change.job.ref == ref and ready(change.job):
                    return change.job
        raise AssertionError("the watch ended")

    def ended(self, ref: JobRef) -> JobStatus:
        """Wait until a job has ended."""
        return self.until(ref, lambda job: job.finished)

    def running(self, ref: JobRef, replicas: int = 1) -> JobStatus:
        """Wait until so many replicas run."""
        return self.until(ref, lambda job: sum(r.phase == "Running" for r in job.replicas) == replicas)

    def at_rest(self) -> None:
        """Wait until nothing of the folder runs any more."""
        while left := self.processes():  # what ends may start what follows
            for process in left:
                assert _ends(process.pid), process.cmdline()

    def log(self, ref: JobRef, replica: str) -> str:
        async def read() -> str:
            return "".join([chunk.text async for chunk in self.backend.logs(ref, replica)])

        return asyncio.run(read())

    def said(self, ref: JobRef, replica: str, word: str) -> None:
        """Wait until a replica has said a word."""

        async def read() -> None:
            async for chunk in self.backend.logs(ref, replica, follow=True):
                if word in chunk.text:
                    return
            raise AssertionError(f"{replica} never said {word!r}")

        asyncio.run(asyncio.wait_for(read(), PATIENCE))

    def events(self, ref: JobRef) -> set[tuple[str, str]]:
        return {(event.reason, event.message) for event in asyncio.run(self.backend.events(ref))}

    # Replicas that wait for their cue

    def waiting(self, name: str, *, kind: str = "TFJob", **options: Any) -> Manifest:
        """Return a job whose replicas wait for :meth:`cue` and end with the code that it gives."""
        command = f'cue="{self.cues}/$HOSTNAME"; mkfifo "$cue" 2> /dev/null; read code < "$cue"; exit $code'
        return make_manifest(name, command, kind=kind, **options)

    def cue(self, pod: str, code: int) -> None:
        """Let a replica end with an exit code, now or as soon as it asks."""
        path = self.cues / pod
        with contextlib.suppress(FileExistsError):
            os.mkfifo(path)
        descriptor = os.open(path, os.O_RDWR)
        self._cue_fds.append(descriptor)
        os.write(descriptor, f"{code}\n".encode())

    # Processes

    def processes(self) -> list[psutil.Process]:
        """Return all processes that belong to the data folder: supervisors, shims, replicas and what they started."""
        mark = os.fsencode(self.home)
        found = []
        for process in psutil.process_iter():
            try:
                command = Path(f"/proc/{process.pid}/cmdline").read_bytes()
                environment = Path(f"/proc/{process.pid}/environ").read_bytes()
                ours = mark in environment or (mark in command and b"-I\0-S" in command)
                if ours and process.pid != os.getpid() and process.status() != psutil.STATUS_ZOMBIE:
                    found.append(process)
            except (OSError, psutil.NoSuchProcess):
                continue
        return found

    def supervisors(self) -> list[psutil.Process]:
        return [p for p in self.processes() if any("local.supervisor" in word for word in _cmdline(p))]

    def shims(self) -> list[psutil.Process]:
        return [p for p in self.processes() if any(word.endswith("shim.py") for word in _cmdline(p))]

    def kill_supervisors(self) -> None:
        """Kill the supervisors and wait until they have let go of everything, the locks too."""
        for supervisor in self.supervisors():
            supervisor.kill()
            assert _ends(supervisor.pid)

    def close(self) -> None:
        killed = set()
        while left := self.processes():
            for process in left:
                try:
                    killed.add(process.environ().get("MLTRAIN_REPLICA_UID"))
                    process.send_signal(signal.SIGKILL)
                except psutil.NoSuchProcess:
                    continue
            assert all(_ends(process.pid) for process in left)
        for group in (group for uid in killed if uid for group in memory.find_groups(uid)):
            group.remove()
        for descriptor in self._cue_fds:
            os.close(descriptor)
        asyncio.run(self.backend.close())


def _cmdline(process: psutil.Process) -> list[str]:
    try:
        return process.cmdline()
    except psutil.NoSuchProcess:
        return []


def _ends(pid: int) -> bool:
    """Wait until a process has ended, taken in by its parent or not."""
    try:
        descriptor = os.pidfd_open(pid)
    except ProcessLookupError:
        return True
    try:
        return bool(select.select([descriptor], [], [], PATIENCE)[0])
    finally:
        os.close(descriptor)


class _closing:
    """Close an async generator at the end of a block."""

    def __init__(self, generator: AsyncIterator[Any]) -> None:
        self.generator = generator

    async def __aenter__(self) -> AsyncIterator[Any]:
        return self.generator

    async def __aexit__(self, *_: object) -> None:
        await self.generator.aclose()  # type: ignore[attr-defined]


@pytest.fixture
def make_machine(tmp_path: Path) -> Iterator[Callable[..., Machine]]:
    machines: list[Machine] = []

    def make(slots: int | None = 4, home: str = "home") -> Machine:
        machines.append(Machine(tmp_path / home, slots))
        return machines[-1]

    yield make
    for machine in machines:
        machine.close()


@pytest.fixture
def machine(make_machine: Callable[..., Machine]) -> Machine:
    return make_machine()


@pytest.fixture
def manifest() -> Callable[..., Manifest]:
    return make_manifest

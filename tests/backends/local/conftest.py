from __future__ import annotations

import contextlib
import os
import select
import sys
import uuid
from collections.abc import Callable, Iterator
from dataclasses import replace
from itertools import count
from pathlib import Path
from typing import Any

import psutil
import pytest

from jupyter_mltrain.backends.local import replica
from jupyter_mltrain.backends.local.bell import Bell
from jupyter_mltrain.backends.local.replica import ExitRecord, ReplicaSpec, RunState
from tests.disks import mounted_disk

PATIENCE = 60  # seconds before a test that waits for something gives up


class Run:
    """A run for a test, with a bell of its own to wait on."""

    def __init__(self, folder: Path, spec: ReplicaSpec) -> None:
        folder.parent.mkdir(parents=True, exist_ok=True)
        self.folder = folder
        self.bell = Bell(folder.parent / f"bell-{folder.name}")
        self.spec = replace(spec, bells=(self.bell.path,))

    def launch(self) -> Run:
        replica.launch(self.folder, self.spec)
        return self

    @property
    def now(self) -> replica.ReplicaRun:
        return replica.inspect(self.folder)

    def until(self, ready: Callable[[], Any]) -> None:
        """Wait until something holds, woken by the run's bell and by its shim's end."""
        end = replica.end_fd(self.folder)
        while not ready():
            woken, _, _ = select.select([self.bell, *([end] if end is not None else [])], [], [], PATIENCE)
            assert woken, f"nothing happened: {self.now}\n{self.output()}"
            self.bell.drain()
            if end in woken:
                assert ready(), f"ended too early: {self.now}\n{self.output()}\n{self.errors()}"
        if end is not None:
            os.close(end)

    def running(self) -> Run:
        self.until(lambda: self.now.state not in (RunState.ABSENT, RunState.LAUNCHING))
        assert self.now.state is RunState.RUNNING, self.now
        return self

    def ended(self) -> ExitRecord:
        self.until(lambda: self.now.exit)
        record = self.now.exit
        assert record is not None
        return record

    def said(self, text: str) -> Run:
        """Wait for the end of a line in the log."""
        with Bell(replica.followers_folder(self.folder) / uuid.uuid4().hex) as bell:
            while True:
                ended = self.now.exit
                if f"{text}\n" in self.output():
                    return self
                assert ended is None, f"ended without a word: {ended}\n{self.output()}"
                assert select.select([bell], [], [], PATIENCE)[0], f"silent: {self.output()}"
                bell.drain()

    def output(self) -> str:
        content = []
        for path in sorted((self.folder / "log").glob("log.*")):
            with contextlib.suppress(FileNotFoundError):  # rotated away
                content.append(path.read_bytes())
        return b"".join(content).decode()

    def errors(self) -> str:
        return (self.folder / "shim.err").read_text()

    def processes(self) -> list[psutil.Process]:
        """All processes that carry the run's uid."""
        found = psutil.process_iter(["environ", "status"])
        marked = [p for p in found if (p.info["environ"] or {}).get("MLTRAIN_REPLICA_UID") == self.spec.uid]
        return [p for p in marked if p.info["status"] != psutil.STATUS_ZOMBIE]


@pytest.fixture
def make_run(tmp_path: Path) -> Iterator[Callable[..., Run]]:
    """Make a run of a command; whatever is left of it at the end of the test is killed."""
    runs: list[Run] = []
    numbers = count()  # tests may make runs in several threads

    def make(*argv: str, folder: Path | None = None, **options: Any) -> Run:
        options.setdefault("env", {"PATH": os.environ["PATH"]})
        spec = ReplicaSpec(uid=uuid.uuid4().hex, argv=argv, cwd=options.pop("cwd", tmp_path), **options)
        run = Run(folder or tmp_path / "pod" / f"0-{next(numbers)}", spec)
        runs.append(run)
        return run

    yield make
    for run in runs:
        replica.kill(run.folder)
        replica.reap_lost(run.spec.uid, run.now)
        run.bell.close()


@pytest.fixture
def python(make_run: Callable[..., Run]) -> Callable[..., Run]:
    """Make a run of a Python program."""
    return lambda code, **options: make_run(sys.executable, "-u", "-c", code, **options)


@pytest.fixture
def shell(make_run: Callable[..., Run]) -> Callable[..., Run]:
    """Make a run of a shell script."""
    return lambda code, **options: make_run("sh", "-c", code, **options)


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 6 MiB of its own."""
    with mounted_disk(tmp_path / "disk", 6) as disk:
        yield disk

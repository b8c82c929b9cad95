"""Measure the server extension: start, list of many jobs, memory. Run it with nothing else on the machine.

``python benchmarks/bench_server.py [--jobs 10000] [--starts 15]``
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import signal
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import nbformat
import psutil
from report import heading, interleaved, row

from jupyter_mltrain.backends.local import LocalBackend, tables
from jupyter_mltrain.service import Request, Service

TOKEN = "secret-of-the-benchmark"
PAGE = 100
MIB = 2**20


class Server(NamedTuple):
    """A server that answers."""

    url: str
    process: psutil.Process
    seconds: float  # from its start to its first answer

    def get(self, path: str) -> dict[str, object]:
        """Return the JSON at a path."""
        request = urllib.request.Request(f"{self.url}{path}", headers={"Authorization": f"token {TOKEN}"})
        with urllib.request.urlopen(request) as answer:
            found: dict[str, object] = json.load(answer)
            return found

    def memory(self) -> float:
        """Return the MiB that the server alone has."""
        return float(self.process.memory_full_info().uss) / MIB


@contextmanager
def running(folder: Path, home: Path, *, extension: bool) -> Iterator[Server]:
    """Run a server with nothing of the user's, and with no extension but this one or none."""
    start = time.perf_counter()
    command = [sys.executable, "-m", "jupyter_server", "--no-browser", "--allow-root", "--ServerApp.port_retries=50"]
    command += [f"--ServerApp.root_dir={folder}", f"--IdentityProvider.token={TOKEN}", "--ServerApp.port=18871"]
    command += [f"--ServerApp.jpserver_extensions=jupyter_mltrain={extension}"]
    private = {f"JUPYTER_{name}_DIR": str(folder / name) for name in ("CONFIG", "DATA", "RUNTIME")}
    env = {**os.environ, **private, "MLTRAIN_HOME": str(home)}
    process = subprocess.Popen(command, env=env, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        url = _first_answer(process, folder / "RUNTIME")
        yield Server(url, psutil.Process(process.pid), time.perf_counter() - start)
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait()


def _first_answer(process: subprocess.Popen[bytes], runtime: Path) -> str:
    """Return the address of a server once it answers."""
    while process.poll() is None:
        for info in runtime.glob(f"jpserver-{process.pid}.json"):
            try:
                url = str(json.loads(info.read_text())["url"])
                with urllib.request.urlopen(f"{url}api"):
                    return url
            except (OSError, ValueError, urllib.error.URLError):
                continue
        time.sleep(0.005)
    raise RuntimeError("the server did not start")


def time_to_start(folder: Path, home: Path, *, extension: bool) -> float:
    with running(folder, home, extension=extension) as server:
        return server.seconds


async def train(folder: Path) -> str:
    """Train a small notebook that reports metrics, and return the job's id."""
    code = "from jupyter_mltrain import run\nfor step in range(20):\n    run.report(step=step, loss=1 / (step + 1))"
    path = folder / "train.ipynb"
    cells = [code, "for line in range(300):\n    print('line', line)"]
    nbformat.write(nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell) for cell in cells]), path)
    async with Service(LocalBackend(folder / "home")) as service:
        request = Request(path, spec={"framework": "tensorflow"}, noted_as="work/train.ipynb")
        ref = await service.submit(await service.plan(request))
        await service.wait(ref)
        return ref.id


def fill(home: Path, example: str, count: int) -> None:
    """Put jobs into the database that have ended as the example did, each tenth failed; all of them have logs."""
    backend = LocalBackend(home)
    with backend.store.write() as connection:
        model = tables.find_job(connection, example)
        assert model is not None
        [pod] = tables.latest_pods(connection, [example])[example]
        for number in range(1, count):
            name = f"train-{number:05}"
            failed = number % 10 == 0
            status = {"conditions": [{"type": "Failed", "status": "True"}]} if failed else model.status
            job = replace(model, id=name, name=name, created=model.created - number, status=status)
            tables.insert_job(connection, job)
            tables.insert_pod(connection, replace(pod, uid=name, job=name, phase="Failed" if failed else pod.phase))
    for number in range(1, count):
        log = Path("replicas", pod.name, pod.run_name, "log")
        (home / "jobs" / f"train-{number:05}" / log).parent.mkdir(parents=True)
        (home / "jobs" / f"train-{number:05}" / log).symlink_to(home / "jobs" / example / log)
    backend.store.close()


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--jobs", type=int, default=10_000)
    parser.add_argument("--starts", type=int, default=15)
    options = parser.parse_args()
    heading("Server extension", "peer: the same server without it")
    with tempfile.TemporaryDirectory(prefix="mltrain-bench-") as name:
        folder = Path(name)
        _starts(folder, options.starts)
        fill(folder / "home", asyncio.run(train(folder)), options.jobs)
        _lists(folder, options.jobs)


def _starts(folder: Path, repeat: int) -> None:
    home = folder / "nobody trained here"
    for extension in (True, False):
        time_to_start(folder, home, extension=extension)  # files into the cache
    with_it, without = interleaved(
        lambda: time_to_start(folder, home, extension=True),
        lambda: time_to_start(folder, home, extension=False),
        repeat,
    )
    row("start to first answer", with_it, peer=without)
    row("  more than without", (with_it - without) * 1000, "ms", target="aim: <= 50 ms")


def _lists(folder: Path, count: int) -> None:
    with running(folder, folder / "home", extension=False) as server:
        without = server.memory()
    with running(folder, folder / "home", extension=True) as server:
        path = f"jupyter-mltrain/jobs?limit={PAGE}"
        start = time.perf_counter()
        page = server.get(path)
        first = time.perf_counter() - start
        assert (len(page["jobs"]), page["total"]) == (PAGE, count)  # type: ignore[arg-type]
        again = []
        for _ in range(5):
            start = time.perf_counter()
            server.get(path)
            again.append(time.perf_counter() - start)
        row(f"first page of {count:,} jobs, first time", first, target="aim: <= 1 s")
        row("  from then on", statistics.median(again))
        row("memory of the server then", server.memory(), "MiB", peer=without)
        row("  more than without", server.memory() - without, "MiB", target="aim: <= 100 MiB")


if __name__ == "__main__":
    main()

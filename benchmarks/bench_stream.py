"""Measure the WebSocket: from a change to its message, the server's load with many tabs, a large log's first lines.

``python benchmarks/bench_stream.py [--tabs 1 10 50]``. Run it with nothing else on the machine.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import statistics
import tempfile
from collections.abc import Callable
from pathlib import Path
from time import perf_counter
from typing import Any

import nbformat
import psutil
from bench_server import TOKEN, Server, running
from report import heading, row
from tornado.httpclient import HTTPRequest
from tornado.websocket import WebSocketClientConnection, websocket_connect

from jupyter_mltrain.backends.local import LocalBackend
from jupyter_mltrain.model.job import JobRef
from jupyter_mltrain.service import Request, Service

BUSY = "import time\nn = 0\nwhile True:\n    n += 1\n    print('line', n, 'of a busy job')\n    time.sleep(0.01)"
CHANGES = 40
BUSY_SECONDS = 10
LOG_BYTES = 100 << 20
LINE = b"a line of a log that is as long as lines of logs are, more or less, most of the time: %012d\n"


class Client:
    """Follows topics as a tab does."""

    def __init__(self, socket: WebSocketClientConnection) -> None:
        self._socket = socket

    @classmethod
    async def connect(cls, server: Server, *topics: str) -> Client:
        url = f"{server.url.replace('http', 'ws', 1)}jupyter-mltrain/channels?token={TOKEN}"
        client = cls(await websocket_connect(HTTPRequest(url), compression_options={}))
        for topic in topics:
            await client.subscribe(topic)
        return client

    async def subscribe(self, topic: str) -> None:
        await self._socket.write_message(json.dumps({"type": "subscribe", "topic": topic}))

    async def until(self, condition: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
        while True:
            text = await self._socket.read_message()
            assert text is not None, "the server closed the connection"
            message: dict[str, Any] = json.loads(text)
            if condition(message):
                return message

    async def until_row(self, job_id: str) -> None:
        await self.until(lambda message: any(job["id"] == job_id for job in message["data"].get("changed", ())))

    async def drain(self) -> None:
        while await self._socket.read_message() is not None:
            pass

    def close(self) -> None:
        self._socket.close()


def is_a(kind: str) -> Callable[[dict[str, Any]], bool]:
    return lambda message: bool(message["data"]["type"] == kind)


async def submit(service: Service, folder: Path, source: str) -> JobRef:
    path = folder / "train.ipynb"
    nbformat.write(nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(source)]), path)
    return await service.submit(await service.plan(Request(path, spec={"framework": "none"})))


async def latency(server: Server, service: Service, folder: Path, tabs: int) -> None:
    """Submit jobs that wait for good; measure until the tabs have the new row."""
    clients = await asyncio.gather(*(Client.connect(server, "jobs") for _ in range(tabs)))
    await asyncio.gather(*(client.until(is_a("jobs")) for client in clients))
    first, last = [], []
    for _ in range(CHANGES):
        spec = {"framework": "none", "run_policy": {"suspend": True}}
        plan = await service.plan(Request(folder / "train.ipynb", spec=spec))
        seen = [asyncio.create_task(client.until_row(plan.job_id)) for client in clients]
        started = perf_counter()
        await service.submit(plan)
        await asyncio.wait(seen, return_when=asyncio.FIRST_COMPLETED)
        first.append(1000 * (perf_counter() - started))
        await asyncio.gather(*seen)
        last.append(1000 * (perf_counter() - started))
    for client in clients:
        client.close()
    row(f"submit -> first of {tabs} tabs, p50", statistics.median(first), "ms")
    row(f"submit -> last of {tabs} tabs, p50", statistics.median(last), "ms")
    row(f"submit -> last of {tabs} tabs, p95", statistics.quantiles(last, n=20)[-1], "ms", target="aim: <= 100 ms")


async def load(server: Server, service: Service, folder: Path, tabs: int) -> None:
    """Follow one job that prints a hundred lines a second in every tab; measure the server's processor time."""
    ref = await submit(service, folder, BUSY)
    async for update in service.follow(ref):
        if update.progress is not None and update.progress.running is not None:
            break
    leader = (await service.status(ref)).leader
    assert leader is not None
    topics = ["jobs", f"job/{ref.id}", f"notebook/{ref.id}", f"log/{ref.id}/{leader.name}"]
    clients = await asyncio.gather(*(Client.connect(server, *topics) for _ in range(tabs)))
    readers = [asyncio.create_task(client.drain()) for client in clients]
    await asyncio.sleep(2)
    used = await processor_time(server.process)
    row(f"server's processor, {tabs} tabs on one busy job", 100 * used / BUSY_SECONDS, "%")
    row(f"server's memory, {tabs} tabs", server.memory(), "MiB")
    for client in clients:
        client.close()
    await asyncio.gather(*readers)
    await service.delete(ref)


async def processor_time(process: psutil.Process) -> float:
    before = process.cpu_times()
    await asyncio.sleep(BUSY_SECONDS)
    after = process.cpu_times()
    return float(after.user + after.system - before.user - before.system)


async def large_log(server: Server, service: Service, folder: Path) -> None:
    """Open the log of an ended job that was made large: its end, its middle, all of it."""
    refs = [await submit(service, folder, "print('done')") for _ in range(5)]
    places = []
    for ref in refs:
        job = await service.wait(ref)
        assert job.leader is not None
        lengthen(folder / "home" / "jobs" / ref.id / "replicas" / job.leader.name)
        places.append((ref.id, job.leader.name))
    times = [await first_lines(server, job, replica) for job, replica in places]
    row("log of 100 MB: first lines in a new tab", statistics.median(times), "s", target="aim: <= 0.5 s")
    job, replica = places[0]
    tail, middle, again = (f"tail=1000&replica={replica}", "line=700000&limit=1000", "line=300000&limit=1000")
    for name, query in (("the newest 1,000 lines", tail), ("a page in the middle", middle), ("  and another", again)):
        started = perf_counter()
        assert len(await page(server, job, query)) == 1000
        row(f"log of 100 MB: {name}", perf_counter() - started)
    started = perf_counter()
    requests, lines = await everything(server, job)
    row(f"log of 100 MB: all {lines:,} lines, {requests} requests", perf_counter() - started)


def lengthen(replica: Path) -> None:
    segment = next(replica.rglob("log.*"))
    with segment.open("ab") as file:
        for number in range(LOG_BYTES // len(LINE % 0)):
            file.write(LINE % number)


async def first_lines(server: Server, job: str, replica: str) -> float:
    client = await Client.connect(server)
    started = perf_counter()
    await client.subscribe(f"log/{job}/{replica}")
    message = await client.until(is_a("log"))
    assert len(message["data"]["lines"]) == 1000
    client.close()
    return perf_counter() - started


async def page(server: Server, job: str, query: str) -> list[str]:
    found = await asyncio.to_thread(server.get, f"jupyter-mltrain/jobs/{job}/logs?{query}")
    lines: list[str] = found["lines"]  # type: ignore[assignment]
    return lines


async def everything(server: Server, job: str) -> tuple[int, int]:
    requests, lines, after = 0, 0, ""
    while True:
        path = f"jupyter-mltrain/jobs/{job}/logs?limit=1000000{after}"
        found = await asyncio.to_thread(server.get, path)
        requests, lines, after = requests + 1, lines + len(found["lines"]), f"&after={found['cursor']}"  # type: ignore[arg-type]
        if not found["more"]:
            return requests, lines


async def measure(folder: Path, tabs: list[int]) -> None:
    async with Service(LocalBackend(folder / "home")) as service:
        with running(folder, folder / "home", extension=True) as server:
            await service.wait(await submit(service, folder, "1"))
            for count in tabs:
                await latency(server, service, folder, count)
            for count in tabs:
                await load(server, service, folder, count)
            await large_log(server, service, folder)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--tabs", type=int, nargs="+", default=[1, 10, 50])
    heading("The stream of changes")
    with tempfile.TemporaryDirectory(prefix="mltrain-bench-") as name:
        asyncio.run(measure(Path(name), parser.parse_args().tabs))


if __name__ == "__main__":
    main()

"""Measure the local backend: start, queue, status. Run it with nothing else on the machine.

``python benchmarks/bench_local_backend.py [--jobs 1000] [--finished 10000] [--json FILE]``
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import statistics
import tempfile
import time
from contextlib import aclosing
from pathlib import Path
from typing import Any

import psutil
from report import heading, row

from jupyter_mltrain.backends.local import LocalBackend, tables
from jupyter_mltrain.backends.local.records import Job, Pod
from jupyter_mltrain.model.job import JobRef, Phase

Figures = dict[str, float]
ROWS = {
    "submit_to_running_s": ("submit to Running (aim: 0.3)", "s"),
    "submit_to_running_worst_s": ("  the worst of ten", "s"),
    "submits_per_s": ("submits to a queue on 2 slots", "/s"),
    "queued_supervisors": ("  supervisors while all wait", ""),
    "queued_supervisors_mib": ("  memory of their own, together", "MiB"),
    "jobs_per_s": ("jobs of no work, one after the other on 2 slots", "/s"),
    "gap_between_jobs_s": ("  between one command's end and the next one's start", "s"),
    "gap_between_jobs_p95_s": ("  95 of 100 within", "s"),
    "status_ms": ("status with many finished jobs", "ms"),
    "list_all_s": ("  list of all of them", "s"),
    "submit_to_running_then_s": ("  submit to Running among them", "s"),
}
RUNNING = (Phase.RUNNING, Phase.SUCCEEDED)


def manifest(name: str, command: str) -> dict[str, Any]:
    container = {"name": "tensorflow", "image": "none:1", "command": ["sh", "-c", command]}
    worker = {"replicas": 1, "restartPolicy": "Never", "template": {"spec": {"containers": [container]}}}
    body = {"runPolicy": {"cleanPodPolicy": "Running"}, "tfReplicaSpecs": {"Worker": worker}}
    return {"apiVersion": "kubeflow.org/v1", "kind": "TFJob", "metadata": {"name": name}, "spec": body}


async def until_running(backend: LocalBackend, name: str) -> float:
    """Return the seconds from submit to the condition Running, as a watch sees it."""
    async with aclosing(backend.watch()) as changes:
        async for change in changes:
            if change.type == "synced":
                start = time.perf_counter()
                await backend.submit(manifest(name, "sleep 0.2"), job_id=name)
            elif change.job is not None and change.job.ref.name == name and change.job.phase in RUNNING:
                return time.perf_counter() - start
    raise AssertionError


async def all_ended(backend: LocalBackend, count: int) -> None:
    done: set[str] = set()
    async with aclosing(backend.watch()) as changes:
        async for change in changes:
            if change.job is not None and change.job.finished:
                done.add(change.job.ref.id)
            if len(done) == count:
                return


async def starting(home: Path, rounds: int) -> Figures:
    backend = LocalBackend(home, slots=2)
    taken = []
    for number in range(rounds):
        taken.append(await until_running(backend, f"start-{number}"))
        await all_ended(backend, number + 1)
    await backend.close()
    return {"submit_to_running_s": statistics.median(taken), "submit_to_running_worst_s": max(taken)}


async def queueing(home: Path, count: int) -> Figures:
    """A queue of jobs on two slots: how fast it fills, what it costs while it waits, how fast it empties."""
    backend = LocalBackend(home, slots=2)
    first = [await backend.submit(manifest(f"hold-{n}", f"read x < {home}/hold"), job_id=f"hold-{n}") for n in (0, 1)]
    os.mkfifo(home / "hold")
    begin = time.perf_counter()
    for number in range(count):
        await backend.submit(manifest(f"job-{number}", "true"), job_id=f"job-{number}")
    submitted = time.perf_counter() - begin
    processes, memory = supervisors(home)
    for ref in first:
        await backend.cancel(ref)
    begin = time.perf_counter()
    await all_ended(backend, count + 2)
    drained = time.perf_counter() - begin
    gaps = between_jobs(backend, {ref.id for ref in first})
    await backend.close()
    return {
        "submits_per_s": count / submitted,
        "queued_supervisors": processes,
        "queued_supervisors_mib": memory / 2**20,
        "jobs_per_s": count / drained,
        "gap_between_jobs_s": statistics.median(gaps),
        "gap_between_jobs_p95_s": sorted(gaps)[int(len(gaps) * 0.95)],
    }


def supervisors(home: Path) -> tuple[int, int]:
    """Return how many supervisors there are and what memory is theirs alone, in bytes."""
    found = [
        process
        for process in psutil.process_iter(["cmdline"])
        if str(home) in (process.info["cmdline"] or [])
        and any("supervisor" in word for word in process.info["cmdline"])
    ]
    return len(found), sum(process.memory_full_info().uss for process in found)


def between_jobs(backend: LocalBackend, others: set[str]) -> list[float]:
    """Return the seconds from the end of one command to the start of the next on the same slot."""
    with backend.store.read() as connection:
        rows = connection.execute("SELECT job, started, finished FROM pods ORDER BY started").fetchall()
    slots: list[float] = []
    gaps = []
    for job, started, finished in rows:
        if job in others:
            continue
        before = [end for end in slots if end <= started]
        if before:
            latest = max(before)
            slots.remove(latest)
            gaps.append(started - latest)
        slots.append(finished)
    return gaps


async def looking(home: Path, count: int) -> Figures:
    """What a look costs with many finished jobs."""
    backend = LocalBackend(home)
    ref = await backend.submit(manifest("model", "true"), job_id="model")
    await all_ended(backend, 1)
    multiply(backend, ref, count)
    refs = [
        JobRef(ref.backend, f"copy-{n}", ref.kind, ref.namespace, f"copy-{n}") for n in range(0, count, count // 200)
    ]
    begin = time.perf_counter()
    for each in refs:
        await backend.status(each)
    status = (time.perf_counter() - begin) / len(refs)
    begin = time.perf_counter()
    jobs = await backend.jobs()
    listing = time.perf_counter() - begin
    assert len(jobs) == count + 1
    running = await until_running(backend, "late")
    await backend.close()
    return {"status_ms": 1000 * status, "list_all_s": listing, "submit_to_running_then_s": running}


def multiply(backend: LocalBackend, ref: JobRef, count: int) -> None:
    """Write copies of a finished job."""
    with backend.store.write() as connection:
        job = tables.find_job(connection, ref.id)
        [pod] = tables.pods_of(connection, ref.id)
        assert job is not None
        for number in range(count):
            name = f"copy-{number}"
            tables.insert_job(connection, Job(**{**_fields(job), "id": name, "name": name, "state": "idle"}))
            tables.insert_pod(connection, Pod(**{**_fields(pod), "uid": name, "job": name, "name": f"{name}-worker-0"}))


def _fields(record: Job | Pod) -> dict[str, Any]:
    return {name: getattr(record, name) for name in record.__slots__}


async def measure(jobs: int, finished: int) -> Figures:
    figures: Figures = {}
    with tempfile.TemporaryDirectory(prefix="mltrain-bench-", ignore_cleanup_errors=True) as folder:
        figures |= await starting(Path(folder, "start"), 10)
        figures |= await queueing(Path(folder, "queue"), jobs)
        figures |= await looking(Path(folder, "look"), finished)
    return figures


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--jobs", type=int, default=1000)
    parser.add_argument("--finished", type=int, default=10_000)
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    figures = asyncio.run(measure(arguments.jobs, arguments.finished))
    heading("The local backend", "seconds are medians")
    for name, (text, unit) in ROWS.items():
        row(text, figures[name], unit)
    if arguments.json:
        arguments.json.write_text(json.dumps(figures, indent=2))


if __name__ == "__main__":
    main()

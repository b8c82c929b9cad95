"""SIGKILL at random moments: of replicas, shims, supervisors, submitting processes, and all of them at once.

Whatever was killed, after ``recover()`` every job ends as the rules say of the exit codes that its replicas really had,
nothing is started twice, no process stays behind, no record is lost and no file is half written.
"""

from __future__ import annotations

import asyncio
import json
import os
import random
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from jupyter_mltrain.backends.local.store import put_setting

KILLS = ("replica", "shim", "supervisor", "submitter", "all")

SUBMITTER = """
import asyncio, json, sys
from pathlib import Path
from jupyter_mltrain.backends.local import LocalBackend

async def main():
    backend = LocalBackend(Path(sys.argv[1]))
    for line in sys.stdin:
        job = json.loads(line)
        await backend.submit(job["manifest"], job_id=job["id"])
        print(job["id"], flush=True)

asyncio.run(main())
"""


class Chaos:
    """Kills processes of a data folder and counts what was hit."""

    def __init__(self, machine: Any, seed: int) -> None:
        self.machine = machine
        self.random = random.Random(seed)
        self.submitters: list[subprocess.Popen[str]] = []
        self.hits = dict.fromkeys(KILLS, 0)
        self.hit_runs: set[str] = set()  # uids of the runs whose replica or shim was killed

    def submitter(self) -> subprocess.Popen[str]:
        process = subprocess.Popen(
            [sys.executable, "-c", SUBMITTER, str(self.machine.home)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, "SUBMITTER_OF": str(self.machine.home)},
        )
        self.submitters.append(process)
        return process

    def victims(self) -> Iterator[tuple[str, psutil.Process]]:
        for process in self.machine.processes():
            try:
                words, environment = process.cmdline(), process.environ()
            except psutil.Error:
                continue
            if "SUBMITTER_OF" in environment:
                yield "submitter", process
            elif any("local.supervisor" in word for word in words):
                yield "supervisor", process
            elif any(word.endswith("shim.py") for word in words):
                yield "shim", process
            elif "MLTRAIN_REPLICA_UID" in environment:
                yield "replica", process

    def strike(self, kind: str) -> int:
        """Kill one process of a kind, or all that there are; return how many were hit."""
        found = [(what, process) for what, process in self.victims() if kind in (what, "all")]
        if kind != "all":
            found = self.random.sample(found, min(1, len(found)))
        return sum(self._kill(what, process) for what, process in found)

    def _kill(self, what: str, process: psutil.Process) -> bool:
        try:
            uid = process.environ().get("MLTRAIN_REPLICA_UID")  # what was about to become a shim may be one by now
            process.send_signal(signal.SIGKILL)
        except psutil.Error:
            return False
        if uid:
            self.hit_runs.add(uid)
        self.hits[what] += 1
        return True

    def close(self) -> None:
        for process in self.submitters:
            process.kill()
            process.wait()
            process.stdin.close()
            process.stdout.close()


@pytest.fixture
def chaos(make_machine: Callable[..., Any]) -> Iterator[Callable[..., Chaos]]:
    made: list[Chaos] = []

    def make(seed: int, slots: int) -> Chaos:
        made.append(Chaos(make_machine(slots=slots), seed))
        return made[-1]

    yield make
    for each in made:
        each.close()


def job_with_trace(chaos: Chaos, manifest: Callable[..., Any], name: str, trace: Path) -> tuple[dict[str, Any], int]:
    """Return a job that notes each start of a process in a file, takes a moment and ends with a code of its own."""
    code = chaos.random.choice((0, 0, 1, 7))
    nap = round(chaos.random.uniform(0, 0.5), 3)
    command = f'echo "$MLTRAIN_REPLICA_UID" >> {trace}; sleep {nap}; exit {code}'
    return manifest(name, command, restart="Never", replicas={"Worker": chaos.random.choice((1, 2))}), code


def rows(home: Path, query: str) -> list[sqlite3.Row]:
    connection = sqlite3.connect(home / "jobs.sqlite3")
    connection.row_factory = sqlite3.Row
    try:
        assert connection.execute("PRAGMA integrity_check").fetchone()[0] == "ok"
        return connection.execute(query).fetchall()
    finally:
        connection.close()


def check(chaos: Chaos, codes: dict[str, int], acknowledged: set[str], trace: Path) -> None:
    """Hold what is recorded against what was done."""
    machine = chaos.machine
    jobs = {row["id"]: row for row in rows(machine.home, "SELECT * FROM jobs")}
    pods = rows(machine.home, "SELECT * FROM pods")
    assert acknowledged <= set(jobs) <= set(codes), "no record is lost, none invented"
    started = trace.read_text().split() if trace.exists() else []
    assert len(started) == len(set(started)), "nothing is started twice"
    for pod in pods:
        assert pod["phase"] in ("Succeeded", "Failed")
        assert pod["runs"] == 1
        killed = f"{pod['uid']}-0" in chaos.hit_runs
        assert pod["exit_code"] == codes[pod["job"]] or (killed and pod["exit_code"] == 137), dict(pod)
        assert (pod["phase"] == "Succeeded") == (pod["exit_code"] == 0)
    for job in jobs.values():
        check_rules(job, [pod for pod in pods if pod["job"] == job["id"]])
    for path in machine.home.rglob("*.json"):
        json.loads(path.read_text())
    assert not machine.processes()


def check_rules(job: sqlite3.Row, pods: list[sqlite3.Row]) -> None:
    """A TFJob of workers succeeds when worker 0 ends well before another one failed, and fails when any fails."""
    status = json.loads(job["status"])
    true = [c["type"] for c in status["conditions"] if c["status"] == "True"]
    final = [name for name in true if name in ("Succeeded", "Failed")]
    assert final, status
    assert "Running" not in true
    if all(pod["exit_code"] == 0 for pod in pods):
        assert final == ["Succeeded"]
    if pods[0]["exit_code"] != 0:
        assert "Failed" in final
    assert job["state"] == "idle"
    times = [c["lastTransitionTime"] for c in status["conditions"]]
    assert times == sorted(times)


def settle(chaos: Chaos, ids: set[str]) -> None:
    """Recover until all jobs have ended and nothing runs any more."""
    machine = chaos.machine
    machine.call(machine.backend.recover)
    for job_id in ids:
        for ref in machine.call(machine.backend.find, job_id):
            machine.ended(ref)
    machine.at_rest()


@pytest.mark.slow
@pytest.mark.parametrize("kind", KILLS)
@pytest.mark.timeout(600)
def test_kill_at_random_moments(chaos, manifest, tmp_path, kind: str) -> None:
    """Fifty kill points of each kind, thirty of a wave of everything."""
    storm = chaos(seed=KILLS.index(kind), slots=8)
    trace = tmp_path / "trace"
    codes: dict[str, int] = {}
    acknowledged: set[str] = set()
    wave = 0
    while storm.hits[kind] < 50 if kind != "all" else sum(storm.hits.values()) < 150:
        wave += 1
        assert wave < 60, f"too few hits: {storm.hits}"
        submitter = storm.submitter()
        sent = []
        for number in range(8):
            job, code = job_with_trace(storm, manifest, f"w{wave}-{number}", trace)
            codes[f"{wave}-{number}"] = code
            sent.append(json.dumps({"id": f"{wave}-{number}", "manifest": job}))
        submitter.stdin.write("\n".join(sent) + "\n")
        submitter.stdin.flush()
        acknowledged.add(submitter.stdout.readline().strip())
        for _ in range(12 if kind != "all" else 1):
            time.sleep(storm.random.uniform(0, 0.12 if kind != "all" else 0.8))  # the random moment itself
            storm.strike(kind)
        submitter.stdin.close()
        acknowledged |= set(submitter.stdout.read().split())
        submitter.wait()
        settle(storm, {f"{wave}-{number}" for number in range(8)})
    check(storm, codes, acknowledged - {""}, trace)


def lasting(chaos: Chaos, manifest: Callable[..., Any], name: str, trace: Path, marks: Path) -> dict[str, Any]:
    """Return a job whose replicas fail once and succeed at the next try, restarted by the kubelet or the operator."""
    restart = chaos.random.choice(("OnFailure", "ExitCode"))
    nap = round(chaos.random.uniform(0, 0.2), 3)
    mark = f'"{marks}/$HOSTNAME"'
    command = f'echo "$MLTRAIN_REPLICA_UID" >> {trace}; sleep {nap}; test -e {mark} || {{ touch {mark}; exit 130; }}'
    workers = chaos.random.choice((1, 2))
    return manifest(name, command, restart=restart, replicas={"Worker": workers}, successPolicy="AllWorkers")


async def meddle(machine: Any, job_id: str, what: str) -> None:
    [ref] = await machine.backend.find(job_id)
    if what == "pause":
        await machine.backend.suspend(ref)
        await machine.backend.resume(ref)
    else:
        await getattr(machine.backend, what)(ref)


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_kill_while_jobs_queue_restart_and_are_changed(chaos, manifest, tmp_path) -> None:
    """Restarts, a queue, suspending, cancelling and deleting, with kills of everything in between."""
    storm = chaos(seed=99, slots=3)
    machine = storm.machine
    with machine.backend.store.write() as connection:
        put_setting(connection, "backoff", {"restart": 0.01, "recreation": 0.01})
    trace, marks = tmp_path / "trace", tmp_path / "marks"
    marks.mkdir()
    fates: dict[str, str] = {}
    for wave in range(8):
        for number in range(6):
            job_id = f"{wave}-{number}"
            machine.submit(lasting(storm, manifest, f"w{job_id}", trace, marks), job_id)
            fates[job_id] = storm.random.choice(("leave", "leave", "pause", "cancel", "delete"))
        for number in storm.random.sample(range(6), 6):
            job_id = f"{wave}-{number}"
            time.sleep(storm.random.uniform(0, 0.1))  # the random moment itself
            storm.strike(storm.random.choice(("supervisor", "supervisor", "replica", "shim", "all")))
            if fates[job_id] != "leave" and not machine.status(machine.call(machine.backend.find, job_id)[0]).finished:
                asyncio.run(meddle(machine, job_id, fates[job_id]))
            elif fates[job_id] != "leave":
                fates[job_id] = "leave"
        settle(storm, {job_id for job_id, fate in fates.items() if fate != "delete"})
    started = trace.read_text().split()
    assert len(started) == len(set(started))
    jobs = {row["id"]: row for row in rows(machine.home, "SELECT * FROM jobs")}
    assert set(jobs) == {job_id for job_id, fate in fates.items() if fate != "delete"}
    folders = {path.name for path in (machine.home / "jobs").iterdir()}
    assert folders <= set(jobs)
    for job_id in jobs:
        job = machine.status(machine.call(machine.backend.find, job_id)[0])
        assert job_id in folders or job.phase.value == "Cancelled", job  # cancelled in the queue: it never had a folder
        ways = {"Cancelled", "Succeeded"} if fates[job_id] == "cancel" else {"Succeeded"}  # it may have been quicker
        assert job.phase.value in ways, (fates[job_id], job)
    assert not machine.processes()
    assert sum(storm.hits.values()) >= 30, storm.hits
    assert not list((machine.home / "ports").iterdir())

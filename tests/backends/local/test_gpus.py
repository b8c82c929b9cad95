"""Accelerators: leased for all replicas together, by product, first in first out.

The machine's own library is replaced by a small real one (``nvml/nvml.c``), so that everything from the driver's
interface to ``CUDA_VISIBLE_DEVICES`` is what runs on a machine with accelerators.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jupyter_mltrain.backends.local import leases
from jupyter_mltrain.backends.local.devices import Gpu

HERE = Path(__file__).parent


def gpu(index: int, product: str) -> Gpu:
    return Gpu(f"GPU-{index}", product)


def asks(count: int, product: str | None = None, replicas: int = 1, role: str = "Worker") -> dict[str, Any]:
    """Return the part of a manifest that asks for accelerators."""
    container = {"name": "tensorflow", "resources": {"limits": {"nvidia.com/gpu": count}}}
    selector = {} if product is None else {"nodeSelector": {"nvidia.com/gpu.product": product}}
    return {role: {"replicas": replicas, "template": {"spec": {"containers": [container], **selector}}}}


def job_of(*roles: dict[str, Any]) -> dict[str, Any]:
    return {"kind": "TFJob", "spec": {"tfReplicaSpecs": {name: body for role in roles for name, body in role.items()}}}


def test_the_choosiest_replicas_choose_first() -> None:
    gpus = [gpu(0, "H100"), gpu(1, "T4")]
    job = job_of(asks(1, role="Chief"), asks(1, "H100"))
    found = leases.assign(job, gpus, ())
    assert found is not None
    assert {(lease.role, lease.device) for lease in found} == {("worker", "GPU-0"), ("chief", "GPU-1")}


@given(
    products=st.lists(st.sampled_from(["H100", "T4"]), max_size=6),
    wishes=st.lists(st.tuples(st.integers(0, 3), st.sampled_from(["H100", "T4", None]), st.integers(1, 3)), max_size=3),
    taken=st.sets(st.integers(0, 5)),
)
def test_no_accelerator_is_given_twice(products, wishes, taken) -> None:
    gpus = [gpu(index, product) for index, product in enumerate(products)]
    names = ("Chief", "PS", "Worker")
    job = job_of(*(asks(*wish, role=name) for name, wish in zip(names, wishes, strict=False)))
    used = {f"GPU-{index}" for index in taken}
    found = leases.assign(job, gpus, used)
    if found is None:
        return
    devices = [lease.device for lease in found]
    assert len(devices) == len(set(devices)) == leases.wanted_by(job)
    assert used.isdisjoint(devices)
    for role, (count, product, replicas) in zip(names, wishes, strict=False):
        for share in range(replicas):
            own = [x.device for x in found if (x.role, x.share) == (role.lower(), share)]
            assert len(own) == count
            kinds = {products[int(device.removeprefix("GPU-"))] for device in own}
            assert len(kinds) <= 1
            assert product is None or kinds <= {product}


# With processes

DRIVER = """
import asyncio, json, sys
from pathlib import Path
from jupyter_mltrain.backends.local import LocalBackend

def told(job):
    running = {replica.name: replica.devices for replica in job.replicas if replica.phase == "Running"}
    return {"phase": job.phase, "message": job.message, "position": job.queue_position, "running": running}

async def until(backend, name, ready):
    async for change in backend.watch():
        if change.job is not None and change.job.ref.name == name and ready(told(change.job)):
            return told(change.job)

async def answer(backend, call, *arguments):
    match call:
        case "submit":
            return (await backend.submit(arguments[0], job_id=arguments[0]["metadata"]["name"])).id
        case "preflight":
            return [finding.to_dict() for finding in await backend.preflight(arguments[0])]
        case "devices":
            return [[group.product, group.total, group.free] for group in (await backend.devices()).devices]
        case "running":
            name, count = arguments
            job = await until(backend, name, lambda job: job["phase"] == "Running" and len(job["running"]) == count)
            return job["running"]
        case "ended":
            return (await until(backend, arguments[0], lambda job: job["phase"] in ("Succeeded", "Failed")))["phase"]
        case "message":
            name, part = arguments
            return await until(backend, name, lambda job: part in job["message"])

async def main():
    backend = LocalBackend(Path(sys.argv[1]), slots=3)
    for line in sys.stdin:
        print(json.dumps(await asyncio.wait_for(answer(backend, *json.loads(line)), 60)), flush=True)

asyncio.run(main())
"""


class Driver:
    """A process that sees the fake accelerators. No other one may decide anything: it would see none."""

    def __init__(self, home: Path, library: Path) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-c", DRIVER, str(home)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, "LD_LIBRARY_PATH": str(library)},
        )

    def call(self, *words: Any) -> Any:
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(json.dumps(words) + "\n")
        self.process.stdin.flush()
        return json.loads(self.process.stdout.readline())

    def close(self) -> None:
        self.process.communicate()


@pytest.fixture
def drive(tmp_path: Path, machine):
    if shutil.which("cc") is None:
        pytest.skip("no C compiler to build the stand-in for NVIDIA's library")
    drivers = []

    def make(gpus: str) -> Driver:
        target = tmp_path / "libnvidia-ml.so.1"
        command = ["cc", "-shared", "-fPIC", f'-DGPUS="{gpus}"', "-o", str(target), str(HERE / "nvml" / "nvml.c")]
        subprocess.run(command, check=True)
        drivers.append(Driver(machine.home, tmp_path))
        return drivers[-1]

    yield make
    for driver in drivers:
        driver.close()


def wishing(machine, name: str, count: int, product: str | None = None, workers: int = 1) -> dict[str, Any]:
    limits = {"resources": {"limits": {"nvidia.com/gpu": count}}} if count else {}
    selector = {} if product is None else {"nodeSelector": {"nvidia.com/gpu.product": product}}
    return machine.waiting(name, replicas={"Worker": workers}, container=limits, pod=selector)


def test_a_job_gets_all_its_accelerators_or_waits(drive: Callable[[str], Driver], machine) -> None:
    driver = drive("H100,H100,T4")
    assert driver.call("devices") == [["NVIDIA-H100", 2, 2], ["NVIDIA-T4", 1, 1]]
    for name, *wish in (
        ("both", 1, "NVIDIA-H100", 2),
        ("blocked", 1, "NVIDIA-H100"),
        ("behind", 2, "NVIDIA-H100"),
        ("never", 4),
        ("other", 1, "NVIDIA-T4"),
        ("plain", 0),
    ):
        driver.call("submit", wishing(machine, name, *wish))
    both = driver.call("running", "both", 2)
    assert sorted(both.values()) == [["GPU-0"], ["GPU-1"]]
    assert driver.call("running", "other", 1) == {"other-worker-0": ["GPU-2"]}
    assert driver.call("running", "plain", 1) == {"plain-worker-0": []}
    assert driver.call("devices") == [["NVIDIA-H100", 2, 0], ["NVIDIA-T4", 1, 0]]
    machine.cue("plain-worker-0", 0)
    blocked = driver.call("message", "blocked", "Waits for 1 GPU")
    assert (blocked["message"], blocked["position"]) == ("Waits for 1 GPU (Worker): in use by other jobs.", 1)
    assert driver.call("message", "never", "which this machine cannot give")["position"] == 3
    machine.cue("both-worker-0", 0)
    machine.cue("both-worker-1", 0)
    assert driver.call("running", "blocked", 1)["blocked-worker-0"] in [["GPU-0"], ["GPU-1"]]
    assert driver.call("message", "behind", "")["position"] == 1
    machine.cue("blocked-worker-0", 0)
    assert driver.call("running", "behind", 1) == {"behind-worker-0": ["GPU-0", "GPU-1"]}


def test_a_replica_sees_its_accelerators_and_no_other(drive, machine, tmp_path: Path) -> None:
    driver = drive("H100,H100")
    for name, count in (("look", 1), ("none", 0)):
        manifest = wishing(machine, name, count, None, 2)
        container = manifest["spec"]["tfReplicaSpecs"]["Worker"]["template"]["spec"]["containers"][0]
        container["command"] = ["sh", "-c", f'echo "$HOSTNAME=$CUDA_VISIBLE_DEVICES" >> {tmp_path}/seen']
        manifest["spec"]["successPolicy"] = "AllWorkers"
        driver.call("submit", manifest)
    assert [driver.call("ended", name) for name in ("look", "none")] == ["Succeeded"] * 2
    assert sorted((tmp_path / "seen").read_text().split()) == [
        "look-worker-0=GPU-0",
        "look-worker-1=GPU-1",
        "none-worker-0=",
        "none-worker-1=",
    ]


def test_a_pod_made_again_gets_the_share_of_the_one_before(drive, machine) -> None:
    driver = drive("H100,H100")
    manifest = wishing(machine, "retry", 1, None, 2)
    manifest["spec"]["tfReplicaSpecs"]["Worker"]["restartPolicy"] = "ExitCode"
    driver.call("submit", manifest)
    before = driver.call("running", "retry", 2)
    machine.cue("retry-worker-1", 130)
    driver.call("running", "retry", 1)
    assert driver.call("running", "retry", 2) == before


def test_preflight_knows_what_can_never_fit(drive, machine) -> None:
    driver = drive("T4")
    [finding] = driver.call("preflight", wishing(machine, "big", 2))
    assert (finding["code"], finding["severity"]) == ("gpu-missing", "error")
    assert driver.call("preflight", wishing(machine, "small", 1)) == []
    assert driver.call("preflight", wishing(machine, "small", 0)) == []

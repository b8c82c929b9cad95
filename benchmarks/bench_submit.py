"""From submit to Running, against the local process backend of Kubeflow's SDK (package ``kubeflow``), by turns.

Two moments are measured for each: when the job's status says Running, and when the first line of the user's own code
runs. The peer makes a virtual environment for each job and installs torch into it with pip; it is given an empty local
package called torch, so that no download is measured.

The peer is found in the interpreter that KUBEFLOW_PYTHON names; ``make bench`` makes one in ``.tools``.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
import zipfile
from pathlib import Path

from report import heading, interleaved, row

PEER = """
import json, os, sys, tempfile, time
from kubeflow.trainer import CustomTrainer, LocalProcessBackendConfig, TrainerClient

def train():
    import time
    print("first line", time.time(), flush=True)

client = TrainerClient(backend_config=LocalProcessBackendConfig())
runtime = client.get_runtime("torch-distributed")
start = time.time()
trainer = CustomTrainer(func=train, packages_to_install=["torch"], env=dict(os.environ))
name = client.train(runtime=runtime, trainer=trainer)
while client.get_job(name).status != "Running":
    time.sleep(0.001)
running = time.time() - start
line = next(line for line in client.get_job_logs(name, follow=True) if "first line" in line)
text = line.split("first line", 1)[1].split()[0]
print(json.dumps({"running": running, "first": float(text) - start}))
"""


def peer_python() -> str | None:
    """Return the interpreter that has the peer, if any."""
    named = os.environ.get("KUBEFLOW_PYTHON")
    return named if named and Path(named).is_file() else None


def empty_torch(folder: Path) -> Path:
    """Write a wheel of an empty package torch, whose torchrun runs a file; return its folder."""
    code = (
        "import runpy, sys\n"
        "def main():\n"
        "    arguments = [a for a in sys.argv[1:] if a.strip()]\n"
        "    sys.argv = arguments[next(i for i, a in enumerate(arguments) if a.endswith('.py')) :]\n"
        "    runpy.run_path(sys.argv[0], run_name='__main__')\n"
    )
    files = {
        "torch/__init__.py": code,
        "torch-2.99.dist-info/METADATA": "Metadata-Version: 2.1\nName: torch\nVersion: 2.99\n",
        "torch-2.99.dist-info/WHEEL": "Wheel-Version: 1.0\nGenerator: none\nRoot-Is-Purelib: true\nTag: py3-none-any",
        "torch-2.99.dist-info/entry_points.txt": "[console_scripts]\ntorchrun = torch:main\n",
    }
    files["torch-2.99.dist-info/RECORD"] = "".join(f"{name},,\n" for name in files)
    with zipfile.ZipFile(folder / "torch-2.99-py3-none-any.whl", "w") as wheel:
        for name, text in files.items():
            wheel.writestr(name, text)
    return folder


def run_peer(python: str, wheels: Path) -> dict[str, float]:
    """Submit one job with the peer."""
    env = {**os.environ, "PIP_NO_INDEX": "1", "PIP_FIND_LINKS": str(wheels)}
    script = wheels / "peer.py"
    script.write_text(PEER)
    done = subprocess.run([python, script], env=env, check=True, capture_output=True, text=True)
    found: dict[str, float] = json.loads(done.stdout[done.stdout.rindex("{") :])
    return found


def run_ours(home: Path) -> dict[str, float]:
    """Submit one TFJob with this project."""
    import asyncio

    from jupyter_mltrain.backends.local import LocalBackend

    code = "import time; print('first line', time.time(), flush=True)"
    container = {"name": "tensorflow", "image": "x", "command": [sys.executable, "-c", code]}

    async def work() -> dict[str, float]:
        backend = LocalBackend(home)
        name = f"bench-{time.time_ns()}"
        manifest = {
            "apiVersion": "kubeflow.org/v1",
            "kind": "TFJob",
            "metadata": {"name": name},
            "spec": {"tfReplicaSpecs": {"Worker": {"replicas": 1, "template": {"spec": {"containers": [container]}}}}},
        }
        start = time.time()
        ref = await backend.submit(manifest, job_id=name)
        running = 0.0
        async for change in backend.watch():
            if change.job is None or change.job.ref.id != ref.id:
                continue
            if not running and any(c.type == "Running" for c in change.job.conditions):
                running = time.time() - start
            if change.job.finished:
                break
        text = "".join([chunk.text async for chunk in backend.logs(ref, f"{name}-worker-0")])
        await backend.close()
        return {"running": running, "first": float(text.split()[2]) - start}

    return asyncio.run(work())


def main() -> None:
    """Print both moments for both."""
    python = peer_python()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        run_ours(folder / "home")
        if python is None:
            heading("Submit to Running", "no peer: KUBEFLOW_PYTHON names no interpreter with kubeflow")
            print("ours:", run_ours(folder / "home"))
            return
        asked = [python, "-c", "from importlib.metadata import version; print(version('kubeflow'))"]
        peer_version = subprocess.run(asked, check=True, capture_output=True, text=True).stdout.strip()
        heading("Submit to Running", f"Kubeflow SDK {peer_version}, LocalProcessBackend")
        wheels = empty_torch(folder)
        runs: dict[str, list[dict[str, float]]] = {"ours": [], "peer": []}

        def ours() -> float:
            runs["ours"].append(run_ours(folder / "home"))
            return runs["ours"][-1]["first"]

        def peer() -> float:
            runs["peer"].append(run_peer(python, wheels))
            return runs["peer"][-1]["first"]

        first = interleaved(ours, peer, 5)
        median = {who: sorted(run["running"] for run in found)[len(found) // 2] for who, found in runs.items()}
        row("submit -> status says Running", median["ours"], peer=median["peer"], target="aim <= 0.3 s")
        row("submit -> first line of the user's code", first[0], peer=first[1], target="aim: ahead")


if __name__ == "__main__":
    main()

"""A server that is killed in the middle of a submission: asked again, there is one job, and it runs once."""

import asyncio
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from jupyter_server.services.contents.filemanager import AsyncFileContentsManager

from jupyter_mltrain.model.job import JobStatus, Phase
from jupyter_mltrain.server import wire
from jupyter_mltrain.server.config import Mltrain
from jupyter_mltrain.server.managers import Managers
from jupyter_mltrain.server.managers.jobs import job_id_of
from tests.support import write_notebook

TOKEN = "a-token-of-the-tests"
JOB = job_id_of(TOKEN)

# Before the program is stored, when it is, within the transaction, after it, and when the supervisor was started.
PLACES = [
    ("jupyter_mltrain.notebook.program", "save", "before"),
    ("jupyter_mltrain.notebook.program", "save", "after"),
    ("jupyter_mltrain.backends.local.tables", "insert_job", "before"),
    ("jupyter_mltrain.backends.local.tables", "insert_job", "after"),
    ("jupyter_mltrain.backends.local.backend", "tend_and_start", "before"),
    ("jupyter_mltrain.backends.local.backend", "tend_and_start", "after"),
]

SCRIPT = """
import asyncio, importlib, os, signal, sys
from pathlib import Path
from jupyter_mltrain.backends.local import LocalBackend
from jupyter_mltrain.service import Request, Service

home, path, job_id, module, name, when = sys.argv[1:]
there = importlib.import_module(module)
real = getattr(there, name)

def killed(*args, **options):
    if when == "after":
        real(*args, **options)
    os.kill(os.getpid(), signal.SIGKILL)

async def submit():
    service = Service(LocalBackend(Path(home)))
    plan = await service.plan(Request(Path(path), spec={"framework": "none"}), job_id=job_id)
    setattr(there, name, killed)
    await service.submit(plan)

asyncio.run(submit())
"""


@pytest.mark.parametrize(("module", "name", "when"), PLACES)
def test_a_submission_that_was_cut_short_can_be_repeated(
    home: Path, tmp_path: Path, module: str, name: str, when: str
) -> None:
    path = write_notebook(tmp_path / "train.ipynb", f"open({str(tmp_path / 'runs')!r}, 'a').write('x')")
    command = [sys.executable, "-c", SCRIPT, str(home), str(path), JOB, module, name, when]
    assert subprocess.run(command, check=False).returncode == -signal.SIGKILL
    jobs = asyncio.run(_submit_again(home, tmp_path))
    assert [(job.ref.id, job.phase) for job in jobs] == [(JOB, Phase.SUCCEEDED)]
    assert (tmp_path / "runs").read_text() == "x"
    assert list((home / "jobs").iterdir()) == [home / "jobs" / JOB]


async def _submit_again(home: Path, root: Path) -> tuple[JobStatus, ...]:
    """Do what a new server does with the request that a front end sends again."""
    managers = Managers(Mltrain(data_folder=str(home)), AsyncFileContentsManager(root_dir=str(root)))
    await managers.jobs.submit(wire.Submission(notebook="train.ipynb", spec={"framework": "none"}, token=TOKEN))
    service = await managers.services.get()
    for job in (await service.jobs()).jobs:
        await service.wait(job.ref)
    jobs = (await service.jobs()).jobs
    await managers.close()
    return jobs

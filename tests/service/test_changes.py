"""The changes of one job among others."""

import asyncio
from pathlib import Path

import pytest

from jupyter_mltrain.backends.local import LocalBackend
from jupyter_mltrain.errors import NotFound
from jupyter_mltrain.model.job import JobRef, Phase
from jupyter_mltrain.service.changes import changes_of


async def _submit(backend: LocalBackend, name: str) -> JobRef:
    pod = {"containers": [{"name": "main", "image": "none:1", "command": ["true"]}], "restartPolicy": "Never"}
    spec = {"suspend": True, "template": {"spec": pod}}
    manifest = {"apiVersion": "batch/v1", "kind": "Job", "metadata": {"name": name}, "spec": spec}
    return await backend.submit(manifest, job_id=name)


async def _story(home: Path) -> list[Phase]:
    backend = LocalBackend(home)
    other, job = await _submit(backend, "other"), await _submit(backend, "one")
    seen = []
    async for now in changes_of(backend, job):
        assert now.ref == job
        if not seen:  # the others' changes are not its own
            await backend.cancel(other)
            await backend.cancel(job)
        elif now.phase is Phase.CANCELLED:
            await backend.delete(other)
            await backend.delete(job)
        seen.append(now.phase)
    with pytest.raises(NotFound):
        await anext(changes_of(backend, job))
    await backend.close()
    return seen


def test_a_job_is_followed_from_now_until_it_is_deleted(tmp_path: Path) -> None:
    seen = asyncio.run(asyncio.wait_for(_story(tmp_path), 60))
    assert (seen[0], seen[-1]) == (Phase.SUSPENDED, Phase.CANCELLED)

"""The gallery: list, copy, run."""

from __future__ import annotations

import asyncio
import json
from importlib import metadata
from typing import TYPE_CHECKING, Any

from jupyter_core.utils import ensure_async
from packaging.requirements import Requirement

from ...errors import NotInstalled
from ...model.job import JobRef
from ...samples import Sample, get_sample, list_samples
from ...service import Request
from .. import wire
from ..paths import contents_errors, remove_half_written

if TYPE_CHECKING:
    from . import Managers

_PACKAGE = "jupyter_mltrain"


class SamplesManager:
    """What can be done with the samples."""

    def __init__(self, managers: Managers) -> None:
        self._managers = managers

    async def list(self) -> wire.Samples:
        """Return the samples, the best one first."""
        return wire.Samples(
            samples=tuple(await asyncio.to_thread(lambda: [_view(sample) for sample in list_samples()]))
        )

    async def copy(self, name: str) -> wire.SampleCopy:
        """Copy a sample to the top of the user's files, under a name that is free."""
        sample = get_sample(name)
        document = json.loads(await asyncio.to_thread(sample.path.read_text, encoding="utf-8"))
        contents = self._managers.contents
        with contents_errors(sample.path.name):
            path = await ensure_async(contents.increment_filename(sample.path.name, ""))
            model: dict[str, Any] = {"type": "notebook", "format": "json", "content": document}
            try:
                await ensure_async(contents.save(model, path))
            except BaseException:
                await remove_half_written(contents, path)
                raise
        return wire.SampleCopy(path=path)

    async def run(self, name: str, token: str | None) -> wire.JobSummary:
        """Run a sample as it comes, with its own roles, at the default place; once for a token."""
        sample = get_sample(name)
        missing = await asyncio.to_thread(_missing, sample)
        if missing:
            raise NotInstalled(f"The sample {name!r} needs {', '.join(missing)}", hint=_install(sample))
        service = await self._managers.services.get()
        roles = {role: {"replicas": count} for role, count in sample.roles.items()}
        request = Request(
            notebook=sample.path,
            spec={"framework": sample.framework, "roles": roles},
            base=sample.path.parent,
            noted_as=sample.path.name,
        )

        async def make(job_id: str | None) -> JobRef:
            return await service.submit(await service.plan(request, job_id=job_id))

        jobs = self._managers.jobs
        return await jobs.summary(service, await jobs.once(service, token, make))


def _view(sample: Sample) -> wire.Sample:
    missing = _missing(sample)
    why = f"Not installed: {', '.join(missing)}. {_install(sample)}" if missing else ""
    return wire.Sample(
        name=sample.name,
        title=sample.title,
        summary=sample.summary,
        framework=sample.framework,
        available=not missing,
        why=why,
    )


def _install(sample: Sample) -> str:
    return f"pip install '{_PACKAGE}[{sample.extra}]'"


def _missing(sample: Sample) -> list[str]:
    """Return the distributions of a sample's extra that are not installed beside this server."""
    requirements = (Requirement(text) for text in metadata.requires(_PACKAGE) or [])
    extra = [each.name for each in requirements if each.marker and each.marker.evaluate({"extra": sample.extra})]
    return [name for name in extra if not _is_installed(name)]


def _is_installed(name: str) -> bool:
    try:
        metadata.version(name)
    except metadata.PackageNotFoundError:
        return False
    return True

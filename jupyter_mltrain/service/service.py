"""One backend, the programs on this machine, and what a user can do with them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

from ..backends.base import EVERY_JOB, Backend, Capabilities, Census, Change, Cursor, Inventory, JobFilter
from ..backends.registry import get_backend
from ..errors import Conflict, InvalidInput, NotFound
from ..model.job import Event, JobRef, JobStatus, Manifest
from . import again, copies, following, listing, logs, reports
from .changes import changes_of
from .lines import LogLines
from .listing import JobPage
from .logs import LogPage
from .provenance import Provenance, provenance_of
from .request import Export, Metric, Output, Plan, Recovery, Request, RunProgress, Update, new_job_id
from .summary import RunStates, failure

if TYPE_CHECKING:
    from ..image.progress import Report
    from ..image.settings import Settings
    from ..samples import Sample
    from .images import BuiltImage, ImagePlan, ImageRequest


class Service:
    """What the command line, the server, and Python callers talk to.

    Every coroutine leaves the event loop free: what reads files, asks interpreters or computes runs on threads. Every
    error that can be foreseen is an ``MltrainError``.

    Use it as an asynchronous context manager: on entry it looks after jobs whose supervisor died, and finishes
    deletions that a crash cut short.

    Parameters
    ----------
    backend:
        A name that ``backends.registry`` knows, or a backend.

    Attributes
    ----------
    run_states:
        What the logs of the jobs tell.
    log_numbers:
        Lines of logs by their numbers.
    """

    def __init__(self, backend: str | Backend = "local") -> None:
        self.backend = get_backend(backend) if isinstance(backend, str) else backend
        self.run_states = RunStates(self.backend)
        self.log_numbers = LogLines(self.backend)

    @classmethod
    async def open(cls, backend: str | Backend = "local") -> Service:
        """Return a service that has looked after what a crash left behind. Whoever opens it closes it."""
        return await (await asyncio.to_thread(cls, backend)).__aenter__()

    async def close(self) -> None:
        """Let go of the backend. Jobs go on."""
        await self.backend.close()

    async def __aenter__(self) -> Service:
        await self.backend.recover()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    # Plans

    async def plan(self, request: Request, *, job_id: str | None = None) -> Plan:
        """Say what a submit would do: program, manifest, findings. No effects.

        Parameters
        ----------
        job_id:
            Id that the job is to have, up to 63 letters, digits, ``-``, ``_`` and ``.``; None: a fresh one. Plans with
            one id make one job, so a caller who may ask twice gives one.
        """
        plan = await asyncio.to_thread(self._make_plan, request, job_id)
        return replace(plan, findings=(*plan.findings, *await self.backend.preflight(plan.manifest)))

    def _make_plan(self, request: Request, job_id: str | None) -> Plan:
        from .planning import make_plan

        return make_plan(request, job_id=job_id, local=self.backend.name == "local")

    async def export(
        self,
        request: Request,
        what: str,
        target: Path | None,
        *,
        image: ImageRequest | None = None,
        force: bool = False,
    ) -> Export:
        """Write a notebook as ``script``, ``manifest`` or ``program``; see ``copies.export``.

        Or as ``dockerfile``, of the image that ``image`` describes, with ``force`` in spite of errors; see
        ``imaging.export_dockerfile``.
        """
        if what == "dockerfile":
            from .images import ImageRequest

            write = partial(_imaging().export_dockerfile, request, image or ImageRequest(), target, force=force)
            return await asyncio.to_thread(write)
        return await asyncio.to_thread(copies.export, await self.plan(request), what, target)

    # Images

    async def plan_image(self, request: Request, wanted: ImageRequest) -> ImagePlan:
        """Say what building a notebook's image would do; see ``imaging.plan_image``."""
        return await asyncio.to_thread(_imaging().plan_image, request, wanted)

    async def build_image(
        self,
        request: Request,
        wanted: ImageRequest,
        *,
        report: Report,
        force: bool = False,
        on_plan: Callable[[ImagePlan], None] | None = None,
    ) -> BuiltImage:
        """Build a notebook's image; see ``imaging.build_image``. ``report`` and ``on_plan`` are called from threads."""
        build = partial(_imaging().build_image, request, wanted, report=report, force=force, on_plan=on_plan)
        return await asyncio.to_thread(build)

    async def image_settings(self) -> Settings:
        """Return what is set about images; without platforms, this machine's."""
        found: Settings = await asyncio.to_thread(_imaging().current_settings)
        return found

    # Starting

    async def submit(self, plan: Plan, *, force: bool = False) -> JobRef:
        """Store the program, then create the job. Submitting one plan twice makes one job.

        Raises
        ------
        InvalidInput
            A finding is an error, and ``force`` is not set.
        """
        if plan.refused and not force:
            errors = [finding for finding in plan.findings if finding.severity.value == "error"]
            raise InvalidInput(
                f"{plan.program.name} was not submitted: {errors[0].message}"
                + f" (and {len(errors) - 1} more)" * (len(errors) > 1),
                hint=(errors[0].hint + " Or submit it all the same with --force.").strip(),
                findings=[finding.to_dict() for finding in errors],
            )
        await asyncio.to_thread(self._store_program, plan)
        return await self.backend.submit(plan.manifest, job_id=plan.job_id)

    def _store_program(self, plan: Plan) -> None:
        from ..notebook import program

        program.save(plan.program, plan.blobs, self.backend.programs, provenance=plan.provenance)

    async def apply(self, *sources: Path | str) -> list[JobRef]:
        """Create the jobs of YAML files (paths) or texts; all are checked before the first is created.

        Raises
        ------
        MltrainError
            Something is wrong with one of them, or two have one name; then nothing was created.
        """
        found = await asyncio.to_thread(_read_manifests, sources)
        for manifest in found:
            self._refuse(manifest, await self.backend.preflight(manifest))
            await asyncio.to_thread(self._require_program, manifest)
        _refuse_twins(found)
        return [await self.backend.submit(manifest, job_id=new_job_id()) for manifest in found]

    @staticmethod
    def _refuse(manifest: Manifest, findings: list[Any]) -> None:
        from ..errors import ManifestError

        for finding in findings:
            if finding.severity.value == "error":
                name = manifest.get("metadata", {}).get("name", "?")
                raise ManifestError(f"{manifest['kind']} {name}: {finding.message}", hint=finding.hint, **finding.where)

    def _require_program(self, manifest: Manifest) -> None:
        """Raise ``NotFound`` if the manifest runs a frozen notebook that was never stored here."""
        from ..model.labels import ANNOTATION_PROGRAM
        from ..notebook import program

        digest = (manifest.get("metadata", {}).get("annotations") or {}).get(ANNOTATION_PROGRAM)
        if digest is not None and self.backend.name == "local":
            program.find(digest, [self.backend.programs])

    async def resubmit(
        self,
        ref: JobRef,
        *,
        parameters: Mapping[str, Any] | None = None,
        texts: Mapping[str, str] | None = None,
        replicas: Mapping[str, int] | None = None,
        resources: Mapping[str, Any] | None = None,
        name: str | None = None,
        job_id: str | None = None,
    ) -> JobRef:
        """Run a job's frozen program again under a new id and name, with some things changed.

        Parameters
        ----------
        parameters, texts, replicas, resources, name:
            As ``again.Changes`` has them.
        job_id:
            As `plan` takes it.
        """
        changes = again.Changes(parameters or {}, texts or {}, replicas or {}, resources or {}, name)
        new_id = job_id or new_job_id()
        old = await self.backend.status(ref)
        manifest = await asyncio.to_thread(again.manifest_again, old, new_id, changes, self.backend.programs)
        return await self.backend.submit(manifest, job_id=new_id)

    # Reading

    async def jobs(
        self, wanted: JobFilter = EVERY_JOB, *, limit: int | None = None, before: str | None = None
    ) -> JobPage:
        """Return the jobs that are wanted, newest first.

        Parameters
        ----------
        limit:
            At most so many.
        before:
            Id of a job: only older ones. A page's ``next`` is what to give for the page after it.

        Raises
        ------
        NotFound
            The job ``before`` is gone.
        """
        return await listing.page(self.backend, wanted, limit, before)

    async def census(self, wanted: JobFilter = EVERY_JOB) -> Census:
        """Return how many jobs there are, without reading them."""
        return await self.backend.census(wanted)

    async def find(self, text: str) -> JobRef:
        """Return the job that an id, the beginning of an id, a name, or ``namespace/name`` means.

        Of several jobs with one name (kinds, namespaces) the unfinished one is meant, if there is just one.

        Raises
        ------
        NotFound, Conflict
            No job, or more than one.
        """
        refs = await self.backend.find(text) if text else []
        if not refs:
            raise NotFound(f"There is no job {text!r}", hint=await self._near(text))
        if len(refs) > 1:
            named = ", ".join(f"{ref.id} ({ref.kind} {ref.namespace}/{ref.name})" for ref in refs[:5])
            raise Conflict(f"{text!r} means {len(refs)} jobs: {named}", hint="Give the whole id.")
        return refs[0]

    async def _near(self, text: str) -> str:
        """Return a hint at the jobs that may be meant."""
        near = (await self.jobs(JobFilter(text=text), limit=3)).jobs if text else ()
        if not near:
            return "`mltrain list` shows the jobs."
        return f"Did you mean {' or '.join(f'{job.ref.id} ({job.ref.name})' for job in near)}?"

    async def status(self, ref: JobRef) -> JobStatus:
        """Return a job as it is now."""
        return await self.backend.status(ref)

    async def manifest(self, ref: JobRef) -> Manifest:
        """Return the TFJob, PyTorchJob or Job as it was submitted."""
        return (await self.backend.status(ref)).manifest

    async def provenance(self, ref: JobRef) -> Provenance:
        """Return where a job came from: program, notebook, commit, image, parameters, seeds, requirements."""
        return await asyncio.to_thread(provenance_of, await self.backend.status(ref), [self.backend.programs])

    def watch(self, *, after: Cursor | None = None) -> AsyncIterator[Change]:
        """Follow all jobs: a snapshot of each, ``synced``, then changes; or what changed after a cursor."""
        return self.backend.watch(after=after)

    def follow(self, ref: JobRef) -> AsyncIterator[Update]:
        """Follow one job: status, progress of the leader's notebook, metrics, until it ends."""
        return following.follow(self.backend, ref)

    async def wait(self, ref: JobRef) -> JobStatus:
        """Return the job once it has ended.

        Raises
        ------
        NotFound
            There is no such job, or it was deleted meanwhile.
        """
        async for job in changes_of(self.backend, ref):
            if job.finished:
                return job
        raise NotFound(f"Job {ref.name} ({ref.id}) was deleted while it was waited for")

    async def log_page(
        self,
        ref: JobRef,
        replica: str | None = None,
        *,
        after: Cursor | None = None,
        limit: int = 1000,
    ) -> LogPage:
        """Return at most ``limit`` lines of a replica's log that are there now; see ``logs.pages``."""
        return await logs.page(self.backend, ref, replica, after=after, limit=limit, raw=False)

    def log_pages(self, ref: JobRef, replica: str | None = None, *, tail: int | None = None) -> AsyncIterator[LogPage]:
        """Return what there is of a replica's log, in pages; see ``logs.pages``."""
        return logs.pages(self.backend, ref, replica, tail=tail)

    def log_lines(
        self,
        ref: JobRef,
        replica: str | None = None,
        *,
        follow: bool = False,
        raw: bool = False,
        tail: int | None = None,
    ) -> AsyncIterator[str]:
        """Return the lines of a replica's log as people read them; ``raw`` leaves the runner's records as they are."""
        return logs.lines(self.backend, ref, replica, follow=follow, raw=raw, tail=tail)

    async def events(self, ref: JobRef) -> list[Event]:
        """Return the job's events, oldest first."""
        return await self.backend.events(ref)

    async def notebook(self, ref: JobRef) -> dict[str, Any]:
        """Return the executed notebook, as far as it has come, as nbformat 4 JSON."""
        return await following.notebook(self.backend, ref)

    async def metrics(self, ref: JobRef) -> list[Metric]:
        """Return what all replicas have reported so far, oldest first."""
        return await reports.metrics(self.backend, ref)

    async def progress(self, ref: JobRef) -> RunProgress | None:
        """Return how far the leader's notebook has come; None before its first cell, or for a job without one."""
        return await following.progress(self.backend, ref)

    async def failure(self, ref: JobRef) -> str:
        """Return what ended the job's notebook, as ``summary.failure`` does; ``""`` for a job that was deleted."""
        try:
            job = await self.backend.status(ref)
        except NotFound:
            return ""
        return failure(job, await self.run_states.of(job))

    async def outputs(self, ref: JobRef) -> list[Output]:
        """Return what the job left behind: executed notebook, models, files."""
        return await asyncio.to_thread(copies.outputs, await self.backend.status(ref))

    # The place

    async def devices(self) -> Inventory:
        """Return what the place has, and what is free."""
        return await self.backend.devices()

    async def capabilities(self) -> Capabilities:
        """Return what the place can do."""
        return await asyncio.to_thread(self.backend.capabilities)

    @staticmethod
    async def schema() -> dict[str, Any]:
        """Return the JSON Schema of ``Request.spec``."""
        return await asyncio.to_thread(_spec_schema)

    @staticmethod
    async def samples() -> list[Sample]:
        """Return the sample notebooks, the best one first."""
        from ..samples import list_samples

        return list_samples()

    @staticmethod
    async def copy_sample(name: str, folder: Path) -> Path:
        """Copy a sample's notebook into a folder and return where it is. Raises ``NotFound`` and ``Conflict``."""
        from ..samples import copy_sample, get_sample

        return await asyncio.to_thread(copy_sample, get_sample(name), folder)

    # Changing

    async def cancel(self, ref: JobRef) -> None:
        """Stop a job for good."""
        await self.backend.cancel(ref)

    async def suspend(self, ref: JobRef) -> None:
        """Stop a job until it is resumed."""
        await self.backend.suspend(ref)

    async def resume(self, ref: JobRef) -> None:
        """Let a suspended job run again."""
        await self.backend.resume(ref)

    async def delete(self, ref: JobRef) -> None:
        """Stop and forget a job."""
        await self.backend.delete(ref)

    async def recover(self, *, disk_budget: int | None = None) -> Recovery:
        """Look after jobs whose supervisor died; delete the oldest finished runs beyond a disk budget in bytes."""
        recovered = await self.backend.recover()
        pruned = [] if disk_budget is None else await self.backend.prune(disk_budget)
        return Recovery(tuple(ref.id for ref in recovered), tuple(ref.id for ref in pruned))


def _imaging() -> ModuleType:
    from . import imaging

    return imaging


def _spec_schema() -> dict[str, Any]:
    from ..model.spec import json_schema

    return json_schema()


def _read_manifests(sources: Sequence[Path | str]) -> list[Manifest]:
    from ..manifests import read_manifests

    return [manifest for source in sources for manifest in read_manifests(source)]


def _refuse_twins(manifests: Sequence[Manifest]) -> None:
    """Raise ``Conflict`` if two of the manifests name one job."""
    seen = set()
    for manifest in manifests:
        metadata = manifest["metadata"]
        named = (manifest["kind"], metadata.get("namespace") or "default", metadata.get("name"))
        if named in seen and named[2]:
            raise Conflict(
                f"{named[0]} {named[2]!r} stands twice in what was to be applied", hint="Rename one of them."
            )
        seen.add(named)

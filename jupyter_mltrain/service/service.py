"""One backend, the programs on this machine, and what a user can do with them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from ..backends.base import Backend, Change, Inventory
from ..backends.registry import get_backend
from ..errors import Conflict, InvalidInput, NotFound
from ..model.job import Event, JobRef, JobStatus, Manifest
from . import copies, following
from .request import Export, Metric, Output, Plan, Request, Update


class Service:
    """What the command line, the server, and Python callers talk to.

    Use it as an asynchronous context manager: on entry it looks after jobs whose supervisor died, and finishes
    deletions that a crash cut short.

    Parameters
    ----------
    backend:
        A name that ``backends.registry`` knows, or a backend.
    """

    def __init__(self, backend: str | Backend = "local") -> None:
        self.backend = get_backend(backend) if isinstance(backend, str) else backend

    async def __aenter__(self) -> Service:
        await self.backend.recover()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.backend.close()

    # Plans

    async def plan(self, request: Request) -> Plan:
        """Say what a submit would do: program, manifest, findings. No effects."""
        from dataclasses import replace

        from .planning import make_plan

        plan = await asyncio.to_thread(make_plan, request, local=self.backend.name == "local")
        return replace(plan, findings=(*plan.findings, *await self.backend.preflight(plan.manifest)))

    async def export(self, request: Request, what: str, target: Path | None) -> Export:
        """Write a notebook as ``script``, ``manifest`` or ``program``; see ``copies.export``."""
        return await asyncio.to_thread(copies.export, await self.plan(request), what, target)

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
        from ..manifests import read_manifests
        from .planning import new_job_id

        found = [item for source in sources for item in await asyncio.to_thread(read_manifests, source)]
        for manifest in found:
            self._refuse(manifest, await self.backend.preflight(manifest))
            self._require_program(manifest)
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
        name: str | None = None,
    ) -> JobRef:
        """Run a job's frozen program again under a new id and name, with some parameter values changed."""
        from .planning import new_job_id

        job_id = new_job_id()
        old = await self.backend.status(ref)
        manifest = await asyncio.to_thread(
            copies.manifest_again,
            old,
            job_id,
            name=name,
            parameters=parameters or {},
            texts=texts or {},
            programs=self.backend.programs,
        )
        return await self.backend.submit(manifest, job_id=job_id)

    # Reading

    async def jobs(self) -> list[JobStatus]:
        """Return all jobs, newest first."""
        return await self.backend.jobs()

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
            raise NotFound(f"There is no job {text!r}", hint="`mltrain list` shows the jobs.")
        if len(refs) > 1:
            named = ", ".join(f"{ref.id} ({ref.kind} {ref.namespace}/{ref.name})" for ref in refs[:5])
            raise Conflict(f"{text!r} means {len(refs)} jobs: {named}", hint="Give the whole id.")
        return refs[0]

    async def status(self, ref: JobRef) -> JobStatus:
        """Return a job as it is now."""
        return await self.backend.status(ref)

    def watch(self) -> AsyncIterator[Change]:
        """Follow all jobs."""
        return self.backend.watch()

    def follow(self, ref: JobRef) -> AsyncIterator[Update]:
        """Follow one job: status, progress of the leader's notebook, metrics, until it ends."""
        return following.follow(self.backend, ref)

    async def wait(self, ref: JobRef) -> JobStatus:
        """Return the job once it has ended.

        Raises
        ------
        NotFound
            It was deleted meanwhile.
        """
        async for change in self.backend.watch():
            if change.job is not None and change.job.ref.id == ref.id and change.job.finished:
                return change.job
            gone = change.type == "deleted" and change.ref is not None and change.ref.id == ref.id
            if gone or (change.type == "synced" and not await self._exists(ref)):
                raise NotFound(f"Job {ref.name} ({ref.id}) was deleted while it was waited for")
        raise AssertionError("a watch does not end")

    async def _exists(self, ref: JobRef) -> bool:
        try:
            await self.backend.status(ref)
        except NotFound:
            return False
        return True

    def log_lines(
        self, ref: JobRef, replica: str | None, *, follow: bool = False, raw: bool = False, tail: int | None = None
    ) -> AsyncIterator[str]:
        """Return the lines of a replica's log as people read them; ``raw`` leaves the runner's records as they are."""
        return following.log_lines(self.backend, ref, replica, follow=follow, raw=raw, tail=tail)

    async def events(self, ref: JobRef) -> list[Event]:
        """Return the job's events, oldest first."""
        return await self.backend.events(ref)

    async def notebook(self, ref: JobRef) -> dict[str, Any]:
        """Return the executed notebook, as far as it has come, as nbformat 4 JSON."""
        return await following.notebook(self.backend, ref)

    async def metrics(self, ref: JobRef) -> list[Metric]:
        """Return what the leader has reported so far, oldest first."""
        return await following.metrics(self.backend, ref)

    async def failure(self, ref: JobRef) -> str:
        """Return what ended the job's notebook: ``cell 2: ZeroDivisionError: division by zero``, or ``""``."""
        return await following.failure(self.backend, ref)

    async def outputs(self, ref: JobRef) -> list[Output]:
        """Return what the job left behind: executed notebook, models, files."""
        return await asyncio.to_thread(copies.outputs, await self.backend.status(ref))

    async def devices(self) -> Inventory:
        """Return what the place has, and what is free."""
        return await self.backend.devices()

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

    async def recover(self, *, disk_budget: str | None = None) -> dict[str, list[str]]:
        """Look after jobs whose supervisor died; delete the oldest finished runs beyond a disk budget."""
        from ..model.quantity import parse_memory

        recovered = [ref.id for ref in await self.backend.recover()]
        pruned: list[str] = []
        if disk_budget is not None:
            try:
                budget = parse_memory(disk_budget)
            except ValueError as error:
                raise InvalidInput(f"--disk-budget: {error}") from None
            pruned = [ref.id for ref in await self.backend.prune(budget)]
        return {"recovered": recovered, "pruned": pruned}


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

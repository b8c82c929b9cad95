"""The local backend: what :class:`~jupyter_mltrain.backends.base.Backend` promises, on this machine."""

from __future__ import annotations

import asyncio
import os
import re
import socket
import sqlite3
import time
import uuid
from collections.abc import AsyncIterator
from copy import deepcopy
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Final

from ...errors import Conflict, InvalidInput, NotFound
from ...model.findings import Finding
from ...model.job import Event, JobRef, JobStatus, Manifest, timestamp
from ...model.labels import ANNOTATION_CANCELLED
from ...model.quantity import parse_memory
from ..base import EVERY_JOB, Backend, Capabilities, Census, Change, Cursor, Inventory, JobFilter, LogChunk
from . import devices, leases, logs, preflight, scheduler, tables
from .controller import annotate, reconcile, suspend
from .ending import note_end, prune
from .environment import context
from .records import BACKEND, Job
from .runspec import pod_folder, sweep_ports
from .shim import ring
from .store import Store, counter, put_setting, setting
from .upkeep import tend_and_start, tend_if_possible
from .view import job_status, job_statuses
from .volumes import Sources
from .watch import cursor_at, watch

_JOB_ID: Final = re.compile(r"[A-Za-z0-9][-A-Za-z0-9_.]{0,62}")
_KINDS: Final = ("TFJob", "PyTorchJob", "Job")


def default_home() -> Path:
    """Return the data folder: ``$MLTRAIN_HOME``, else the user's."""
    import platformdirs

    named = os.environ.get("MLTRAIN_HOME")
    return Path(named).expanduser().absolute() if named else Path(platformdirs.user_data_dir("jupyter-mltrain"))


class LocalBackend(Backend):
    """Runs jobs as processes of this user.

    Parameters
    ----------
    home:
        Data folder; ``None``: ``$MLTRAIN_HOME``, else the user's data folder.
    slots:
        How many jobs may run at once, for all who use the folder from now on; ``None``: ``$MLTRAIN_SLOTS``, else as it
        was set before, at first 2.

    disk_budget:
        Bytes that the folders of ended jobs may take: when a job ends, the oldest beyond it are deleted, for all who
        use the folder from now on. ``None``: ``$MLTRAIN_DISK_BUDGET`` (such as ``20Gi``), else as it was set before,
        at first without limit.

    Raises
    ------
    StorageError
        The data folder cannot be used.
    """

    name = BACKEND

    def __init__(self, home: Path | None = None, slots: int | None = None, disk_budget: int | None = None) -> None:
        self.home = default_home() if home is None else home.absolute()
        self.programs = self.home / "programs"
        self.store = Store(self.home)
        wanted = os.environ.get("MLTRAIN_SLOTS") if slots is None else slots
        if wanted is not None:
            self._set_slots(wanted)
        budget = os.environ.get("MLTRAIN_DISK_BUDGET") if disk_budget is None else disk_budget
        if budget is not None:
            self._set_disk_budget(budget)

    def _set_slots(self, wanted: int | str) -> None:
        if not str(wanted).isdecimal() or int(wanted) < 1:
            raise InvalidInput(
                f"The number of slots must be a whole number from 1 on, not {wanted!r}",
                hint="Set MLTRAIN_SLOTS to how many jobs may run at once; suspend jobs that are not to run.",
                field="slots",
            )
        self._set("slots", int(wanted))

    def _set_disk_budget(self, wanted: int | str) -> None:
        try:
            budget = parse_memory(wanted)
        except ValueError as error:
            raise InvalidInput(
                f"The disk budget is not a size: {error}",
                hint="Set MLTRAIN_DISK_BUDGET to a number of bytes or to a size such as 20Gi.",
                field="disk_budget",
            ) from None
        self._set("disk_budget", budget)

    def _set(self, name: str, value: int) -> None:
        """Keep a setting. The same one comes with every process: only a new one is worth a write."""
        with self.store.read() as connection:
            if setting(connection, name) == value:
                return
        with self.store.write() as connection:
            put_setting(connection, name, value)

    async def close(self) -> None:
        """Close the database. Jobs go on."""
        self.store.close()

    def capabilities(self) -> Capabilities:
        """Say what this backend can do."""
        return Capabilities(kinds=_KINDS, gpus=bool(devices.find_gpus()[0]))

    async def preflight(self, manifest: Manifest) -> list[Finding]:
        """Check a manifest against this machine without any effect."""
        return await asyncio.to_thread(preflight.findings, manifest, self.home, self._name_is_taken)

    def _name_is_taken(self, manifest: Manifest) -> bool:
        metadata = manifest["metadata"]
        namespace = metadata.get("namespace") or "default"
        with self.store.read() as connection:
            return tables.find_named(connection, manifest["kind"], namespace, metadata.get("name", "")) is not None

    # Submit

    async def submit(self, manifest: Manifest, *, job_id: str) -> JobRef:
        """Create the job and start it if it is its turn. Idempotent on ``job_id``."""
        return await asyncio.to_thread(self._submit, manifest, job_id)

    def _submit(self, manifest: Manifest, job_id: str) -> JobRef:
        job = self._new_job(manifest, job_id)
        with self.store.write(growing=True) as connection:
            known = tables.find_job(connection, job_id)
            if known is not None:
                return self._same(known)
            if tables.find_named(connection, job.kind, job.namespace, job.name):
                raise Conflict(
                    f"A {job.kind} {job.name!r} exists in namespace {job.namespace!r}",
                    hint="Choose another name, or delete that job first.",
                    field="metadata.name",
                )
            if not job.suspended:
                scheduler.enqueue(connection, job)
            tables.insert_job(connection, job)
            if job.suspended:
                reconcile(connection, job, [], job.created)
        tend_and_start(self.store)
        return job.ref

    def _new_job(self, manifest: Manifest, job_id: str) -> Job:
        if not _JOB_ID.fullmatch(job_id):
            raise InvalidInput(f"{job_id!r} cannot be the id of a job: letters, digits, - _ .", field="job_id")
        preflight.check_manifest(manifest, Sources.named_in(os.environ))
        manifest = deepcopy(manifest)
        metadata = manifest["metadata"]
        metadata["namespace"] = metadata.get("namespace") or "default"
        metadata["name"] = metadata.get("name") or metadata["generateName"] + uuid.uuid4().hex[:5]
        now = time.time()
        return Job(
            id=job_id,
            kind=manifest["kind"],
            namespace=metadata["namespace"],
            name=metadata["name"],
            manifest=manifest,
            created=now,
            clock=now,
            gpus=leases.wanted_by(manifest),
            context=context(os.environ, preflight.kernel_of(manifest)[1]),
        )

    def _same(self, known: Job) -> JobRef:
        if known.deleted:
            raise Conflict(f"Job {known.id} was deleted and is still ending", hint="Use a new id.")
        return known.ref

    # Look

    async def status(self, ref: JobRef) -> JobStatus:
        """Read the job as it is now. Raises ``NotFound``."""
        return await asyncio.to_thread(self._status, ref)

    def _status(self, ref: JobRef) -> JobStatus:
        tend_if_possible(self.store)
        with self.store.read() as connection:
            return job_status(connection, self.home, self._find(connection, ref))

    def _find(self, connection: sqlite3.Connection, ref: JobRef) -> Job:
        job = tables.find_job(connection, ref.id)
        if job is None or job.deleted:
            raise NotFound(f"There is no job {ref.name or ref.id} on this machine", job=ref.id)
        return job

    async def find(self, text: str) -> list[JobRef]:
        """Find jobs by id, beginning of an id, name, or ``namespace/name``: exact matches win, then unfinished jobs."""
        return await asyncio.to_thread(self._named, text)

    def _named(self, text: str) -> list[JobRef]:
        namespace, _, name = text.rpartition("/")
        with self.store.read() as connection:
            for condition, *arguments in (
                ("id = ?", text),
                ("name = ? AND (namespace = ? OR ? = '')", name, namespace, namespace),
                ("substr(id, 1, length(?)) = ?", text, text),
            ):
                found = tables.select_jobs(connection, f"{condition} AND deleted = 0 ORDER BY created DESC", *arguments)
                if found:
                    return [job.ref for job in found if not job.finished] or [job.ref for job in found]
        return []

    async def prune(self, budget: int) -> list[JobRef]:
        """Delete the oldest finished runs until what runs left behind takes at most ``budget`` bytes."""
        return await asyncio.to_thread(self._prune, budget)

    def _prune(self, budget: int) -> list[JobRef]:
        pruned = prune(self.store, budget)
        tend_and_start(self.store)
        return [job.ref for job in pruned]

    async def jobs(
        self, wanted: JobFilter = EVERY_JOB, *, limit: int | None = None, before: str | None = None
    ) -> list[JobStatus]:
        """Read jobs, newest first: all of them, or at most ``limit`` that are older than the one with id ``before``."""
        return await asyncio.to_thread(self._jobs, wanted, limit, before)

    def _jobs(self, wanted: JobFilter, limit: int | None, before: str | None) -> list[JobStatus]:
        if limit is not None and limit < 1:
            raise InvalidInput(f"A page has at least 1 job, not {limit}", field="limit")
        tend_if_possible(self.store)
        with self.store.read() as connection:
            if before is not None and tables.find_job(connection, before) is None:
                raise NotFound(f"There is no job {before} on this machine", hint="List from the newest on.", job=before)
            return job_statuses(connection, self.home, tables.newest_jobs(connection, wanted, limit, before))

    async def census(self, wanted: JobFilter = EVERY_JOB) -> Census:
        """Count jobs without reading them."""
        return await asyncio.to_thread(self._census, wanted)

    def _census(self, wanted: JobFilter) -> Census:
        with self.store.read() as connection:
            phases = tables.count_phases(connection)
            total = sum(phases.values()) if wanted.all else tables.count_jobs(connection, wanted)
            cursor = cursor_at(setting(connection, "store"), counter(connection, "change"))
        return Census(total, phases, cursor)

    def watch(self, *, after: Cursor | None = None) -> AsyncIterator[Change]:
        """Follow all jobs, whoever changes them."""
        return watch(self.store, after)

    async def events(self, ref: JobRef) -> list[Event]:
        """Read the job's events, oldest first."""
        return await asyncio.to_thread(self._events, ref)

    def _events(self, ref: JobRef) -> list[Event]:
        with self.store.read() as connection:
            return tables.events_of(connection, self._find(connection, ref).id)

    def logs(
        self,
        ref: JobRef,
        replica: str,
        *,
        after: Cursor | None = None,
        tail: int | None = None,
        follow: bool = False,
    ) -> AsyncIterator[LogChunk]:
        """Read a replica's log over all its runs. Raises ``NotFound``."""
        with self.store.read() as connection:
            job = self._find(connection, ref)
            if tables.last_pod(connection, job.id, replica) is None:
                raise NotFound(f"Job {job.name} has no replica {replica!r}", replica=replica)
        folder = pod_folder(self.store.job_folder(job.id), replica)
        done = partial(self._replica_done, job.id, replica)
        return logs.read(folder, after=after, tail=tail, follow=follow, finished=done)

    def _replica_done(self, job_id: str, replica: str) -> bool:
        tend_if_possible(self.store)  # who follows a log may be the only one there when the supervisor was killed
        with self.store.read() as connection:
            job = tables.find_job(connection, job_id)
            pod = tables.last_pod(connection, job_id, replica)
        return job is None or pod is None or (job.state == "idle") or not pod.alive

    # Change

    async def suspend(self, ref: JobRef) -> None:
        """Set ``suspend``; the replicas are stopped by the operator's rules, slot and devices become free."""
        await asyncio.to_thread(self._suspend, ref, cancel=False)

    async def cancel(self, ref: JobRef) -> None:
        """Suspend the job for good. A job that has ended stays as it is."""
        await asyncio.to_thread(self._suspend, ref, cancel=True)

    def _suspend(self, ref: JobRef, *, cancel: bool) -> None:
        with self.store.write() as connection:
            job = self._find(connection, ref)
            if job.finished or (job.suspended and not job.resume and not cancel):
                return
            now = max(time.time(), job.clock)
            suspend(job)
            if cancel and not job.cancelled:
                annotate(job, ANNOTATION_CANCELLED, timestamp(datetime.fromtimestamp(now, UTC)))
            if job.state == "queued":
                job.state, job.turn = "idle", None
            if job.state == "idle":
                outcome = reconcile(connection, job, tables.pods_of(connection, job.id), now)
                note_end(job, now, outcome.requeue_after)
            tables.save_job(connection, job)
        self._wake(job)

    async def resume(self, ref: JobRef) -> None:
        """Unset ``suspend``; the job queues again. Raises ``Conflict`` if it was cancelled."""
        await asyncio.to_thread(self._resume, ref)

    def _resume(self, ref: JobRef) -> None:
        with self.store.write() as connection:
            job = self._find(connection, ref)
            if job.cancelled:
                raise Conflict(f"Job {job.name} was cancelled, for good", hint="Submit it again.")
            if job.finished or not job.suspended:
                return
            if job.state == "idle":
                scheduler.resume(connection, job)
            else:  # by the operator's rules, a job that is resumed while its pods are going has failed
                job.resume = True
            tables.save_job(connection, job)
        self._wake(job)

    async def delete(self, ref: JobRef) -> None:
        """Forget the job at once; what runs of it is stopped, then its folder goes. Idempotent."""
        await asyncio.to_thread(self._delete, ref)

    def _delete(self, ref: JobRef) -> None:
        with self.store.write() as connection:
            job = tables.find_job(connection, ref.id)
            if job is None or job.deleted:
                return
            tables.mark_deleted(connection, job)
        self._wake(job)

    def _wake(self, job: Job) -> None:
        ring(str(self.store.job_folder(job.id) / "bell"))
        tend_and_start(self.store)

    # The machine

    async def devices(self) -> Inventory:
        """Say what accelerators, processors, memory and slots there are."""
        return await asyncio.to_thread(self._devices)

    def _devices(self) -> Inventory:
        gpus, note = devices.find_gpus()
        with self.store.read() as connection:
            leased = leases.leased(connection)
            there, used = scheduler.slots(connection), scheduler.slots_used(connection)
        return Inventory(
            devices=devices.groups(gpus, leased, node=socket.gethostname()),
            cpus=devices.processors(),
            memory=devices.memory_size(),
            slots=there,
            slots_free=max(0, there - used),
            note=note,
        )

    async def recover(self) -> list[JobRef]:
        """Adopt what runs, finish what ended. Any other method does as much when it happens to notice."""
        return await asyncio.to_thread(self._recover)

    def _recover(self) -> list[JobRef]:
        with self.store.write() as connection:
            sweep_ports(self.home, tables.select_jobs(connection, "state = 'active'"))
        started = tend_and_start(self.store)
        with self.store.read() as connection:
            jobs = [tables.find_job(connection, job) for job in started]
        return [job.ref for job in jobs if job is not None]

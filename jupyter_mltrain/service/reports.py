"""What the replicas of a job report of metrics: whose reports count, and what their logs have of them."""

from __future__ import annotations

import asyncio

from ..backends.base import Backend
from ..errors import NotFound
from ..model.job import JobRef, JobStatus, ReplicaState
from ..runner.records import Rebuilder
from ..runner.records.rebuild import METRICS_KEPT
from .request import Metric


def reporters(job: JobStatus) -> list[ReplicaState]:
    """Return the replicas that have a log whose points count, the leader among them.

    A pod of a batch/v1 Job that failed is followed by another one, which does its work again.
    """
    return [
        replica
        for replica in job.replicas
        if replica.phase != "Pending" and (replica == job.leader or job.ref.kind != "Job" or replica.phase != "Failed")
    ]


def points_kept(job: JobStatus, replica: ReplicaState) -> int:
    """Return how many of a replica's points are kept: those that do not lead share what the leader has alone."""
    return METRICS_KEPT if replica == job.leader else max(METRICS_KEPT // len(job.replicas), 1)


async def metrics(backend: Backend, ref: JobRef) -> list[Metric]:
    """Return the points that the logs of all replicas have, oldest first."""
    job = await backend.status(ref)
    found = [point for replica in reporters(job) for point in await _metrics_of(backend, job, replica)]
    return sorted(found, key=lambda point: point.time or 0.0)


async def _metrics_of(backend: Backend, job: JobStatus, replica: ReplicaState) -> list[Metric]:
    reader = Rebuilder(cells=False, points=points_kept(job, replica))
    try:
        async for chunk in backend.logs(job.ref, replica.name):
            if chunk.truncated:
                reader.lost()
            await asyncio.to_thread(reader.feed, chunk.text)
    except NotFound:  # the pod was cleaned up with its log
        return []
    return [Metric(point["values"], point["step"], point["time"], replica.name) for point in reader.metrics]

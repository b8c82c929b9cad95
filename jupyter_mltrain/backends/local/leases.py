"""Which job has which accelerators.

A job gets the accelerators of all its replicas together, divided into shares, one for each replica that runs at a time.
A pod takes a free share of its role when it is launched, so a pod made again has the share of the one before it.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from itertools import groupby
from operator import itemgetter

from ...model.job import Manifest
from .devices import Gpu, choose, suitable, wanted
from .records import Job, Pod
from .shape import Group, groups


@dataclass(frozen=True, slots=True)
class Lease:
    """One accelerator in one share."""

    device: str
    role: str
    share: int


def wanted_by(manifest: Manifest) -> int:
    """Return how many accelerators all replicas ask for together."""
    return sum(group.replicas * wanted(group.pod_spec) for group in groups(manifest))


def assign(manifest: Manifest, gpus: Sequence[Gpu], taken: Collection[str]) -> list[Lease] | None:
    """Choose accelerators for all replicas, ``None`` if there are not enough. The choosiest replicas choose first."""
    found: list[Lease] = []
    for group in sorted(groups(manifest), key=lambda group: len(suitable(gpus, group.pod_spec))):
        fit = suitable(gpus, group.pod_spec)
        for share in range(group.replicas):
            chosen = choose(fit, {*taken, *(lease.device for lease in found)}, None, wanted(group.pod_spec))
            if chosen is None:
                return None
            found += [Lease(device, group.role.lower(), share) for device in chosen]
    return found


def could_use(manifest: Manifest, gpus: Sequence[Gpu]) -> set[str]:
    """Return the accelerators that any replica of a job could use."""
    asking = [group for group in groups(manifest) if wanted(group.pod_spec)]
    return {gpu.uuid for group in asking for gpu in suitable(gpus, group.pod_spec)}


def describe(manifest: Manifest) -> str:
    """Say what a job asks for: ``2 x 1 GPU (Worker)``."""
    asking = [(group, wanted(group.pod_spec)) for group in groups(manifest) if wanted(group.pod_spec)]
    return ", ".join(_describe(group, count) for group, count in asking)


def _describe(group: Group, count: int) -> str:
    times = f"{group.replicas} x " if group.replicas > 1 else ""
    return f"{times}{count} GPU{'s' if count > 1 else ''}" + (f" ({group.role})" if group.role else "")


def leased(connection: sqlite3.Connection) -> set[str]:
    """Return the accelerators that jobs have now."""
    return {row[0] for row in connection.execute("SELECT device FROM leases")}


def lease(connection: sqlite3.Connection, job: Job, chosen: Iterable[Lease]) -> None:
    """Give accelerators to a job."""
    rows = [(each.device, job.id, each.role, each.share) for each in chosen]
    connection.executemany("INSERT INTO leases VALUES (?, ?, ?, ?)", rows)


def release(connection: sqlite3.Connection, job: Job) -> None:
    """Take them back."""
    connection.execute("DELETE FROM leases WHERE job = ?", (job.id,))


def take_share(connection: sqlite3.Connection, pod: Pod, pods: Iterable[Pod]) -> bool:
    """Give a pod its accelerators, if it wants any; return whether it has what it needs to be launched."""
    if pod.devices or not wanted(pod.manifest["spec"]):
        return True
    used = {device for other in pods if other.alive and other is not pod for device in other.devices}
    rows = connection.execute(
        "SELECT share, device FROM leases WHERE job = ? AND role = ? ORDER BY share, device",
        (pod.job, pod.role.lower()),
    )
    for _, share in groupby(rows.fetchall(), key=itemgetter(0)):
        devices = [device for _, device in share]
        if used.isdisjoint(devices):
            pod.devices = devices
            return True
    return False

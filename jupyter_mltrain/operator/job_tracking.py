"""What the Job controller keeps in mind between two looks, beyond the Job's own status.

Kubernetes spreads this over a finalizer on each pod (not counted yet), annotations on pods (failures of an index) and
the controller's memory (the back-off). A pure function has one place for it: a key of the status that only this
project reads, so that the caller stores everything with one atomic write and a pod is counted exactly once.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from ..model.job import parse_timestamp
from ..model.labels import PREFIX
from .types import Pod, Status

TRACKING = PREFIX + "tracking"
"""Key of the status that holds this; Kubernetes does not have it."""

BACKOFF = timedelta(seconds=10)
MAX_BACKOFF = timedelta(minutes=10)
_LONG_AGO = datetime.min.replace(tzinfo=UTC)


def pod_key(pod: Pod) -> str:
    """Return what tells a pod from all others of its job."""
    return pod.uid or pod.name


def published(status: Mapping[str, Any]) -> Status:
    """Return the status as Kubernetes would show it: without what only this project keeps in it."""
    return {key: value for key, value in status.items() if key != TRACKING}


@dataclass(slots=True)
class Tracking:
    """The controller's memory of one job."""

    released: set[str] = field(default_factory=set)
    """Pods that are done with (in Kubernetes: the finalizer batch.kubernetes.io/job-tracking is off)."""
    created: int = 0
    """Pods made so far: numbers their names."""
    failures: int = 0
    """Pod failures since the last success."""
    last_failure: datetime | None = None
    index_failures: dict[str, int] = field(default_factory=dict)
    """By pod name: failures of its index before it, that count towards ``backoffLimitPerIndex``."""
    index_ignored: dict[str, int] = field(default_factory=dict)
    """By pod name: those that do not, but still lengthen the back-off."""
    deletions: dict[str, datetime] = field(default_factory=dict)
    """By pod name: when it was first seen on its way out. For its job it ended then."""

    @classmethod
    def from_status(cls, status: Mapping[str, Any]) -> Tracking:
        """Read what an earlier look has left."""
        data = status.get(TRACKING) or {}
        last = data.get("lastFailureTime")
        return cls(
            released=set(data.get("released", ())),
            created=data.get("created", 0),
            failures=data.get("failures", 0),
            last_failure=parse_timestamp(last) if last else None,
            index_failures=dict(data.get("indexFailures", {})),
            index_ignored=dict(data.get("indexIgnored", {})),
            deletions={name: parse_timestamp(moment) for name, moment in data.get("deletions", {}).items()},
        )

    def to_dict(self, pods: Sequence[Pod]) -> dict[str, Any]:
        """Return it as JSON; all pods but the given ones are forgotten."""
        present, names = {pod_key(pod) for pod in pods}, {pod.name for pod in pods}
        data = {
            "released": sorted(self.released & present),
            "created": self.created,
            "failures": self.failures,
            "lastFailureTime": self.last_failure.isoformat() if self.last_failure else None,
            "indexFailures": {name: count for name, count in self.index_failures.items() if name in names and count},
            "indexIgnored": {name: count for name, count in self.index_ignored.items() if name in names and count},
            "deletions": {name: moment.isoformat() for name, moment in self.deletions.items() if name in names},
        }
        return {key: value for key, value in data.items() if value}

    def note_deletions(self, pods: Sequence[Pod], now: datetime) -> None:
        """Remember since when pods are on their way out."""
        for pod in pods:
            if pod.deleting:
                self.deletions.setdefault(pod.name, now)

    def finish_time(self, pod: Pod) -> datetime:
        """Return when a pod ended, or was asked to."""
        return pod.finished_at or self.deletions.get(pod.name) or pod.created_at or _LONG_AGO

    def count_failures(self, succeeded: Sequence[Pod], failed: Sequence[Pod]) -> None:
        """Take newly finished pods into the back-off: a success starts it afresh."""
        if succeeded:
            last_success = max(map(self.finish_time, succeeded))
            failed = [pod for pod in failed if self.finish_time(pod) > last_success]
            self.failures, self.last_failure = 0, None
        if failed:
            self.failures += len(failed)
            self.last_failure = max(map(self.finish_time, failed))

    def remaining_backoff(self, now: datetime) -> timedelta:
        """Return how long to wait before the next pod is made."""
        return backoff(self.failures, self.last_failure, now)

    def index_attempts(self, pod: Pod) -> int:
        """Return how many pods of a pod's index failed before it."""
        return self.index_failures.get(pod.name, 0) + self.index_ignored.get(pod.name, 0)

    def replace_failed(self, pod: Pod, counts: bool, name: str) -> None:
        """Hand the failures of an index on from a failed pod to the new one of that name."""
        self.index_failures[name] = self.index_failures.get(pod.name, 0) + counts
        self.index_ignored[name] = self.index_ignored.get(pod.name, 0) + (not counts)


def backoff(failures: int, last_failure: datetime | None, now: datetime) -> timedelta:
    """Return what is left of a back-off of 10 s that doubles with each failure, up to 10 minutes."""
    if not failures or last_failure is None:
        return timedelta(0)
    delay = MAX_BACKOFF if failures > 6 else min(BACKOFF * 2 ** (failures - 1), MAX_BACKOFF)
    return max(delay - (now - last_failure), timedelta(0))

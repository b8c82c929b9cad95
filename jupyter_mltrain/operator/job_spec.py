"""What a batch/v1 Job asks for, with the API server's defaults filled in."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

DEFAULT_BACKOFF_LIMIT = 6
UNLIMITED = 2**31 - 1


@dataclass(frozen=True, slots=True)
class JobSpec:
    """The fields of ``spec`` that the rules read (Kubernetes 1.36, ``pkg/apis/batch/v1/defaults.go``)."""

    name: str
    namespace: str
    completions: int | None
    """``None``: done as soon as one pod succeeds and the others have ended."""
    parallelism: int
    indexed: bool
    backoff_limit: int
    backoff_limit_per_index: int | None
    max_failed_indexes: int | None
    active_deadline: int | None
    ttl: int | None
    suspended: bool
    restart_policy: str
    main_container: str
    replace_only_failed: bool
    """``podReplacementPolicy: Failed``: a pod that is going still holds its place."""
    failure_rules: tuple[dict[str, Any], ...] | None
    """``podFailurePolicy.rules``; ``None`` without a policy."""
    success_rules: tuple[dict[str, Any], ...]

    @classmethod
    def from_manifest(cls, manifest: Mapping[str, Any]) -> JobSpec:
        """Read a Job's manifest. What is missing gets the value that the API server would write."""
        spec = manifest["spec"]
        pod = spec["template"]["spec"]
        completions, parallelism = spec.get("completions"), spec.get("parallelism")
        if completions is None and parallelism is None:
            completions = 1
        per_index = spec.get("backoffLimitPerIndex")
        failure_policy = spec.get("podFailurePolicy")
        return cls(
            name=manifest["metadata"]["name"],
            namespace=manifest["metadata"].get("namespace") or "default",
            completions=completions,
            parallelism=_or(parallelism, 1),
            indexed=spec.get("completionMode") == "Indexed",
            backoff_limit=_or(spec.get("backoffLimit"), DEFAULT_BACKOFF_LIMIT if per_index is None else UNLIMITED),
            backoff_limit_per_index=per_index,
            max_failed_indexes=spec.get("maxFailedIndexes"),
            active_deadline=spec.get("activeDeadlineSeconds"),
            ttl=spec.get("ttlSecondsAfterFinished"),
            suspended=bool(spec.get("suspend")),
            restart_policy=pod.get("restartPolicy", "Never"),
            main_container=pod["containers"][0]["name"],
            replace_only_failed=failure_policy is not None or spec.get("podReplacementPolicy") == "Failed",
            failure_rules=None if failure_policy is None else tuple(failure_policy.get("rules") or ()),
            success_rules=tuple((spec.get("successPolicy") or {}).get("rules") or ()),
        )

    @property
    def index_count(self) -> int:
        """How many completion indexes there are (0 without a number of completions)."""
        return self.completions or 0


def _or(value: int | None, default: int) -> int:
    return default if value is None else value


def parse_indexes(text: str, below: int) -> frozenset[int]:
    """Return the indexes that a list such as ``0,2-4`` names, without those at or above ``below``."""
    found: set[int] = set()
    for interval in filter(None, text.split(",")):
        first, _, last = interval.partition("-")
        found.update(range(int(first), min(int(last or first) + 1, below)))
    return frozenset(found)


def format_indexes(indexes: Iterable[int]) -> str:
    """Write indexes as the Job's status does: ``0,2-4``; two neighbours stand as ``0,1``."""
    runs: list[list[int]] = []
    for index in sorted(set(indexes)):
        if runs and runs[-1][-1] == index - 1:
            runs[-1].append(index)
        else:
            runs.append([index])
    return ",".join(f"{run[0]}-{run[-1]}" if len(run) > 2 else ",".join(map(str, run)) for run in runs)

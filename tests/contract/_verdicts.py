"""Replay of recorded verdicts: the API server's answer to a dry run against ``operator.validation``."""

from __future__ import annotations

from collections import Counter
from typing import Any

from jupyter_mltrain.operator.validation import validate


def same_message(ours: str, theirs: str) -> bool:
    """Whether two messages say the same. Go walks its maps in random order, so the order of the errors is open."""
    return _parts(ours) == _parts(theirs)


def _parts(message: str) -> Counter[str]:
    flat = message.replace(": [", ", ").replace("supported values: ", "supported values, ")
    return Counter(part.rstrip("]") for part in flat.split(", "))


def replay(name: str, record: dict[str, Any]) -> list[str]:
    """Return what differs between the recorded verdict and ours; empty if nothing does."""
    verdict = validate(record["manifest"])
    differences = []
    if verdict.code != record["code"]:
        differences.append(f"{name} code is {verdict.code}, recorded {record['code']}: {record.get('message', '')}")
    if not same_message(verdict.message, record.get("message") or ""):
        differences.append(f"{name} message is {verdict.message!r}, recorded {record.get('message')!r}")
    return differences

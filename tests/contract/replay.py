"""Replay recordings of the real operator, API server and Job controller against the rules.

    python tests/contract/replay.py FILE.json.gz

prints ``AGREE of TOTAL`` and the first differences; the exit code is 0 iff all records agree. A file maps names to
records; each record is replayed by its own form:

traces    a TFJob or PyTorchJob: ``manifest`` and ``trace``
jobs      a batch/v1 Job: the same, with a Job's ``status`` in each step
verdicts  a manifest and the answer of the API server: ``manifest`` and ``code``
"""

from __future__ import annotations

import gzip
import importlib
import json
import sys
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parents[1])]

SHOWN = 5
"""How many records that do not agree are shown, and how many differences of each."""

Record = dict[str, Any]


def load(path: Path) -> dict[str, Record]:
    """Read a recording, gzipped or not."""
    data = path.read_bytes()
    records = json.loads(gzip.decompress(data) if data[:2] == b"\x1f\x8b" else data)
    if not isinstance(records, dict):
        raise TypeError(f"{path} holds no recording: a JSON object of records by name is expected")
    return records


def form(record: Record) -> str:
    """Return the form of a record."""
    if "code" in record:
        return "verdicts"
    return "jobs" if record["manifest"].get("kind") == "Job" else "traces"


def replay(name: str, record: Record) -> list[str]:
    """Return how the rules differ from what was recorded; empty where they agree."""
    try:
        differences: list[str] = importlib.import_module(f"_{form(record)}").replay(name, record)
    except Exception as error:  # one record that cannot be replayed must not hide the others
        return [f"it cannot be replayed: {type(error).__name__}: {error}"]
    return differences


def main(arguments: list[str]) -> int:
    """Replay the files named; return the exit code."""
    if not arguments:
        print(__doc__, file=sys.stderr)
        return 2
    records = [item for argument in arguments for item in load(Path(argument)).items()]
    failures = {name: differences for name, record in records if (differences := replay(name, record))}
    print(f"{len(records) - len(failures)} of {len(records)}")
    for name, differences in list(failures.items())[:SHOWN]:
        print(f"{name}:")
        for difference in differences[:SHOWN]:
            print(f"  {difference}")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

"""What jobs are found by, held against a look at every job."""

from __future__ import annotations

import asyncio
import sqlite3
import tempfile
from collections import Counter
from pathlib import Path
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from jupyter_mltrain.backends.base import JobFilter
from jupyter_mltrain.backends.local import LocalBackend, schema, tables
from jupyter_mltrain.backends.local.records import Job, Pod
from jupyter_mltrain.backends.local.store import Store
from jupyter_mltrain.model.job import JobStatus, Phase, notebook_of
from jupyter_mltrain.model.labels import ANNOTATION_CANCELLED, ANNOTATION_NOTEBOOK

NOTEBOOKS = ["", "train.ipynb", "work/train.ipynb", "work/Straße 50%.ipynb", "a/b.c.ipynb"]
CONDITIONS = ["Created", "Running", "Restarting", "Suspended", "Succeeded", "Complete", "Failed"]
TEXTS = ["", "train", "TRAIN", "STRASSE", "50%", "_", "'", "default", "exit code 1", "oh no", "job-1", "\x1f"]


@st.composite
def jobs(draw: st.DrawFn) -> tuple[Job, list[Pod]]:
    name = f"job-{draw(st.integers(0, 12))}"
    annotations = {ANNOTATION_NOTEBOOK: draw(st.sampled_from(NOTEBOOKS))}
    if draw(st.booleans()):
        annotations[ANNOTATION_CANCELLED] = "2026-01-01T00:00:00Z"
    kind = draw(st.sampled_from(["TFJob", "PyTorchJob", "Job"]))
    conditions = draw(st.lists(st.sampled_from(CONDITIONS), unique=True, max_size=2))
    status = {"conditions": [{"type": c, "status": "True", "message": "oh No"} for c in conditions]}
    made = Job(
        name,
        kind,
        "default",
        name,
        {"kind": kind, "metadata": {"name": name, "annotations": annotations}, "spec": {}},
        created=draw(st.sampled_from([1.0, 2.0, 3.0])),
        clock=1.0,
        status=status,
        state=draw(st.sampled_from(["queued", "active", "idle"])),
        deleted=draw(st.integers(0, 4)) == 0,
    )
    phases = draw(st.lists(st.sampled_from(["Pending", "Running", "Succeeded", "Failed"]), max_size=2))
    pods = [
        Pod("", name, f"p{n}", "Worker", n, 0, {"spec": {}}, 1.0, phase, exit_code=1) for n, phase in enumerate(phases)
    ]
    return made, pods


filters = st.builds(
    JobFilter,
    st.lists(st.sampled_from(list(Phase)), max_size=2),
    st.lists(st.sampled_from(["TFJob", "Job"]), max_size=1),
    st.sampled_from(["", "train", "train.ipynb", "work/train", "rain", "/train", "b.c", "b", "%"]),
    st.sampled_from(TEXTS),
)


def wanted_is(wanted: JobFilter, job: JobStatus) -> bool:
    """Say what a filter promises, the long way."""
    path = notebook_of(job.manifest)
    ends = {"/".join(path.split("/")[n:]) for n in range(path.count("/") + 1)} - {""}
    ends |= {end.removesuffix(".ipynb") for end in ends}
    said = job.message if job.phase is Phase.FAILED else ""
    places = [job.ref.id, job.ref.name, job.ref.namespace, path, said]
    return (
        (not wanted.states or job.phase in wanted.states)
        and (not wanted.kinds or job.ref.kind in wanted.kinds)
        and (not wanted.notebook or wanted.notebook.removeprefix("/") in ends)
        and (not wanted.text or any(wanted.text.casefold() in place.casefold() for place in places))
    )


def put(store: Store, job: Job, pods: list[Pod]) -> None:
    """Write a job with its pods anew, as a supervisor does: the job last."""
    with store.write() as connection:
        tables.forget_job(connection, job.id)
        job.turn = connection.execute("SELECT 1 + ifnull(max(turn), 0) FROM jobs").fetchone()[0]
        tables.insert_job(connection, job)
        for pod in pods:
            pod.uid = f"{job.id}-{pod.name}"
            tables.insert_pod(connection, pod)
        tables.save_job(connection, job)


@settings(deadline=None, max_examples=50)
@given(st.lists(jobs(), max_size=15), st.lists(filters, min_size=1, max_size=5))
def test_lists_and_counts_are_what_a_look_at_every_job_finds(made: list[Any], asked: list[JobFilter]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        store = Store(Path(folder))
        for job, pods in made:
            put(store, job, pods)
        store.close()
        asyncio.run(_compare(Path(folder), asked))


async def _compare(home: Path, asked: list[JobFilter]) -> None:
    backend = LocalBackend(home)
    everything = await _look(backend)
    for wanted in asked:
        expected = [job.ref.id for job in everything if wanted_is(wanted, job)]
        census = await backend.census(wanted)
        assert [job.ref.id for job in await backend.jobs(wanted)] == expected
        assert census.total == len(expected)
        assert census.phases == Counter(job.phase for job in everything)
        assert [job.ref.id for job in await backend.jobs(wanted, limit=2)] == expected[:2]
        if len(expected) > 1:
            assert [job.ref.id for job in await backend.jobs(wanted, before=expected[0])] == expected[1:]
    await backend.close()


async def _look(backend: LocalBackend) -> list[JobStatus]:
    with backend.store.read() as connection:
        ids = connection.execute("SELECT id FROM jobs WHERE deleted = 0 ORDER BY created DESC, id DESC").fetchall()
        refs = [tables.find_job(connection, row[0]).ref for row in ids]
    return [await backend.status(ref) for ref in refs]


def test_the_jobs_of_an_older_database_are_found_too(tmp_path: Path, monkeypatch: Any) -> None:
    old = sqlite3.connect(tmp_path / "jobs.sqlite3", isolation_level=None)
    old.execute("PRAGMA journal_mode = WAL")
    with monkeypatch.context() as patch:
        patch.setattr(schema, "MIGRATIONS", schema.MIGRATIONS[:1])
        schema.migrate(old)
    manifest = '{"metadata":{"annotations":{"jupyter-mltrain/notebook":"work/train.ipynb"}},"spec":{}}'
    status = '{"conditions":[{"type":"Failed","status":"True","message":"Oh no"}]}'
    old.execute(
        "INSERT INTO jobs (id, kind, namespace, name, manifest, status, state, created, clock, change) "
        "VALUES ('one', 'TFJob', 'default', 'one', ?, ?, 'idle', 1, 1, 7)",
        (manifest, status),
    )
    old.close()
    backend = LocalBackend(tmp_path)
    wanted = JobFilter([Phase.FAILED], notebook="train", text="oh no")
    assert [job.ref.id for job in asyncio.run(backend.jobs(wanted))] == ["one"]
    assert asyncio.run(backend.census()).phases == {Phase.FAILED: 1}
    with backend.store.read() as connection:
        assert tables.find_job(connection, "one").change == 7
    backend.store.close()


def test_a_list_reads_an_index_before_it_reads_jobs(tmp_path: Path) -> None:
    store = Store(tmp_path)
    named = {"before": None, "limit": 3, **tables.index.arguments(JobFilter(text="x"))}
    with store.read() as connection:
        plan = [
            row[3] for row in connection.execute(f"EXPLAIN QUERY PLAN SELECT * FROM jobs WHERE {tables._NEWEST}", named)
        ]
    store.close()
    assert any("COVERING INDEX jobs_by_creation" in step for step in plan)
    assert not any(step.startswith("SCAN jobs") and "COVERING" not in step for step in plan), plan

"""What every backend promises beside the operator's rules: see ``backends/base.py``."""

from __future__ import annotations

import asyncio
from contextlib import aclosing
from itertools import pairwise
from typing import Any

import pytest

from jupyter_mltrain.backends.base import JobFilter
from jupyter_mltrain.errors import Conflict, InvalidInput, ManifestError, NotFound
from jupyter_mltrain.model.job import JobRef, Phase
from jupyter_mltrain.model.labels import ANNOTATION_NOTEBOOK

PATIENCE = 60


def tfjob(name: str, command: list[str], *, workers: int = 1, **policy: Any) -> dict[str, Any]:
    container = {"name": "tensorflow", "image": "none:1", "command": command}
    template = {"spec": {"containers": [container], "terminationGracePeriodSeconds": 1}}
    worker = {"replicas": workers, "restartPolicy": "Never", "template": template}
    spec = {"runPolicy": policy, "tfReplicaSpecs": {"Worker": worker}}
    return {"apiVersion": "kubeflow.org/v1", "kind": "TFJob", "metadata": {"name": name}, "spec": spec}


def plain_job(name: str, command: list[str], **spec: Any) -> dict[str, Any]:
    pod = {"containers": [{"name": "main", "image": "none:1", "command": command}], "restartPolicy": "Never"}
    body = {"template": {"spec": {**pod, "terminationGracePeriodSeconds": 1}}, **spec}
    return {"apiVersion": "batch/v1", "kind": "Job", "metadata": {"name": name}, "spec": body}


def running(count: int = 1):
    return lambda job: sum(replica.phase == "Running" for replica in job.replicas) == count


async def first_changes(backend, after: str | None, count: int) -> list[Any]:
    found = []
    async with aclosing(backend.watch(after=after)) as changes:
        async for change in changes:
            found.append(change)
            if len(found) == count:
                return found
    raise AssertionError("the watch ended")


def shape(changes) -> list[tuple[str, str]]:
    return [(c.type, c.job.ref.name if c.job else c.ref.name if c.ref else "") for c in changes]


# Submit


def test_submit_is_idempotent_on_the_id(site) -> None:
    first = site.submit(tfjob("same", site.waiting), "id-1")
    assert first == JobRef(site.backend.name, "id-1", "TFJob", "default", "same")
    assert site.submit(tfjob("same", site.waiting), "id-1") == first
    assert len(site.call(site.backend.jobs)) == 1


def test_a_name_is_taken_once_for_each_kind_and_namespace(site) -> None:
    site.submit(tfjob("same", site.waiting))
    with pytest.raises(Conflict) as caught:
        site.submit(tfjob("same", site.waiting))
    assert caught.value.hint
    site.submit(plain_job("same", site.waiting))
    elsewhere = tfjob("same", site.waiting)
    elsewhere["metadata"]["namespace"] = "other"
    assert site.submit(elsewhere).namespace == "other"


def test_what_the_api_server_refuses_is_refused_and_leaves_nothing(site) -> None:
    bad = tfjob("bad", site.waiting)
    bad["spec"]["tfReplicaSpecs"]["Worker"]["template"]["spec"]["containers"][0]["name"] = "main"
    with pytest.raises(ManifestError) as caught:
        site.submit(bad)
    assert "tensorflow" in caught.value.message
    assert site.call(site.backend.jobs) == []


def test_the_manifest_that_comes_back_is_the_one_submitted(site) -> None:
    manifest = tfjob("kept", site.waiting, cleanPodPolicy="Running")
    manifest["metadata"]["annotations"] = {"example.org/note": "ü"}
    job = site.status(site.submit(manifest))
    assert job.manifest["spec"] == manifest["spec"]
    assert job.manifest["metadata"]["annotations"] == {"example.org/note": "ü"}


def test_preflight_has_no_effect(site) -> None:
    assert [f for f in site.call(site.backend.preflight, tfjob("look", site.waiting)) if f.severity == "error"] == []
    assert site.call(site.backend.jobs) == []


# Look


def test_what_does_not_exist_is_not_found(site) -> None:
    nobody = JobRef(site.backend.name, "nobody", "TFJob", "default", "nobody")
    for method in (site.backend.status, site.backend.events, site.backend.suspend, site.backend.resume):
        with pytest.raises(NotFound):
            site.call(method, nobody)
    with pytest.raises(NotFound):
        site.call(site.backend.cancel, nobody)
    site.call(site.backend.delete, nobody)


def test_jobs_are_listed_newest_first_and_found_by_id_and_name(site) -> None:
    refs = [site.submit(tfjob(f"job-{n}", site.waiting), f"{n}abcdef") for n in range(3)]
    assert [job.ref for job in site.call(site.backend.jobs)] == refs[::-1]
    assert site.call(site.backend.find, "1abcdef") == [refs[1]]
    assert site.call(site.backend.find, "1ab") == [refs[1]]
    assert site.call(site.backend.find, "job-2") == [refs[2]]
    assert site.call(site.backend.find, "default/job-2") == [refs[2]]
    assert site.call(site.backend.find, "other/job-2") == []


def test_jobs_come_in_pages(site) -> None:
    refs = [site.submit(tfjob(f"page-{n}", site.waiting)) for n in range(5)]

    def page(**options: Any) -> list[JobRef]:
        return [job.ref for job in asyncio.run(site.backend.jobs(**options))]

    assert page(limit=2) == [refs[4], refs[3]]
    assert page(limit=2, before=refs[3].id) == [refs[2], refs[1]]
    assert page(limit=2, before=refs[1].id) == [refs[0]]
    assert page(before=refs[2].id) == [refs[1], refs[0]]
    assert page(limit=2, before=refs[0].id) == []
    with pytest.raises(NotFound):
        page(before="nobody")
    with pytest.raises(InvalidInput):
        page(limit=0)


@pytest.mark.parametrize(
    ("wanted", "names"),
    [
        (JobFilter(), ["three", "two", "one"]),
        (JobFilter(states=[], kinds=[]), ["three", "two", "one"]),
        (JobFilter(states=[Phase.FAILED, Phase.SUCCEEDED]), ["two"]),
        (JobFilter(kinds=["TFJob"]), ["three", "one"]),
        (JobFilter(notebook="train"), ["one"]),
        (JobFilter(notebook="train.ipynb"), ["one"]),
        (JobFilter(notebook="lib/train.ipynb"), ["one"]),
        (JobFilter(notebook="/lib/train.ipynb"), ["one"]),
        (JobFilter(notebook="rain.ipynb"), []),
        (JobFilter(notebook="%"), []),
        (JobFilter(text="LIB/"), ["one"]),
        (JobFilter(text="default"), ["three", "two", "one"]),
        (JobFilter(text="exit code 3"), ["two"]),
        (JobFilter(text="O", kinds=["TFJob"], states=[Phase.SUSPENDED]), ["one"]),
        (JobFilter(text="%"), []),
    ],
)
def test_jobs_are_filtered_and_counted(site, wanted: JobFilter, names: list[str]) -> None:
    noted = tfjob("one", site.waiting, suspend=True)
    noted["metadata"]["annotations"] = {ANNOTATION_NOTEBOOK: "work/lib/train.ipynb"}
    site.submit(noted)
    failing = site.submit(plain_job("two", ["sh", "-c", "exit 3"], backoffLimit=0))
    site.until(failing, lambda job: job.finished)
    site.submit(tfjob("three", site.waiting, suspend=True))
    assert [job.ref.name for job in site.call(site.backend.jobs, wanted)] == names
    census = site.call(site.backend.census, wanted)
    assert census.total == len(names)
    assert census.phases == {Phase.SUSPENDED: 2, Phase.FAILED: 1}


def test_a_watch_goes_on_where_jobs_were_counted(site) -> None:
    site.submit(tfjob("before", site.waiting, suspend=True))
    cursor = site.call(site.backend.census).cursor
    site.submit(tfjob("after", site.waiting, suspend=True))
    changes = asyncio.run(first_changes(site.backend, cursor, 2))
    assert shape(changes) == [("changed", "after"), ("synced", "")]


def test_a_replica_is_seen_from_start_to_end(site) -> None:
    ref = site.submit(tfjob("seen", site.waiting))
    [replica] = site.until(ref, running()).replicas
    assert (replica.name, replica.role, replica.index) == ("seen-worker-0", "Worker", 0)
    assert replica.started_at
    assert (replica.exit_code, replica.finished_at) == (None, "")
    site.cue("seen-worker-0", 3)
    job = site.until(ref, lambda job: job.finished)
    assert (job.replicas[0].phase, job.replicas[0].exit_code, job.replicas[0].reason) == ("Failed", 3, "Error")
    assert "3" in job.message


def test_events_are_the_operators(site) -> None:
    ref = site.submit(tfjob("told", site.waiting))
    site.until(ref, running())
    site.cue("told-worker-0", 0)
    site.until(ref, lambda job: job.finished)
    events = site.call(site.backend.events, ref)
    assert {(e.type, e.reason, e.message) for e in events if e.object == "told"} >= {
        ("Normal", "SuccessfulCreatePod", "Created pod: told-worker-0"),
        ("Normal", "SuccessfulCreateService", "Created service: told-worker-0"),
        ("Normal", "TFJobSucceeded", "TFJob default/told successfully completed."),
    }
    assert [e.time for e in events] == sorted(e.time for e in events)


# Watch


def test_a_watch_begins_with_what_there_is(site) -> None:
    ref = site.submit(tfjob("one", site.waiting))
    site.until(ref, running())
    assert shape(asyncio.run(first_changes(site.backend, None, 2))) == [("snapshot", "one"), ("synced", "")]


def test_a_watch_sees_a_job_come_change_and_go(site) -> None:
    async def story() -> list[tuple[str, str]]:
        backend = site.backend
        seen: list[str] = []
        async with aclosing(backend.watch()) as changes:
            async for change in changes:
                if change.type == "synced":
                    ref = await backend.submit(tfjob("tale", site.waiting), job_id="tale")
                elif change.type == "changed":
                    seen.append(change.job.phase.value)
                    if change.job.phase is Phase.RUNNING:
                        site.cue("tale-worker-0", 0)
                    if change.job.phase is Phase.SUCCEEDED and seen.count("Succeeded") == 1:
                        await backend.delete(ref)
                elif change.type == "deleted":
                    assert change.ref == ref
                    return list(dict.fromkeys(seen))
        raise AssertionError("the watch ended")

    phases = asyncio.run(asyncio.wait_for(story(), PATIENCE))
    assert phases[-2:] == ["Running", "Succeeded"]


def test_a_watch_goes_on_after_a_cursor(site) -> None:
    first = site.submit(plain_job("first", ["true"]))
    site.until(first, lambda job: job.finished)
    cursor = asyncio.run(first_changes(site.backend, None, 2))[-1].cursor
    second = site.submit(plain_job("second", ["true"]))
    site.until(second, lambda job: job.finished)
    changes = asyncio.run(first_changes(site.backend, cursor, 2))
    assert ("snapshot", "first") not in shape(changes)
    assert ("changed", "second") in shape(changes)


# Logs


async def read_log(backend, ref, replica: str, **options: Any) -> list[Any]:
    return [chunk async for chunk in backend.logs(ref, replica, **options)]


def test_logs_can_be_followed_and_taken_up_again(site) -> None:
    command = ["sh", "-c", f"echo one; {site.waiting[-1].rpartition(';')[0]}; echo two; exit $code"]
    ref = site.submit(tfjob("talk", command))
    site.until(ref, running())

    async def follow() -> list[Any]:
        chunks = []
        async with aclosing(site.backend.logs(ref, "talk-worker-0", follow=True)) as log:
            async for chunk in log:
                chunks.append(chunk)
                if "one" in chunk.text:
                    site.cue("talk-worker-0", 0)
        return chunks

    chunks = asyncio.run(asyncio.wait_for(follow(), PATIENCE))
    assert "".join(chunk.text for chunk in chunks) == "one\ntwo\n"
    assert {chunk.replica for chunk in chunks} == {"talk-worker-0"}
    assert all(chunk.text.endswith("\n") for chunk in chunks)
    rest = asyncio.run(read_log(site.backend, ref, "talk-worker-0", after=chunks[0].cursor))
    assert "one\n" + "".join(chunk.text for chunk in rest) == "one\ntwo\n"
    site.until(ref, lambda job: job.finished)
    assert "".join(c.text for c in asyncio.run(read_log(site.backend, ref, "talk-worker-0"))) == "one\ntwo\n"


def test_the_last_lines_of_a_log(site) -> None:
    ref = site.submit(plain_job("long", ["sh", "-c", "seq 1 100000"]))
    [replica] = site.until(ref, lambda job: job.finished).replicas
    lines = [f"{number}\n" for number in range(1, 100_001)]

    def read(**options: Any) -> list[Any]:
        return asyncio.run(read_log(site.backend, ref, replica.name, **options))

    everything = read()
    for count in (1, 1000, 60_000):
        chunks = read(tail=count)
        assert "".join(chunk.text for chunk in chunks) == "".join(lines[-count:])
        assert [chunk.truncated for chunk in chunks] == [True] + [False] * (len(chunks) - 1)
        assert chunks[-1].cursor == everything[-1].cursor
        again = read(after=chunks[0].start)
        assert "".join(chunk.text for chunk in again) == "".join(lines[-count:])
    assert read(tail=200_000) == everything
    assert read(tail=0) == []
    for before, after in pairwise(everything):
        assert before.cursor == after.start


def test_a_replica_that_does_not_exist_has_no_log(site) -> None:
    ref = site.submit(tfjob("quiet", site.waiting))
    with pytest.raises(NotFound):
        asyncio.run(read_log(site.backend, ref, "quiet-worker-7"))


# Change


def test_suspend_resume_cancel_and_delete_are_idempotent(site) -> None:
    ref = site.submit(tfjob("twice", site.waiting))
    site.until(ref, running())
    for _ in range(2):
        site.call(site.backend.suspend, ref)
    site.until(ref, lambda job: job.phase is Phase.SUSPENDED)
    for _ in range(2):
        site.call(site.backend.resume, ref)
    site.until(ref, running())
    for _ in range(2):
        site.call(site.backend.cancel, ref)
    job = site.until(ref, lambda job: job.finished)
    assert job.phase is Phase.CANCELLED
    with pytest.raises(Conflict):
        site.call(site.backend.resume, ref)
    for _ in range(2):
        site.call(site.backend.delete, ref)
    with pytest.raises(NotFound):
        site.status(ref)
    assert site.call(site.backend.jobs) == []


def test_a_job_resumed_at_once_runs_again(site) -> None:
    ref = site.submit(tfjob("hasty", site.waiting))
    site.until(ref, running())
    for _ in range(3):
        site.call(site.backend.suspend, ref)
        site.call(site.backend.resume, ref)
    site.until(ref, lambda job: job.phase is Phase.RUNNING and "Suspended" in {c.type for c in job.conditions})
    site.cue("hasty-worker-0", 0)
    assert site.until(ref, lambda job: job.finished).phase is Phase.SUCCEEDED


def test_cancel_leaves_a_finished_job_as_it_is(site) -> None:
    ref = site.submit(plain_job("over", ["true"]))
    site.until(ref, lambda job: job.finished)
    site.call(site.backend.cancel, ref)
    assert site.status(ref).phase is Phase.SUCCEEDED


def test_a_name_is_free_once_its_job_is_deleted(site) -> None:
    ref = site.submit(tfjob("again", site.waiting))
    site.until(ref, running())
    site.call(site.backend.delete, ref)
    site.gone(ref)
    other = site.submit(tfjob("again", ["true"]))
    assert site.until(other, lambda job: job.finished).phase is Phase.SUCCEEDED


def test_a_job_goes_when_its_time_to_live_is_over(site) -> None:
    ref = site.submit(tfjob("brief", ["true"], ttlSecondsAfterFinished=1))
    site.gone(ref)
    with pytest.raises(NotFound):
        site.status(ref)


# batch/v1 Job


def test_a_plain_job_completes(site) -> None:
    ref = site.submit(plain_job("plain", site.waiting))
    job = site.until(ref, running())
    assert job.phase is Phase.RUNNING
    site.cue(job.replicas[0].name, 0)
    job = site.until(ref, lambda job: job.finished)
    assert job.phase is Phase.SUCCEEDED
    assert [c.type for c in job.conditions] == ["SuccessCriteriaMet", "Complete"]
    assert job.status["succeeded"] == 1


def test_a_plain_job_fails_at_its_limit(site) -> None:
    ref = site.submit(plain_job("doomed", ["false"], backoffLimit=0))
    job = site.until(ref, lambda job: job.finished)
    assert job.phase is Phase.FAILED
    assert job.conditions[-1].reason == "BackoffLimitExceeded"


def test_completions_run_side_by_side_up_to_parallelism(site) -> None:
    ref = site.submit(plain_job("many", site.waiting, completions=3, parallelism=2))
    job = site.until(ref, running(2))
    for replica in job.replicas:
        site.cue(replica.name, 0)
    job = site.until(ref, lambda job: job.status.get("succeeded") == 2 and running()(job))
    [last] = [replica for replica in job.replicas if replica.phase == "Running"]
    site.cue(last.name, 0)
    assert site.until(ref, lambda job: job.finished).status["succeeded"] == 3


def test_suspending_a_plain_job_stops_its_pods(site) -> None:
    ref = site.submit(plain_job("rest", site.waiting))
    site.until(ref, running())
    site.call(site.backend.suspend, ref)
    job = site.until(ref, lambda job: job.phase is Phase.SUSPENDED and not running()(job))
    assert not job.status.get("active")
    site.call(site.backend.resume, ref)
    job = site.until(ref, running())
    [replica] = [replica for replica in job.replicas if replica.phase == "Running"]
    site.cue(replica.name, 0)
    assert site.until(ref, lambda job: job.finished).phase is Phase.SUCCEEDED

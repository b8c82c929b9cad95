"""Topics on real jobs: snapshots and deltas, sources that are shared and let go, clients that are slow or rude."""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import psutil
import pytest

from jupyter_mltrain.backends.local import LocalBackend
from jupyter_mltrain.model.job import JobRef
from jupyter_mltrain.server.stream.hub import Hub
from jupyter_mltrain.service import Request, Service
from tests.server._streaming import Mirror, client, fresh, sources
from tests.support import processes_of, write_notebook

REPORTS = "from jupyter_mltrain import run\nfor step in range(3):\n    run.report(step=step, loss=1 / (step + 1))"
WAITS = "import pathlib, time\nwhile not pathlib.Path({flag!r}).exists():\n    time.sleep(0.02)"


Loop = asyncio.AbstractEventLoop


def descriptors() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


Submit = Callable[..., Awaitable[JobRef]]


@pytest.fixture
def submit(service: Service, tmp_path: Path) -> Submit:
    async def run(*sources: str, spec: dict[str, Any] | None = None) -> JobRef:
        path = await asyncio.to_thread(write_notebook, tmp_path / "train.ipynb", *sources)
        return await service.submit(await service.plan(Request(path, spec={"framework": "none", **(spec or {})})))

    return run


@pytest.fixture
def flag(tmp_path: Path) -> Path:
    """The file that jobs made of ``WAITS`` wait for."""
    return tmp_path / "go on"


def is_finished(state: dict[str, Any], job: str) -> bool:
    """Say whether all that there is of a job has been told."""
    row = state.get("jobs", {}).get("jobs", {}).get(job, {})
    log = next((value for topic, value in state.items() if topic.startswith("log/")), None)
    notebook = state.get(f"notebook/{job}")
    return (
        row.get("finished", True)
        and (notebook is None or (bool(notebook["progress"]) and notebook["progress"]["running"] is None))
        and (log is None or log["ended"])
        and state.get(f"job/{job}", {}).get("summary", {}).get("finished", True)
    )


async def leader_name(service: Service, ref: JobRef) -> str:
    """Return the name of the leader once it runs."""
    async for update in service.follow(ref):
        if update.job.leader is not None and update.job.leader.phase != "Pending":
            return update.job.leader.name
    raise AssertionError("no leader")


async def test_a_job_from_queue_to_end_in_all_topics(hub: Hub, service: Service, submit: Submit, flag: Path) -> None:
    async with client(hub, "jobs") as panel:
        await panel.mirror.until(lambda state: "jobs" in state)
        ref = await submit(REPORTS, WAITS.format(flag=str(flag)), "print('α and ω')", "{'a': 1}")
        topics = [f"job/{ref.id}", f"notebook/{ref.id}", f"metrics/{ref.id}"]
        panel.subscribe(*topics)
        log = f"log/{ref.id}/{await leader_name(service, ref)}"
        panel.subscribe(log)

        running = await panel.mirror.until(
            lambda s: s["jobs"]["jobs"].get(ref.id, {}).get("metrics") and s["jobs"]["jobs"][ref.id]
        )
        assert (running["phase"], running["finished"]) == ("Running", False)
        await panel.mirror.until(
            lambda s: [c["status"] for c in s[topics[1]]["cells"] if c["status"] == "running" and c["startedAt"]]
        )
        async with client(hub, "jobs", *topics, log) as late:  # in the middle
            await late.mirror.until(lambda s: len(s) == 5)
            flag.touch()
            await asyncio.gather(*(c.mirror.until(lambda s: is_finished(s, ref.id)) for c in (panel, late)))
            await asyncio.gather(
                *(
                    c.mirror.until(
                        lambda s: s["jobs"]["jobs"][ref.id]["progress"]["fraction"] == 1 and len(s[topics[2]]) == 3
                    )
                    for c in (panel, late)
                )
            )
            for topic in ("jobs", *topics, log):
                assert late.mirror.state[topic] == panel.mirror.state[topic] == await fresh(hub, topic), topic

    state = panel.mirror.state
    assert state["jobs"]["counts"] == {"Succeeded": 1}
    assert state["jobs"]["total"] == 1
    assert state[topics[0]]["summary"]["phase"] == "Succeeded"
    assert {event["reason"] for event in state[topics[0]]["events"]} >= {"Completed"}
    assert [point["values"] for point in state[topics[2]]] == [{"loss": 1.0}, {"loss": 0.5}, {"loss": 1 / 3}]
    assert [cell["cell"] for cell in state[topics[1]]["cells"]] == (await service.notebook(ref))["cells"]
    assert {cell["status"] for cell in state[topics[1]]["cells"]} == {"completed"}
    lines = [line async for line in service.log_lines(ref, None)]
    assert state[log]["lines"] == lines
    assert "α and ω" in lines
    assert (state[log]["ended"], state[log]["truncated"]) == (True, False)


async def test_streams_grow_by_texts(hub: Hub, service: Service, submit: Submit, flag: Path) -> None:
    wait = WAITS.format(flag=str(flag))
    ref = await submit(f"print('first', flush=True)\n{wait}\nprint('second')\ntime.sleep(0.3)\nprint('third')")
    topic = f"notebook/{ref.id}"
    async with client(hub, topic) as page:
        await page.mirror.until(lambda s: s.get(topic) and any(c["cell"]["outputs"] for c in s[topic]["cells"]))
        flag.touch()
        await page.mirror.until(lambda s: is_finished(s, ref.id))
    changes = page.mirror.of_topic(topic, "notebookChanged")
    assert "second\n" in [text["text"] for change in changes for text in change["texts"]]
    assert page.mirror.state[topic]["cells"][0]["cell"]["outputs"] == [
        {"output_type": "stream", "name": "stdout", "text": "first\nsecond\nthird\n"}
    ]


async def test_a_failure_is_told_with_its_reason(hub: Hub, submit: Submit) -> None:
    ref = await submit("1", "1 / 0")
    job, notebook = f"job/{ref.id}", f"notebook/{ref.id}"
    async with client(hub, "jobs", job, notebook) as page:
        await page.mirror.until(lambda s: len(s) == 3 and ref.id in s["jobs"]["jobs"])
        await page.mirror.until(lambda s: "ZeroDivision" in s["jobs"]["jobs"][ref.id]["why"])
        await page.mirror.until(lambda s: "ZeroDivision" in s[job]["summary"]["why"])
        state = await page.mirror.until(lambda s: s[notebook]["error"] and s)
    assert state["jobs"]["jobs"][ref.id] == state[job]["summary"]
    assert state[job]["summary"]["phase"] == "Failed"
    assert state[notebook]["error"] == "cell 2: ZeroDivisionError: division by zero"
    failed = [cell["cell"] for cell in state[notebook]["cells"] if cell["status"] == "failed"]
    assert [cell["source"] for cell in failed] == ["1 / 0"]


async def test_deletion_and_what_does_not_exist(hub: Hub, service: Service, submit: Submit, flag: Path) -> None:
    ref = await submit(WAITS.format(flag=str(flag)))
    log = f"log/{ref.id}/{await leader_name(service, ref)}"
    topics = [f"job/{ref.id}", f"notebook/{ref.id}", f"metrics/{ref.id}", log]
    async with client(hub, "jobs", *topics) as page:
        await page.mirror.until(lambda s: len(s) == 5)
        await service.delete(ref)
        await page.mirror.until(lambda s: all(s[topic] == {"deleted": ref.id} for topic in topics))
        await page.mirror.until(lambda s: s["jobs"]["jobs"] == {})
        assert page.mirror.state["jobs"]["total"] == 0
        assert page.mirror.state["jobs"]["counts"] == {}
        while any(ref.id in name for name in sources()):
            await asyncio.sleep(0)
        for topic in topics:
            page.subscribe(topic)  # again
        await page.mirror.until(lambda s: all(s[topic].get("error", {}).get("code") == "not-found" for topic in topics))


@pytest.mark.parametrize(
    "topic", ["", "job", "jobs/1", "job/../x", "log/a", "log/a/b/c", "job/" + "a" * 64, "nobody/1", "jobs\n", "job/ä"]
)
async def test_what_is_no_topic(hub: Hub, topic: str) -> None:
    error = await fresh(hub, topic)
    assert error["error"]["code"] == "invalid"
    assert error["error"]["details"] == {"field": "topic"}


async def test_a_replica_that_is_not_there(hub: Hub, submit: Submit) -> None:
    ref = await submit("1", spec={"run_policy": {"suspend": True}})
    found = await fresh(hub, f"log/{ref.id}/somebody-worker-7")
    assert found["error"]["code"] == "not-found"


@pytest.mark.parametrize(
    "message",
    [
        b"\xff\xfe", "", "no", "{", "[]", "null", "1", '"subscribe"', "{}", '{"type":"subscribe"}',
        '{"type":"shutdown"}',
        '{"type":"subscribe","topic":"jobs","limit":0}', '{"type":"subscribe","topic":"jobs","limit":1e9}',
        '{"type":"subscribe","topic":["jobs"]}', '{"type":"subscribe","topic":"jobs","more":1}', "[" * 10_000,
        '{"type":"jobsChanged","total":0,"counts":{}}', '{"seq":1,"data":{"type":"pong"}}',
    ],
)  # fmt: skip
async def test_what_is_no_message(hub: Hub, message: str | bytes) -> None:
    async with client(hub) as page:
        page.connection.receive(message)
        answer = await page.mirror.until_message("error")
        assert answer["error"]["code"] == "invalid"
        assert "Traceback" not in answer["error"]["message"]
        page.send(type="ping")
        await page.mirror.until_message("pong")


async def test_more_topics_than_allowed_and_errors_in_masses(hub: Hub) -> None:
    async with client(hub) as page:
        page.taking.clear()
        for number in range(10_000):
            page.subscribe(f"job/{number}")
        page.taking.set()
        await page.mirror.until(lambda s: s.get("job/9999", {}).get("error", {}).get("code") == "invalid")
        await page.mirror.until(lambda s: s.get("job/99", {}).get("error", {}).get("code") == "not-found")
        assert len(page.mirror.messages) <= 130


async def test_subscribing_again_gives_a_fresh_snapshot(hub: Hub, submit: Submit) -> None:
    for _ in range(3):
        await submit("1", spec={"run_policy": {"suspend": True}})
    async with client(hub, "jobs") as page:
        await page.mirror.until_message("jobs")
        page.subscribe("jobs", limit=2)
        await page.mirror.until(lambda _: len(page.mirror.of_topic("jobs", "jobs")) == 2)
    first, second = (data["list"] for data in page.mirror.of_topic("jobs", "jobs"))
    assert [len(first["jobs"]), first["next"]] == [3, None]
    assert second["jobs"] == first["jobs"][:2]
    assert (second["next"], second["total"], second["counts"]) == (second["jobs"][-1]["id"], 3, {"Suspended": 3})


async def test_sources_are_shared_and_let_go(hub: Hub, service: Service, submit: Submit, flag: Path) -> None:
    ref = await submit(WAITS.format(flag=str(flag)))
    log = f"log/{ref.id}/{await leader_name(service, ref)}"
    topics = ["jobs", f"job/{ref.id}", f"notebook/{ref.id}", f"metrics/{ref.id}", log]

    before = descriptors()
    async with client(hub, *topics) as one:
        await one.mirror.until(lambda s: len(s) == 5)
        shared = sources()
        assert [name for name in shared if "watch" in name or "leader" in name] == [
            f"mltrain leader of {ref.id}",
            "mltrain watch of local",
        ]
        async with client(hub, *topics) as two:
            await two.mirror.until(lambda s: len(s) == 5)
            assert sources() == shared
        assert sources() == shared
        one.unsubscribe(*topics[1:])
        while any(name in sources() for name in (f"mltrain {log}", f"mltrain notebook/{ref.id}")):
            await asyncio.sleep(0)
        assert f"mltrain leader of {ref.id}" in sources()  # the list shows its progress
        one.unsubscribe("jobs")
        while sources():
            await asyncio.sleep(0)
    while descriptors() > before:
        await asyncio.sleep(0)


async def test_a_page_that_is_loaded_again_finds_its_sources_warm(service: Service, submit: Submit) -> None:
    await submit("1", spec={"run_policy": {"suspend": True}})
    hub = Hub([service], linger=600)
    try:
        await fresh(hub, "jobs")
        tasks = {task for task in asyncio.all_tasks() if task.get_name().startswith("mltrain")}
        assert tasks
        await fresh(hub, "jobs")
        assert {task for task in asyncio.all_tasks() if task.get_name().startswith("mltrain")} == tasks
    finally:
        await hub.close()


async def test_a_slow_client_gets_the_end_and_holds_up_nobody(
    hub: Hub, service: Service, submit: Submit, flag: Path
) -> None:
    ref = await submit(WAITS.format(flag=str(flag)), "for n in range(20_000):\n    print('line', n)")
    log = f"log/{ref.id}/{await leader_name(service, ref)}"
    topics = ["jobs", f"job/{ref.id}", f"notebook/{ref.id}", log]
    async with client(hub, *topics) as slow, client(hub, *topics) as quick:
        await asyncio.gather(*(c.mirror.until(lambda s: len(s) == 4) for c in (slow, quick)))
        slow.taking.clear()
        before = len(slow.mirror.messages)
        flag.touch()
        await quick.mirror.until(lambda s: is_finished(s, ref.id))
        assert len(slow.mirror.messages) == before
        slow.taking.set()
        await slow.mirror.until(lambda s: is_finished(s, ref.id))
        assert len(slow.mirror.messages) <= before + 12  # a message for each topic, not for each change
        for topic in topics[1:3]:
            assert slow.mirror.state[topic] == quick.mirror.state[topic]
        skipped = slow.mirror.of_topic(log, "logChanged")
        assert any(change["skipped"] for change in skipped)
        assert slow.mirror.state[log]["lines"][-2:] == quick.mirror.state[log]["lines"][-2:]


@pytest.mark.parametrize("framework", ["tensorflow", "none"])  # the second has another pod in the end
async def test_suspended_and_resumed(
    hub: Hub, service: Service, submit: Submit, flag: Path, home: Path, framework: str
) -> None:
    ref = await submit("print('up')", WAITS.format(flag=str(flag)), spec={"framework": framework})
    notebook, log = f"notebook/{ref.id}", f"log/{ref.id}/{await leader_name(service, ref)}"
    async with client(hub, "jobs", notebook, log) as page:
        await page.mirror.until(lambda s: len(s) == 3 and "up" in s[log]["lines"])
        await service.suspend(ref)
        await page.mirror.until(lambda s: s["jobs"]["jobs"][ref.id]["phase"] == "Suspended")
        assert page.mirror.state[log]["ended"] is False
        await page.mirror.until(lambda s: any("interrupted" in line for line in s[log]["lines"]))
        await asyncio.to_thread(psutil.wait_procs, processes_of(home))  # a job that still ends is not resumed
        flag.touch()
        await service.resume(ref)
        await page.mirror.until(lambda s: is_finished(s, ref.id))
        await page.mirror.until(lambda s: {cell["status"] for cell in s[notebook]["cells"]} == {"completed"})
        assert page.mirror.state[log]["lines"].count("up") == (2 if framework == "tensorflow" else 1)
        for topic in (notebook, log):
            assert page.mirror.state[topic] == await fresh(hub, topic)


async def test_a_server_that_is_started_again_goes_on(
    hub: Hub, service: Service, submit: Submit, flag: Path, home: Path
) -> None:
    ref = await submit("print('before')", WAITS.format(flag=str(flag)), "print('after')")
    topics = [f"job/{ref.id}", f"notebook/{ref.id}", f"log/{ref.id}/{await leader_name(service, ref)}"]
    async with client(hub, *topics) as page:
        await page.mirror.until(lambda s: len(s) == 3 and "before" in s[topics[2]]["lines"])
    await hub.close()
    await service.close()
    async with Service(LocalBackend(home)) as again:
        second = Hub([again], linger=0)
        async with client(second, *topics) as page:
            await page.mirror.until(lambda s: len(s) == 3)
            flag.touch()
            await page.mirror.until(lambda s: is_finished(s, ref.id))
        await second.close()
    assert page.mirror.state[topics[0]]["summary"]["phase"] == "Succeeded"
    lines = page.mirror.state[topics[2]]["lines"]
    assert lines.index("before") < lines.index("after")


async def test_heartbeat(hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    from jupyter_mltrain.server.stream import connection

    monkeypatch.setattr(connection, "HEARTBEAT_SECONDS", 0.01)
    async with client(hub) as page:
        await page.mirror.until(lambda _: len(page.mirror.of_topic("", "pong")) >= 3)


async def test_a_client_that_takes_nothing_is_given_up(hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    from jupyter_mltrain.server.stream import connection

    monkeypatch.setattr(connection, "WRITE_SECONDS", 0.01)
    never = asyncio.Event()

    async def write(_: bytes) -> None:
        await never.wait()

    stuck = connection.Connection(hub, write)
    stuck.receive('{"type":"ping"}')
    with pytest.raises(TimeoutError):
        await stuck.run()


def test_a_gap_is_seen() -> None:
    mirror = Mirror()
    mirror.take('{"seq":1,"topic":"","data":{"type":"pong"}}')
    with pytest.raises(AssertionError):
        mirror.take('{"seq":3,"topic":"","data":{"type":"pong"}}')

"""What nobody should send, and what nobody wishes for: odd ids, huge bodies, crowds, folders that cannot be used."""

import asyncio
import errno
import json
import os
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from tornado.httpclient import HTTPClientError

from jupyter_mltrain.server import wire
from jupyter_mltrain.server.config import Mltrain
from jupyter_mltrain.server.managers import Managers
from tests.server._api import Api

Finished = Callable[[str], Awaitable[Any]]
ODD_IDS = [
    "a%2Fb",
    "..%2F..%2Fetc%2Fpasswd",
    "%2e%2e",
    "%00",
    "%ff",
    "ä ö",
    "'; DROP TABLE jobs",
    "x" * 3000,
    "-",
    "%25",
]
VIEWS = ["", "/manifest", "/events", "/metrics", "/notebook", "/provenance", "/logs", "/logs/worker-0"]


@pytest.mark.parametrize("job_id", ODD_IDS)
async def test_an_odd_id_is_an_unknown_job(api: Api, job_id: str) -> None:
    for view in VIEWS:
        answer = await api.fetch(f"jobs/{job_id}{view}")
        assert answer.code in (400, 404), (view, answer.code)
        assert set(json.loads(answer.body)) == {"code", "message", "hint", "details"}
    assert (await api.fetch(f"jobs/{job_id}", "DELETE")).code in (400, 404)
    assert (await api.fetch(f"jobs/{job_id}/cancel", "POST")).code in (400, 404)


@pytest.mark.parametrize("replica", ["..%2F..%2Fjobs.sqlite3", "%00", "ü-0", "x" * 3000])
async def test_an_odd_replica_is_an_unknown_one(api: Api, replica: str) -> None:
    job = await api.submit(api.write("a.ipynb", "1"), spec={"framework": "none", "run_policy": {"suspend": True}})
    assert (await api.fetch(f"jobs/{job['id']}/logs/{replica}")).code in (400, 404)
    assert (await api.fetch(f"jobs/{job['id']}/logs", params={"replica": "\0'%"})).code == 404


@pytest.mark.parametrize("name", ["a b", "Ümlaut", "x" * 300, "../up", "a/b", "'", "", "-a", "a\0b"])
async def test_an_odd_name_is_refused_or_made_one(api: Api, name: str) -> None:
    body = {"notebook": api.write("a.ipynb", "1"), "spec": {"framework": "none", "name": name}}
    answer = await api.fetch("plans", "POST", body)
    assert answer.code in (200, 400)
    if answer.code == 200 and not json.loads(answer.body)["refused"]:
        assert json.loads(answer.body)["manifest"]["metadata"]["name"].isascii()


async def test_names_that_are_no_utf8_are_told(api: Api, finished: Finished) -> None:
    cells = (
        "import os, pathlib\nfrom jupyter_mltrain import run",
        "open(b'caf\\xe9.csv', 'w').close()\nname = [n for n in os.listdir('.') if n.startswith('caf')][0]",
        "print(name)\nrun.report(**{name: float('nan')})",
    )
    path = api.write("odd/train.ipynb", *cells)
    (api.root / "odd" / os.fsdecode(b"\xff\xfe.csv")).touch()
    plan = await api.json("plans", "POST", {"notebook": path, "include": ["*.csv"], "spec": {"framework": "none"}})
    assert not plan["refused"]
    job = await api.submit(path, include=["*.csv"])
    assert (await finished(job["id"])).phase.value == "Succeeded"
    for view in VIEWS[:-1]:
        await api.json(f"jobs/{job['id']}{view}")
    replica = (await api.json(f"jobs/{job['id']}"))["replicas"][0]["name"]
    text = (await api.fetch(f"jobs/{job['id']}/logs/{replica}")).body.decode()
    assert "caf\\udce9.csv" in text


async def test_a_body_of_fifty_megabytes_is_refused(api: Api) -> None:
    answer = await api.raw("jobs", "POST", b'{"notebook":"' + b"x" * (50 << 20) + b'"}')
    assert (answer.code, json.loads(answer.body)["code"]) == (413, "too-large")


async def test_deep_and_strange_json_is_refused(api: Api) -> None:
    for content in (b"[" * 100_000, b'{"notebook":' + b"1" * 5000 + b"}", b"\xff", b"null", b"NaN", b'{"a":1e999}'):
        answer = await api.raw("plans", "POST", content)
        assert (answer.code, json.loads(answer.body)["code"]) == (400, "invalid")


@pytest.mark.parametrize("media", ["text/plain", "application/x-www-form-urlencoded", "application/jsonx", "", "%s%d"])
async def test_other_types_of_bodies_are_refused(api: Api, media: str) -> None:
    answer = await api.fetch("jobs", "POST", {"notebook": "a.ipynb"}, headers={"Content-Type": media})
    assert (answer.code, json.loads(answer.body)["code"]) == (415, "unsupported-media-type")


async def test_head_and_options_do_nothing_and_fail_cleanly(api: Api, home: Path) -> None:
    for path in ("jobs", "jobs/x", "plans", "channels", "nowhere"):
        for method in ("HEAD", "OPTIONS"):
            assert (await api.fetch(path, method)).code in (200, 204, 400, 404, 405)
    assert not home.exists()


async def test_a_job_that_many_delete_is_deleted_once(api: Api) -> None:
    job = await api.submit(api.write("a.ipynb", "import time; time.sleep(600)"))
    answers = await asyncio.gather(*(api.fetch(f"jobs/{job['id']}", "DELETE") for _ in range(12)))
    codes = {answer.code for answer in answers}
    assert 204 in codes <= {204, 404}
    assert (await api.json("jobs"))["total"] == 0


async def test_a_job_that_is_deleted_while_everybody_looks(api: Api) -> None:
    job = await api.submit(api.write("a.ipynb", "import time; time.sleep(600)"))
    looks = [api.fetch(f"jobs/{job['id']}{view}") for view in VIEWS * 3]
    acts = [api.fetch(f"jobs/{job['id']}/{act}", "POST") for act in ("suspend", "resume", "cancel")]
    answers = await asyncio.gather(*looks, api.fetch(f"jobs/{job['id']}", "DELETE"), *acts)
    assert {answer.code for answer in answers} <= {200, 204, 404, 409}


# Storage


async def test_a_full_disk_is_told_when_a_sample_is_copied(
    api: Api, jp_serverapp: Any, jp_root_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The contents manager writes beside the file first, so nothing half-written is left."""
    from jupyter_server.services.contents import fileio

    def full(document: Any, file: Any, **_: Any) -> None:
        file.write('{"half of')
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(fileio.nbformat, "write", full)
    error = await api.json("samples/income/open", "POST", status=507)
    assert (error["code"], "No space left" in error["message"]) == ("storage", True)
    monkeypatch.undo()
    assert list(jp_root_dir.rglob("*ipynb*")) == []


async def test_a_data_folder_that_cannot_be_used_is_told_and_the_server_goes_on(
    api: Api, jp_serverapp: Any, jp_fetch: Any, jp_ws_fetch: Any, home: Path
) -> None:
    home.write_text("a file where the folder should be")
    app = next(iter(jp_serverapp.extension_manager.extension_apps["jupyter_mltrain"]))
    await app._start_jupyter_server_extension(jp_serverapp)
    await app._recovery
    error = await api.json("jobs", status=507)
    assert (error["code"], "MLTRAIN_HOME" in error["hint"]) == ("storage", True)
    with pytest.raises(HTTPClientError) as caught:
        await jp_ws_fetch("jupyter-mltrain", "channels")
    assert caught.value.code == 507
    assert (await jp_fetch("api", "status")).code == 200
    home.unlink()
    assert (await api.json("jobs"))["total"] == 0


# Two servers


async def test_two_servers_on_one_data_folder_make_one_job_of_one_token(
    api: Api, jp_serverapp: Any, jp_root_dir: Path
) -> None:
    one = jp_serverapp.web_app.settings["jupyter_mltrain"]
    two = Managers(Mltrain(), jp_serverapp.contents_manager)
    suspended = {"framework": "none", "run_policy": {"suspend": True}}
    body = wire.Submission(notebook=api.write("a.ipynb", "1"), spec=suspended, token="abcdefgh")
    rows = await asyncio.gather(*(each.jobs.submit(body) for each in (one, two, one, two)))
    assert len({row.id for row in rows}) == 1
    assert (await two.jobs.show(rows[0].id)).summary.phase == "Suspended"
    await two.jobs.delete(rows[0].id)
    assert (await api.json("jobs"))["total"] == 0
    await two.close()

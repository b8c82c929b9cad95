"""Whatever goes wrong, the answer is a wire.Error, and nothing of the inside shows."""

import errno
import json
import logging
from pathlib import Path
from typing import Any

import pytest

from jupyter_mltrain.errors import StorageError
from jupyter_mltrain.server import wire
from tests.server._api import Api


@pytest.fixture
def managers(jp_serverapp: Any) -> Any:
    return jp_serverapp.web_app.settings["jupyter_mltrain"]


async def test_what_nobody_foresaw_has_an_id_that_the_log_has_too(
    api: Api, managers: Any, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    async def fail(*_: Any) -> None:
        raise RuntimeError("the secret is 1234")

    monkeypatch.setattr(managers.places, "devices", fail)
    with caplog.at_level(logging.ERROR):
        error = await api.json("devices", status=500)
    assert error["code"] == "internal"
    assert "1234" not in json.dumps(error)
    (record,) = [record for record in caplog.records if error["details"]["id"] in record.getMessage()]
    assert record.exc_info is not None
    assert "the secret is 1234" in str(record.exc_info[1])


FULL = [
    OSError(errno.ENOSPC, "No space left on device", "/secret/place"),
    FileNotFoundError(errno.ENOENT, "No usable temporary directory found in ['/secret/tmp']"),
]


@pytest.mark.parametrize("error", FULL, ids=["a file", "a temporary file"])
async def test_a_full_disk_is_told_wherever_it_shows(
    api: Api, managers: Any, monkeypatch: pytest.MonkeyPatch, error: OSError
) -> None:
    async def fail(*_: Any) -> None:
        raise error

    monkeypatch.setattr(managers.places, "devices", fail)
    told = await api.json("devices", status=507)
    assert (told["code"], told["hint"]) == ("storage", "Free some space on the disk.")
    assert "/secret" not in json.dumps(told)


@pytest.mark.parametrize(
    "body", ["", "{", "[]", "null", '"text"', '{"notebook": "\\ud800"}', "[" * 5000, "\xff", '{"notebook": NaN}']
)
async def test_a_body_that_is_no_submission(api: Api, body: str, jp_fetch: Any) -> None:
    answer = await api.raw("jobs", "POST", body.encode("latin-1"))
    assert answer.code == 400
    assert wire.Error.model_validate_json(answer.body).code == "invalid"


async def test_a_body_that_is_too_large(api: Api, managers: Any) -> None:
    managers.config.max_body = 2000
    error = await api.json("jobs", "POST", {"notebook": "x" * 2000}, status=413)
    assert (error["code"], "2,000" in error["message"]) == ("too-large", True)


async def test_pages_are_no_larger_than_the_server_wants(api: Api, managers: Any) -> None:
    managers.config.max_rows = 1
    for n in range(2):
        api.write(f"{n}.ipynb", "print(1)")
        await api.submit(f"{n}.ipynb", spec={"framework": "none", "run_policy": {"suspend": True}})
    page = await api.json("jobs", params={"limit": 50})
    assert (len(page["jobs"]), page["total"]) == (1, 2)


async def test_a_backend_that_is_not_allowed(api: Api, managers: Any) -> None:
    managers.config.backends = ["kubernetes"]
    error = await api.json("jobs", params={"backend": "local"}, status=403)
    assert error["code"] == "forbidden"
    assert (await api.json("backends"))["backends"] == []


async def test_a_backend_that_is_allowed_and_not_there(api: Api, managers: Any) -> None:
    managers.config.backends = ["nope"]
    error = await api.json("devices", status=403)
    assert error["hint"] == "None of those that may be used is installed."


async def test_words_of_a_client_come_back_as_they_were(api: Api) -> None:
    error = await api.json("jobs", "POST", {}, status=415, headers={"Content-Type": "text/%41%s"})
    assert error["message"] == "The body has to be application/json, not text/%41%s"


async def test_the_channels_refuse_in_json(api: Api, managers: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    assert (await api.json("channels", status=400))["code"] == "invalid"
    assert (await api.json("channels", "POST", {}, status=405))["code"] == "method-not-allowed"
    assert (await api.fetch("channels", "POST", {})).headers["Allow"] == "GET"
    upgrade = {"Connection": "Upgrade", "Upgrade": "websocket", "Sec-WebSocket-Version": "13"}
    error = await api.json("channels", status=403, headers={**upgrade, "Authorization": "token wrong"})
    assert error["code"] == "forbidden"

    async def fail() -> None:
        raise StorageError("The database is locked", hint="Wait a little.")

    monkeypatch.setattr(managers, "hub", fail)
    error = await api.json("channels", status=507, headers=upgrade)
    assert (error["message"], error["hint"]) == ("The database is locked", "Wait a little.")


async def test_what_a_broken_data_folder_answers_is_in_the_document(api: Api, managers: Any, tmp_path: Path) -> None:
    document = await api.json("openapi.json")
    file = tmp_path / "no folder"
    file.touch()
    managers.config.data_folder = str(file)
    seen = set()
    for path, operations in document["paths"].items():
        for verb, operation in ((verb, each) for verb, each in operations.items() if verb != "parameters"):
            filled = path.lstrip("/").format(id="a", replica="b", name="penguins")
            answer = await api.fetch(filled, verb.upper(), {"notebook": "a.ipynb"} if verb == "post" else None)
            assert str(answer.code) in operation["responses"], (path, verb, answer.code, answer.body)
            seen.add(answer.code)
    assert 507 in seen

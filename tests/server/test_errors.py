"""Whatever goes wrong, the answer is a wire.Error, and nothing of the inside shows."""

import errno
import json
import logging
from typing import Any

import pytest

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

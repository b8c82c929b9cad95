"""An image for real: from a notebook through HTTP into a registry, with an index and a base image on loopback."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.image.ground import SmallGround, small_ground
from tests.server._api import Api
from tests.server._streaming import client

_OTHERS = ("UV_INDEX", "UV_INDEX_URL", "UV_EXTRA_INDEX_URL", "UV_FIND_LINKS", "UV_CONFIG_FILE")


@pytest.fixture
def ground(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[SmallGround]:
    for name in _OTHERS:
        monkeypatch.delenv(name, raising=False)
    with small_ground(tmp_path / "ground") as found:
        for name, value in found.env.items():
            monkeypatch.setenv(name, value)
        yield found


@pytest.fixture
def notebook(api: Api) -> str:
    path = api.write("work/train.ipynb", "print(n)", parameters="n: int = 1")
    (api.root / "work" / "requirements.txt").write_text("large==1.0\n")
    return path


async def test_a_notebook_becomes_an_image_and_again_the_same(
    api: Api, ground: SmallGround, notebook: str, jp_serverapp: Any
) -> None:
    managers = jp_serverapp.web_app.settings["jupyter_mltrain"]
    settings = await api.json("images/settings", params={"notebook": notebook})
    assert (settings["repository"], settings["environments"]) == (ground.prefix, ["requirements.txt"])
    image = {"repository": f"{settings['repository']}/train:1", "environment": "requirements.txt"}
    wanted = {"submission": {"notebook": notebook}, "image": image}

    (before,) = (await api.json("images/plan", "POST", wanted))["platforms"]
    assert (before["base"], before["python"]) == (ground.base, "3.11.2")
    assert "large 1.0" in before["packages"]
    assert {layer["title"]: layer["state"] for layer in before["layers"]}["large 1.0"] == "new"

    digests = []
    for _ in range(2):
        async with client(await managers.hub(), "images") as page:
            build = await api.json("images", "POST", wanted, status=201)
            done = await page.mirror.until(
                lambda s, id=build["id"]: next((b for b in s["images"] if b["id"] == id and b["finishedAt"]), None)
            )
        assert done["state"] == "succeeded", done["error"]
        digests.append(done["image"]["digest"])
        assert done["image"]["reference"] == f"{ground.prefix}/train@{digests[-1]}"
    assert len(set(digests)) == 1
    assert done["image"]["pushed"] == 0

    (after,) = (await api.json("images/plan", "POST", wanted))["platforms"]
    assert {layer["state"] for layer in after["layers"]} == {"present"}
    assert (after["fetch"], after["push"]) == (0, 0)


async def test_a_registry_that_is_down_is_told(api: Api, ground: SmallGround, notebook: str) -> None:
    ground.registry.stop()
    image = {"repository": f"{ground.prefix}/train", "environment": "requirements.txt"}
    body = {"submission": {"notebook": notebook}, "image": image}
    error = await api.json("images/plan", "POST", body, status=502)
    assert error["code"] == "registry-unreachable"
    assert error["hint"]


async def test_what_nobody_has_is_told(api: Api, ground: SmallGround, notebook: str) -> None:
    (api.root / "work" / "requirements.txt").write_text("no-such-package==1.0\n")
    image = {"environment": "requirements.txt"}
    error = await api.json("images/plan", "POST", {"submission": {"notebook": notebook}, "image": image}, status=400)
    assert error["code"] == "resolution"
    assert "no-such-package" in error["message"]


async def test_the_dockerfile_of_a_likely_secret_is_shown_with_what_was_found(
    api: Api, ground: SmallGround, notebook: str
) -> None:
    """Its text has nothing of the notebook in it; whoever reads it is told why no image would be built."""
    key = "AKIAIOSFODNN7ABCDEFG"  # as AWS writes them, of nobody
    path = api.write("work/secret.ipynb", f'key = "{key}"')
    body = {"submission": {"notebook": path}, "what": "dockerfile", "image": {"environment": "requirements.txt"}}
    found = await api.json("plans/export", "POST", body)
    assert f"ARG BASE={ground.base}@sha256:" in found["text"]
    assert [(each["code"], each["severity"]) for each in found["findings"]] == [("likely-secret", "error")]
    assert key not in found["text"]

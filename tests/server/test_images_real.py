"""An image for real: from a notebook through HTTP into a registry, with an index and a base image on loopback."""

import io
import json
import tarfile
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from jupyter_mltrain.server import wire
from tests.image.ground import SmallGround, small_ground
from tests.server._api import Api
from tests.server._streaming import client
from tests.server.test_paths import Shelf

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
        assert done["program"] == (await api.json("images/plan", "POST", wanted))["program"]
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


# The Dockerfile and its folder

SECRET = "key = 'AKIAQ7RXZ2LTV4NKPW3D'"


@pytest.fixture
def scratch(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where the server puts what it needs for a while."""
    folder = tmp_path / "scratch"
    folder.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    return folder


def wanted(notebook: str, **more: Any) -> dict[str, Any]:
    return {"submission": {"notebook": notebook}, "image": {"environment": "requirements.txt"}, **more}


def secret(api: Api) -> str:
    return api.write("work/secret.ipynb", SECRET)


async def test_a_dockerfile_is_handed_out_with_its_folder(
    api: Api, ground: SmallGround, notebook: str, scratch: Path, tmp_path: Path
) -> None:
    named = api.write("work/Größe 2.ipynb", "print(1)")
    text = (await api.json("plans/export", "POST", {**wanted(named), "what": "dockerfile"}))["text"]
    answer = await api.fetch("images/dockerfile", "POST", wanted(named))
    assert (answer.code, answer.headers["Content-Type"]) == (200, "application/gzip")
    assert answer.headers["Content-Disposition"].endswith("''Gr%C3%B6%C3%9Fe%202-image.tar.gz")
    with tarfile.open(fileobj=io.BytesIO(answer.body)) as archive:
        assert {(one.uid, one.gid, one.uname, one.gname) for one in archive} == {(0, 0, "", "")}
        archive.extractall(tmp_path / "out", filter="tar")
    folder = tmp_path / "out" / "Größe 2-image"
    assert (folder / "Dockerfile").read_text() == text
    assert {path.name for path in folder.iterdir()} >= {"Dockerfile", "requirements.txt", "environment", "runner"}
    assert "large==1.0 --hash=sha256:" in (folder / "requirements.txt").read_text()
    assert [path for path in folder.rglob("python") if path.is_symlink()]
    assert list(folder.glob("program/**/program.json"))
    assert list(scratch.iterdir()) == []


async def test_who_goes_before_the_end_leaves_nothing_behind(
    api: Api, ground: SmallGround, notebook: str, scratch: Path, jp_serverapp: Any
) -> None:
    managers = jp_serverapp.web_app.settings["jupyter_mltrain"]
    pieces = managers.dockerfiles.archive(wire.DockerfileRequest.model_validate(wanted(notebook)))
    assert (await anext(pieces)).startswith(b"\x1f\x8b")
    assert list(scratch.iterdir()) != []
    await pieces.aclose()
    assert list(scratch.iterdir()) == []


async def test_a_dockerfile_is_saved_beside_the_notebook_under_a_free_name(
    api: Api, ground: SmallGround, notebook: str
) -> None:
    saved = [await api.json("images/dockerfile/save", "POST", wanted(notebook), status=201) for _ in range(2)]
    assert saved == [
        {"path": "work/train-image", "kind": "folder"},
        {"path": "work/train-image-1", "kind": "folder"},
    ]
    folders = [api.root / one["path"] for one in saved]
    assert len({(folder / "Dockerfile").read_text() for folder in folders}) == 1
    assert [path for path in folders[0].rglob("python") if path.is_symlink()]
    assert sorted(path.name for path in (api.root / "work").iterdir()) == [
        *("requirements.txt", "train-image", "train-image-1", "train.ipynb")
    ]


async def test_what_looks_like_a_secret_is_handed_out_only_by_saying_so(
    api: Api, ground: SmallGround, notebook: str, scratch: Path
) -> None:
    body = wanted(secret(api))
    shown = await api.json("plans/export", "POST", {**body, "what": "dockerfile"})
    assert [finding["severity"] for finding in shown["findings"]].count("error") == 1
    for route in ("images/dockerfile", "images/dockerfile/save"):
        error = await api.json(route, "POST", body, status=400)
        assert error["details"]["findings"][0]["code"] == "likely-secret"
    assert not (api.root / "work" / "secret-image").exists()
    assert list(scratch.iterdir()) == []
    assert (await api.fetch("images/dockerfile", "POST", {**body, "force": True})).code == 200
    await api.json("images/dockerfile/save", "POST", {**body, "force": True}, status=201)
    assert (api.root / "work" / "secret-image" / "Dockerfile").exists()


async def test_no_dockerfile_of_what_may_not_be_shown(
    api: Api, ground: SmallGround, notebook: str, tmp_path: Path
) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "train.ipynb").write_bytes((api.root / notebook).read_bytes())
    (api.root / "link").symlink_to(elsewhere)
    for route in ("images/dockerfile", "images/dockerfile/save"):
        await api.json(route, "POST", {"submission": {"notebook": "link/train.ipynb"}}, status=403)
        await api.json(route, "POST", wanted("work/none.ipynb"), status=404)
        await api.json(route, "POST", wanted("../train.ipynb"), status=400)
    assert [path.name for path in elsewhere.iterdir()] == ["train.ipynb"]


async def test_where_contents_are_no_files_the_archive_is_saved(
    api: Api, ground: SmallGround, notebook: str, jp_serverapp: Any, scratch: Path
) -> None:
    shelf = Shelf(parent=jp_serverapp)
    shelf.books = {"books/first.ipynb": json.loads((api.root / notebook).read_text())}
    jp_serverapp.web_app.settings["jupyter_mltrain"].contents = shelf
    body = {"submission": {"notebook": "books/first.ipynb"}}
    saved = [await api.json("images/dockerfile/save", "POST", body, status=201) for _ in range(2)]
    assert saved == [
        {"path": "books/first-image.tar.gz", "kind": "archive"},
        {"path": "books/first-image-1.tar.gz", "kind": "archive"},
    ]
    assert list(scratch.iterdir()) == []

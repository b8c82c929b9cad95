"""Images by HTTP: plans, builds, their queue and their ends. What makes them is the test itself."""

import asyncio
import errno
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from jupyter_mltrain.errors import RegistryError, ResolutionError
from jupyter_mltrain.image.progress import Progress
from jupyter_mltrain.server import wire
from jupyter_mltrain.service import Service
from tests.server._api import ROOT, Api
from tests.server._building import DIGEST, Builder
from tests.server._streaming import Client, client

REPOSITORY = "registry.example.com/team/train"


@pytest.fixture
def builder(
    jp_serverapp: Any, monkeypatch: pytest.MonkeyPatch, jp_asyncio_loop: asyncio.AbstractEventLoop
) -> Iterator[Builder]:
    found = Builder()
    found.patch(monkeypatch.setattr, Service)
    yield found
    for work in found.works:
        work.finish()
    jp_asyncio_loop.run_until_complete(jp_serverapp.web_app.settings["jupyter_mltrain"].close())


@pytest.fixture
def managers(jp_serverapp: Any) -> Any:
    return jp_serverapp.web_app.settings["jupyter_mltrain"]


@pytest.fixture
def notebook(api: Api) -> str:
    return api.write("work/train.ipynb", "print(1)")


def wanted(notebook: str, **more: Any) -> dict[str, Any]:
    return {"submission": {"notebook": notebook}, "image": {"repository": REPOSITORY}, **more}


async def start(api: Api, notebook: str, **more: Any) -> dict[str, Any]:
    found: dict[str, Any] = await api.json("images", "POST", wanted(notebook, **more), status=201)
    return found


async def until(page: Client, build: str, state: str) -> dict[str, Any]:
    """Wait until a build is in a state, as one who follows the topic sees it."""
    found: dict[str, Any] = await page.mirror.until(
        lambda states: next((b for b in states["images"] if b["id"] == build and b["state"] == state), None)
    )
    return found


# Plans


async def test_a_plan_tells_layers_sizes_and_what_is_there(api: Api, notebook: str, builder: Builder) -> None:
    plan = await api.json("images/plan", "POST", wanted(notebook))
    (platform,) = plan["platforms"]
    assert (plan["repository"], plan["refused"], plan["notes"]) == (REPOSITORY, False, ["A note."])
    assert (platform["platform"], platform["python"], platform["fetch"], platform["push"]) == (
        *("linux/amd64", "3.11.9"),
        *(None, 1_400),
    )
    assert [(layer["kind"], layer["state"], layer["size"]) for layer in platform["layers"]] == [
        ("base", "present", 50_000_000),
        ("wheel", "new", None),
        ("program", "known", 1_400),
    ]
    assert (await api.json("images"))["builds"] == []


async def test_what_is_wanted_reaches_the_service(api: Api, notebook: str, builder: Builder) -> None:
    (api.root / "work" / "requirements.txt").write_text("numpy\n")
    image = {
        "repository": f" {REPOSITORY}:v1 ",
        "base": "localhost:5000/base",
        "platforms": ["linux/arm64", "linux/amd64"],
        "environment": "requirements.txt",
        "refresh": True,
    }
    await api.json("images/plan", "POST", {"submission": {"notebook": notebook}, "image": image})
    found = builder.wanted
    assert found is not None
    assert (found.repository, found.base, found.refresh) == (f"{REPOSITORY}:v1", "localhost:5000/base", True)
    assert found.platforms == ("linux/arm64", "linux/amd64")
    assert found.environment == api.root / "work" / "requirements.txt"
    assert builder.request is not None
    assert builder.request.noted_as == notebook


@pytest.mark.parametrize(
    ("image", "field"),
    [
        ({"repository": "Registry.Example/UPPER"}, "repository"),
        ({"repository": "https://registry.example.com/a"}, "repository"),
        ({"platforms": ["windows/amd64/x/y"]}, "platforms"),
        ({"environment": "../secret.txt"}, "environment"),
        ({"environment": "*.txt"}, "environment"),
        ({"unknown": 1}, "image.unknown"),
    ],
)
async def test_what_is_wrong_is_told_with_the_field(
    api: Api, notebook: str, builder: Builder, image: dict[str, Any], field: str
) -> None:
    for route in ("images/plan", "images"):
        body = {"submission": {"notebook": notebook}, "image": image}
        error = await api.json(route, "POST", body, status=400)
        assert error["details"]["field"] == field
    assert (await api.json("images"))["builds"] == []


async def test_notebooks_and_environments_that_are_not_there(api: Api, notebook: str, builder: Builder) -> None:
    for route in ("images/plan", "images"):
        error = await api.json(route, "POST", wanted("work/none.ipynb"), status=404)
        assert error["details"]["field"] == "notebook"
        body = wanted(notebook, image={"environment": "requirements.txt"})
        error = await api.json(route, "POST", body, status=404)
        assert error["details"]["field"] == "environment"


async def test_no_environment_from_outside_of_the_root(
    api: Api, notebook: str, builder: Builder, tmp_path: Path
) -> None:
    (tmp_path / "outside.txt").write_text("numpy\n")
    (api.root / "work" / "requirements.txt").symlink_to(tmp_path / "outside.txt")
    (api.root / "work" / ".hidden.txt").write_text("numpy\n")
    for name in ("requirements.txt", ".hidden.txt"):
        await api.json("images/plan", "POST", wanted(notebook, image={"environment": name}), status=403)
    assert (await api.json("images/settings", params={"notebook": notebook}))["environments"] == []


async def test_hidden_files_go_into_no_image(api: Api, notebook: str, builder: Builder) -> None:
    (api.root / "work" / ".priv").mkdir()
    (api.root / "work" / ".priv" / "inner.py").write_text("")
    path = api.write("work/other.ipynb", "import sys\nsys.path.append('.priv')\nimport inner")
    for route in ("images/plan", "images"):
        error = await api.json(route, "POST", wanted(path), status=403)
        assert ".priv/inner.py" in error["message"]


@pytest.mark.parametrize(
    ("trouble", "status"),
    [
        (RegistryError("It does not answer.", hint="Is it up?", code="registry-unreachable"), 502),
        (ResolutionError("a needs b<1, c needs b>2", hint="Change one."), 400),
        (OSError(errno.ENOSPC, "No space left on device"), 507),
    ],
)
async def test_why_there_is_no_plan(api: Api, notebook: str, builder: Builder, trouble: Exception, status: int) -> None:
    builder.trouble = trouble
    error = await api.json("images/plan", "POST", wanted(notebook), status=status)
    assert error["hint"]


async def test_settings_tell_defaults_and_the_files_beside_a_notebook(
    api: Api, notebook: str, builder: Builder
) -> None:
    found = await api.json("images/settings")
    assert (found["repository"], found["platforms"], found["environments"]) == (
        *("registry.example.com/team", ["linux/amd64"]),
        [],
    )
    assert found["bases"]["default"].startswith("docker.io/")
    for name in ("requirements.txt", "environment.yml", "pylock.toml", "notes.txt"):
        (api.root / "work" / name).write_text("")
    found = await api.json("images/settings", params={"notebook": notebook})
    assert found["environments"] == ["pylock.toml", "requirements.txt", "environment.yml"]
    await api.json("images/settings", params={"notebook": "work/none.ipynb"}, status=404)
    await api.json("images/settings", params={"notebook": "../up.ipynb"}, status=400)


# Builds


async def test_a_build_from_request_to_digest(api: Api, notebook: str, builder: Builder, managers: Any) -> None:
    async with client(await managers.hub(), "images") as page:
        answer = await api.fetch("images", "POST", wanted(notebook, force=True))
        assert answer.code == 201
        build = wire.ImageBuild.model_validate_json(answer.body)
        assert answer.headers["Location"].endswith(f"/{ROOT}/images/{build.id}")
        assert (build.notebook, build.repository) == (notebook, REPOSITORY)

        running = await page.mirror.until(lambda s: next((b for b in s["images"] if b["fraction"]), None))
        assert (running["state"], running["position"], running["startedAt"] != "") == ("running", None, True)
        assert [(step["step"], step["name"], step["state"]) for step in running["steps"]] == [
            ("base", "python:3.11-slim", "present"),
            ("push", "tensorflow 2.21.0", "running"),
        ]
        assert running["fraction"] == pytest.approx(120 / 230)
        assert await api.json(f"images/{build.id}") == running

        work = await builder.begun(1)
        assert work.force
        work.finish()
        done = await until(page, build.id, "succeeded")
    assert (done["fraction"], done["steps"], done["error"]) == (1, [], None)
    assert done["image"]["reference"] == f"{REPOSITORY}@{DIGEST}"
    assert (done["image"]["pushed"], done["image"]["seconds"]) == (14_336, 0.4)
    assert (await api.json("images"))["builds"] == [done]


async def test_a_failure_keeps_its_reason(api: Api, notebook: str, builder: Builder, managers: Any) -> None:
    async with client(await managers.hub(), "images") as page:
        build = await start(api, notebook)
        error = RegistryError("It says no.", hint="Log in.", code="registry-unauthorised")
        (await builder.begun(1)).finish(error)
        failed = await until(page, build["id"], "failed")
        assert failed["error"] == error.to_dict()
        again = await start(api, notebook)
        (await builder.begun(2)).finish(ZeroDivisionError("secret"))
        failed = await until(page, again["id"], "failed")
    assert failed["error"]["code"] == "internal"
    assert "secret" not in str(failed)


async def test_more_builds_than_at_once_wait_and_say_so(
    api: Api, notebook: str, builder: Builder, managers: Any
) -> None:
    async with client(await managers.hub(), "images") as page:
        builds = [(await start(api, notebook))["id"] for _ in range(4)]
        await builder.begun(2)
        for build in builds[:2]:
            await until(page, build, "running")
        assert [(b["id"], b["position"]) for b in (await api.json("images"))["builds"]][:2] == [
            (builds[3], 2),
            (builds[2], 1),
        ]
        assert len(builder.works) == 2
        builder.works[0].finish()
        await until(page, builds[0], "succeeded")
        await until(page, builds[2], "running")
        assert (await api.json(f"images/{builds[3]}"))["position"] == 1


async def test_cancel_running_and_waiting_then_forget(api: Api, notebook: str, builder: Builder, managers: Any) -> None:
    async with client(await managers.hub(), "images") as page:
        builds = [(await start(api, notebook))["id"] for _ in range(3)]
        await builder.begun(2)
        for build in (builds[2], builds[0]):  # one waits, one runs
            await api.json(f"images/{build}", "DELETE", status=204)
            assert (await until(page, build, "cancelled"))["finishedAt"]
        assert (await api.json(f"images/{builds[1]}"))["state"] == "running"
        assert len(builder.works) == 2
        await api.json(f"images/{builds[0]}", "DELETE", status=204)
        await page.mirror.until(lambda s: builds[0] not in [b["id"] for b in s["images"]])
    error = await api.json(f"images/{builds[0]}", status=404)
    assert "started again" in error["hint"]
    await api.json(f"images/{builds[0]}", "DELETE", status=404)


async def test_one_token_is_one_build(api: Api, notebook: str, builder: Builder) -> None:
    answers = await asyncio.gather(*(start(api, notebook, token="a-token-of-the-test") for _ in range(3)))
    assert len({answer["id"] for answer in answers}) == 1
    assert len((await api.json("images"))["builds"]) == 1
    assert (await start(api, notebook))["id"] != answers[0]["id"]


async def test_only_the_last_builds_are_kept(api: Api, notebook: str, builder: Builder, managers: Any) -> None:
    async with client(await managers.hub(), "images") as page:
        for number in range(1, 23):
            build = (await start(api, notebook))["id"]
            (await builder.begun(number)).finish()
            await until(page, build, "succeeded")
        await page.mirror.until(lambda s: len(s["images"]) == 20)
    assert len((await api.json("images"))["builds"]) == 20


async def test_reports_in_quick_succession_are_few_messages(
    api: Api, notebook: str, builder: Builder, managers: Any
) -> None:
    async with client(await managers.hub(), "images") as page:
        build = await start(api, notebook)
        work = await builder.begun(1)
        report = work.report
        await asyncio.to_thread(
            lambda: [report(Progress("push", "tensorflow 2.21.0", 121, 230)) for _ in range(20_000)]
        )
        work.finish()
        await until(page, build["id"], "succeeded")
        assert len(page.mirror.of_topic("images")) < 200  # ten a second at most


async def test_the_end_of_the_server_cancels_builds(api: Api, notebook: str, builder: Builder, managers: Any) -> None:
    builds = [(await start(api, notebook))["id"] for _ in range(3)]
    await builder.begun(2)
    await managers.close()
    assert {build.view.state for build in managers.images.builds.all()} == {"cancelled"}
    assert len(builds) == len(managers.images.builds.all())

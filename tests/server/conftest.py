"""A Jupyter server with the extension, on a data folder and a root of its own.

Not to be run with other tests: pytest-jupyter takes event loops and environment for a whole session.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from jupyter_mltrain.backends.local import LocalBackend
from jupyter_mltrain.server.stream.hub import Hub
from jupyter_mltrain.service import Request, Service
from tests.server._api import Api
from tests.server._streaming import sources
from tests.support import stop_all, write_notebook

pytest_plugins = ["pytest_jupyter.jupyter_server"]


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Path]:
    """The data folder. What runs in it ends with the test."""
    folder = tmp_path / "home with space"
    yield folder
    stop_all(folder)


@pytest.fixture
def jp_server_config(home: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    monkeypatch.setenv("MLTRAIN_HOME", str(home))
    return {"ServerApp": {"jpserver_extensions": {"jupyter_mltrain": True}, "reraise_server_extension_failures": True}}


@pytest.fixture
def api(jp_serverapp: Any, jp_fetch: Any, jp_root_dir: Path) -> Api:
    return Api(jp_fetch, jp_root_dir)


@pytest.fixture
def finished(jp_serverapp: Any) -> Callable[[str], Awaitable[Any]]:
    """Wait for the end of a job, without polling, and return its status."""
    services = jp_serverapp.web_app.settings["jupyter_mltrain"].services

    async def wait(job_id: str) -> Any:
        service, ref = await services.find(job_id)
        return await service.wait(ref)

    return wait


@pytest.fixture
def service(home: Path, jp_asyncio_loop: asyncio.AbstractEventLoop) -> Iterator[Service]:
    found = jp_asyncio_loop.run_until_complete(Service.open(LocalBackend(home)))
    yield found
    jp_asyncio_loop.run_until_complete(found.close())


@pytest.fixture
def hub(service: Service, jp_asyncio_loop: asyncio.AbstractEventLoop) -> Iterator[Hub]:
    found = Hub([service], linger=0)
    yield found
    jp_asyncio_loop.run_until_complete(found.close())
    assert sources(jp_asyncio_loop) == []


@pytest.fixture(scope="session")
def history(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A data folder with jobs that have ended; the newest one failed in its third cell. Only to be looked at."""
    folder = tmp_path_factory.mktemp("history")
    write_notebook(
        folder / "good.ipynb",
        "from jupyter_mltrain import run",
        "for step in range(3):\n    run.report(step=step, loss=1 / (step + 1), gap=0.5)",
        "for line in range(n):\n    print('line', line)",
        parameters="n: int = 5\nrandom_seed: int = 7",
    )
    write_notebook(folder / "bad.ipynb", "print('so far so good')", "x = 1 / 0", parameters="n: int = 5")
    home = folder / "home"
    asyncio.run(_run_all(home, [folder / "good.ipynb", folder / "bad.ipynb"]))
    yield home
    stop_all(home)


async def _run_all(home: Path, notebooks: list[Path]) -> None:
    async with Service(LocalBackend(home)) as service:
        for path in notebooks:
            request = Request(path, spec={"framework": "tensorflow"}, noted_as=f"work/{path.name}")
            ref = await service.submit(await service.plan(request, job_id=path.stem))
            await service.wait(ref)

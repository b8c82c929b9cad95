"""A Jupyter server with the extension, on a data folder and a root of its own. Not to be run with other tests:
pytest-jupyter changes event loops and environment for a whole session. ``make test`` runs this folder by itself."""

from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.server._api import Api
from tests.support import stop_all

pytest_plugins = ["pytest_jupyter.jupyter_server"]


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The data folder. What runs in it ends with the test."""
    folder = tmp_path / "home with space"
    monkeypatch.setenv("MLTRAIN_HOME", str(folder))
    yield folder
    stop_all(folder)


@pytest.fixture
def jp_server_config(home: Path) -> dict[str, Any]:
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

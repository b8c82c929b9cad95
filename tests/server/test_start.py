"""What the extension costs a server that nobody trains on: almost nothing."""

import subprocess
import sys
from pathlib import Path
from typing import Any

from tests.server._api import Api

HEAVY = ("pydantic", "papermill", "tensorflow", "torch", "jupyter_mltrain.service", "jupyter_mltrain.backends.local")


def test_loading_the_extension_imports_nothing_heavy() -> None:
    code = (
        "import sys, jupyter_server.serverapp\n"
        "before = set(sys.modules)\n"
        "from jupyter_mltrain import _jupyter_server_extension_points\n"
        "_jupyter_server_extension_points()\n"
        "print(*(set(sys.modules) - before))"
    )
    loaded = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout.split()
    assert "jupyter_mltrain.server.app" in loaded
    assert not [name for name in loaded if name in HEAVY or name.startswith(tuple(f"{each}." for each in HEAVY))]


async def test_a_server_that_is_not_used_writes_nothing(jp_serverapp: Any, home: Path) -> None:
    app = next(iter(jp_serverapp.extension_manager.extension_apps["jupyter_mltrain"]))
    await app._start_jupyter_server_extension(jp_serverapp)
    await app._recovery
    assert not home.exists()


async def test_a_server_that_has_jobs_looks_after_them_at_once(api: Api, jp_serverapp: Any, home: Path) -> None:
    path = api.write("train.ipynb", "print(1)")
    await api.submit(path, spec={"framework": "none", "run_policy": {"suspend": True}})
    managers = jp_serverapp.web_app.settings["jupyter_mltrain"]
    await managers.services.close()
    app = next(iter(jp_serverapp.extension_manager.extension_apps["jupyter_mltrain"]))
    await app._start_jupyter_server_extension(jp_serverapp)
    await app._recovery
    assert "local" in managers.services._open

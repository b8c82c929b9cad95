"""A real JupyterLab server with everything of its own: port, token, settings, data folder, notebooks."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tests.support import ROOT, stop_all

FRONT_END = ROOT / "jupyter_mltrain" / "labextension"
TOKEN = "secret-of-the-tests"
APPLICATIONS = {"lab": "jupyterlab", "notebook": "notebook"}


def free_port() -> int:
    """Return a port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


class LabServer:
    """Starts and kills the server; the port and all folders stay the same.

    Parameters
    ----------
    folder:
        Where its home, settings, jobs and notebooks (``work``) lie.
    application:
        ``lab`` or ``notebook`` (Notebook 7).
    settings:
        Options of the server by trait, such as ``{"ServerApp.base_url": "/user/anna/"}``.
    env:
        Variables beside those of this process.

    Attributes
    ----------
    token:
        What opens it; it counts from the next start on.
    """

    def __init__(
        self,
        folder: Path,
        application: str = "lab",
        settings: Mapping[str, str] | None = None,
        env: Mapping[str, str] | None = None,
    ) -> None:
        self.home = folder / "mltrain"
        self.work = folder / "work"
        self.settings = dict(settings or {})
        self.env = dict(env or {})
        self.token = TOKEN
        self.application = application
        self.port = free_port()
        self.log: list[str] = []
        self._folder = folder
        self._process: subprocess.Popen[str] | None = None
        self.work.mkdir(parents=True)
        self._write_page_config()
        self._link_front_end()

    def _link_front_end(self) -> None:
        """Let the server find what this tree has built, whatever is installed."""
        folder = self._folder / "data" / "labextensions"
        folder.mkdir(parents=True)
        (folder / "jupyter-mltrain").symlink_to(FRONT_END)

    def _write_page_config(self) -> None:
        """Switch off what asks for the network."""
        config = self._folder / "config" / "labconfig"
        config.mkdir(parents=True)
        disabled = {
            "@jupyterlab/apputils-extension:announcements": True,
            "@jupyterlab/extensionmanager-extension": True,
        }
        (config / "page_config.json").write_text(json.dumps({"disabledExtensions": disabled}))

    @property
    def url(self) -> str:
        """Return the address, with a slash at its end."""
        return f"http://127.0.0.1:{self.port}{self.settings.get('ServerApp.base_url', '/')}"

    def _env(self) -> dict[str, str]:
        folders = {
            "HOME": "home",
            "IPYTHONDIR": "ipython",
            "JUPYTER_CONFIG_DIR": "config",
            "JUPYTER_DATA_DIR": "data",
            "JUPYTER_RUNTIME_DIR": "runtime",
            "JUPYTERLAB_SETTINGS_DIR": "config/settings",
            "JUPYTERLAB_WORKSPACES_DIR": "config/workspaces",
        }
        own = {name: str(self._folder / folder) for name, folder in folders.items()}
        return {
            **os.environ,
            **own,
            **self.env,
            "MLTRAIN_HOME": str(self.home),
            "JUPYTER_PREFER_ENV_PATH": "0",
            "PYTHONUNBUFFERED": "1",
        }

    def start(self) -> None:
        """Start the server; return when it answers."""
        options = {
            "ServerApp.port": self.port,
            "ServerApp.port_retries": 0,
            "ServerApp.root_dir": self.work,
            "ServerApp.open_browser": False,
            "ServerApp.allow_root": True,
            "IdentityProvider.token": self.token,
            **self.settings,
        }
        self._process = subprocess.Popen(
            [sys.executable, "-m", APPLICATIONS[self.application], *(f"--{k}={v}" for k, v in options.items())],
            env=self._env(),
            cwd=self.work,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
        )
        self._await_readiness()
        threading.Thread(target=self._drain, args=(self._process,), daemon=True).start()

    def _await_readiness(self) -> None:
        assert self._process is not None
        assert self._process.stderr is not None
        for line in self._process.stderr:
            self.log.append(line)
            if "is running at" in line:
                self._await_port()
                return
        raise AssertionError("JupyterLab did not start:\n" + "".join(self.log))

    def _await_port(self) -> None:
        """It says that it runs a moment before it listens."""
        while True:
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", self.port)) == 0:
                    return
            time.sleep(0.01)

    def _drain(self, process: subprocess.Popen[str]) -> None:
        assert process.stderr is not None
        with process.stderr:
            self.log.extend(process.stderr)

    @property
    def pid(self) -> int:
        """Return the process id of the running server."""
        assert self._process is not None
        return self._process.pid

    def kill(self) -> None:
        """End the server as a crash would. Jobs go on."""
        assert self._process is not None
        self._process.kill()
        self._process.wait()

    def restart(self) -> None:
        """Kill the server and start it again: same port, same folders."""
        self.kill()
        self.start()

    def forget_logins(self) -> None:
        """Let nobody be logged in any more after the next start."""
        (self._folder / "runtime" / "jupyter_cookie_secret").unlink()

    def close(self) -> None:
        """End the server, its kernels, and every process that works for its jobs."""
        stop_all(self._folder)
        if self._process is not None:
            self._process.wait()

    def api(self, method: str, route: str, body: Any = None) -> Any:
        """Call a route of the extension, as a script with the token would."""
        request = urllib.request.Request(
            f"{self.url}jupyter-mltrain/{route}",
            method=method,
            data=None if body is None else json.dumps(body).encode(),
            headers={"Authorization": f"token {self.token}", "Content-Type": "application/json"},
        )
        with urllib.request.urlopen(request, timeout=60) as response:
            text = response.read()
        return json.loads(text) if text else None

    def delete_jobs(self) -> None:
        """Delete all jobs."""
        while jobs := self.api("GET", "jobs?limit=100")["jobs"]:
            for job in jobs:
                self.api("DELETE", f"jobs/{job['id']}")

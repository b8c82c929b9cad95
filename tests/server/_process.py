"""A Jupyter server in a process of its own, as a user starts one."""

import os
import re
import shutil
import subprocess
import sys
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from tests.support import stop_all

TOKEN = "secret-of-the-tests"


class Address(NamedTuple):
    """Where a server is, and where it keeps things."""

    url: str
    root: Path


@contextmanager
def jupyter_server(folder: Path, *options: str, extension: bool = True) -> Iterator[Address]:
    """Run a server until the end of the context. It says its address a moment before it listens there."""
    root = folder / "root"
    root.mkdir(parents=True)
    home = folder / "home"
    private = {f"JUPYTER_{name}_DIR": str(folder / name.lower()) for name in ("CONFIG", "DATA", "RUNTIME")}
    command = [sys.executable, "-m", "jupyter_server", "--no-browser", "--allow-root", "--port=0"]
    command += [f"--ServerApp.root_dir={root}", f"--IdentityProvider.token={TOKEN}"]
    command += [f"--ServerApp.jpserver_extensions=jupyter_mltrain={extension}", *options]
    env = {**os.environ, **private, "MLTRAIN_HOME": str(home)}
    with (folder / "server.log").open("w+") as log:
        process = subprocess.Popen(command, env=env, stdout=log, stderr=subprocess.PIPE, text=True)
        assert process.stderr is not None
        # Nobody reads on once the address is known, and a full pipe would stop the server.
        with process, process.stderr:
            drain = threading.Thread(target=shutil.copyfileobj, args=(process.stderr, log))
            try:
                url = _url(process.stderr)
                drain.start()
                yield Address(url, root)
            finally:
                process.terminate()
                process.wait(timeout=30)
                stop_all(home)
            drain.join()


def _url(lines: Iterable[str]) -> str:
    """Return the address of a server, from what it says when it listens."""
    said = []
    for line in lines:
        said.append(line)
        if found := re.search(r"http://127\.0\.0\.1:\d+/", line):
            return found[0]
    raise AssertionError("".join(said))

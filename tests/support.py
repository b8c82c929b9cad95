"""Helpers of the tests: where real data lies, notebooks, the command line in a data folder of its own."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil

ROOT = Path(__file__).parents[1]

NotebookWriter = Callable[..., Path]


def data_folder() -> Path | None:
    """Return the folder with real data sets, or None: they may not be shipped with the project."""
    named = os.environ.get("MLTRAIN_DATA")
    return Path(named) if named and Path(named).is_dir() else None


def write_notebook(path: Path, *sources: str, parameters: str | None = None) -> Path:
    """Write a notebook of code cells, the first one tagged as parameters where there are any."""
    cells = [(parameters, ["parameters"])] if parameters is not None else []
    cells += [(source, []) for source in sources]
    document = {
        "nbformat": 4,
        "nbformat_minor": 5,
        "metadata": {
            "kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"},
            "language_info": {"name": "python"},
        },
        "cells": [
            {
                "cell_type": "code",
                "id": f"cell-{index}",
                "metadata": {"tags": tags} if tags else {},
                "source": source,
                "outputs": [],
                "execution_count": None,
            }
            for index, (source, tags) in enumerate(cells)
        ],
    }
    path.write_text(json.dumps(document))
    return path


class Mltrain:
    """Runs ``mltrain`` as a user does: a process of its own, in a data folder of its own."""

    def __init__(self, home: Path, cwd: Path) -> None:
        self.home = home
        self.cwd = cwd
        self.env = {**os.environ, "MLTRAIN_HOME": str(home), "NO_COLOR": "1", "COLUMNS": "120"}

    def command(self, *arguments: object) -> list[str]:
        return [sys.executable, "-m", "jupyter_mltrain.cli", *map(str, arguments)]

    def run(self, *arguments: object, code: int | None = 0, stdin: str = "") -> subprocess.CompletedProcess[str]:
        """Run a command to its end; ``code`` is the exit code that is expected, None for any."""
        done = subprocess.run(
            self.command(*arguments), env=self.env, cwd=self.cwd, input=stdin, capture_output=True, text=True
        )
        assert "Traceback" not in done.stderr, done.stderr
        assert code is None or done.returncode == code, (done.returncode, done.stdout, done.stderr)
        return done

    def json(self, *arguments: object, code: int | None = 0) -> Any:
        return json.loads(self.run(*arguments, "--json", code=code).stdout)

    def start(self, *arguments: object) -> subprocess.Popen[str]:
        """Start a command and leave it running; the caller waits for it."""
        return subprocess.Popen(
            self.command(*arguments),
            env=self.env,
            cwd=self.cwd,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )


def processes_of(home: Path) -> list[psutil.Process]:
    """Return every process that works for a data folder: supervisors, shims, replicas."""
    found = []
    for process in psutil.process_iter():
        try:
            texts = [*process.cmdline(), *process.environ().values()]
        except (psutil.NoSuchProcess, psutil.AccessDenied, psutil.ZombieProcess):
            continue
        if process.pid != os.getpid() and any(str(home) in text for text in texts):
            found.append(process)
    return found


def stop_all(home: Path) -> None:
    processes = processes_of(home)
    for process in processes:
        process.kill()
    psutil.wait_procs(processes, timeout=30)

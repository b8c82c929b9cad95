"""Lets a notebook go on step by step, as the test wants: the notebook waits in a read, nobody polls."""

from __future__ import annotations

import os
from pathlib import Path

WAIT = "import os; gate_fd = os.open({path!r}, os.O_RDONLY)\ndef wait(): os.read(gate_fd, 1)\n"


class Gate:
    """A FIFO that the test holds open; each `step` lets one ``wait()`` of the notebook return."""

    def __init__(self, path: Path) -> None:
        os.mkfifo(path)
        self.path = path
        # Open for both, so that neither side waits for the other to open.
        self._fd = os.open(path, os.O_RDWR)

    def __enter__(self) -> Gate:
        return self

    def __exit__(self, *_: object) -> None:
        os.close(self._fd)

    @property
    def source(self) -> str:
        """Return the code that defines ``wait()`` in a notebook."""
        return WAIT.format(path=str(self.path))

    def step(self, count: int = 1) -> None:
        """Let so many waits return."""
        os.write(self._fd, b"." * count)

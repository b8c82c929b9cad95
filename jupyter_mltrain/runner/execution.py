"""Cell by cell through the notebook, until it is done, fails, ends itself or is told to stop."""

from __future__ import annotations

import asyncio
import signal
from dataclasses import dataclass, replace
from typing import Any, Final

from .document import Document
from .executed import begin_cell, end_cell
from .executor import Executor, KernelDied, Raised, Reply
from .journal import Journal
from .saver import Saver

AUTOSAVE: Final = 15.0
"""Seconds after which the outputs of a cell that still runs are in the executed notebook on disk."""
_HINTS: Final = {
    "StdinNotImplementedError": "Nobody can answer input() in a job: make it a parameter.",
    "ModuleNotFoundError": "Install the package where the job runs, or name it in the notebook with %pip install.",
}


@dataclass(frozen=True, slots=True)
class Ending:
    """How a run ended.

    Attributes
    ----------
    status:
        ``succeeded``, ``failed`` or ``interrupted``.
    exit_code:
        Of the replica's process.
    error:
        ``name``, ``message``, maybe ``hint``, and ``cell``, where one is to blame.
    """

    status: str
    exit_code: int
    error: dict[str, Any] | None = None

    @property
    def cell(self) -> int | None:
        """The cell in which it ended badly."""
        return self.error.get("cell") if self.error else None

    def shifted(self, cells: int) -> Ending:
        """Return the same for a notebook that got so many cells before the one to blame."""
        assert self.error is not None
        return replace(self, error={**self.error, "cell": self.error["cell"] + cells})


SUCCEEDED: Final = Ending("succeeded", 0)


class Execution:
    """One run of a notebook.

    Parameters
    ----------
    patience:
        Seconds that an interrupted cell gets to end by itself before the kernel is killed.
    """

    def __init__(
        self, document: Document, journal: Journal, saver: Saver, executor: Executor, *, patience: float
    ) -> None:
        self._document = document
        self._journal = journal
        self._saver = saver
        self._executor = executor
        self._patience = patience
        self._stopped_by: int | None = None
        self._code_cells = [index for index, cell in enumerate(document.cells) if cell.is_code]

    async def run(self) -> Ending:
        """Execute the cells; whatever they do, this returns."""
        cell: int | None = None
        try:
            self._document.metadata["language_info"] = await self._executor.ready()
            self._journal.metadata()
            for cell in range(len(self._document.cells)):
                if self._stopped_by is not None:
                    break
                ending = await self._run_cell(cell)
                if ending is not None:
                    return ending
        except KernelDied as death:
            return self._after_death(death.status, cell)
        return self._interrupted(None) if self._stopped_by is not None else SUCCEEDED

    async def stop(self, signum: int) -> None:
        """End the run because of a signal: interrupt the cell, and kill the kernel if that does not help."""
        if self._stopped_by is not None:
            return
        self._stopped_by = signum
        await self._executor.interrupt()
        await asyncio.sleep(self._patience)
        self._journal.note(f"The cell did not end within {self._patience:g} s of the interrupt: its kernel is killed.")
        self._executor.kill()

    async def _run_cell(self, index: int) -> Ending | None:
        """Execute a cell; return how the run ended if it ended here."""
        cell = self._document.cells[index]
        begin_cell(cell)
        if not cell.is_code:
            self._end_cell(index)
            return None
        self._journal.start(index, self._code_cells.index(index) + 1, len(self._code_cells))
        reply = await self._executor.run(cell.body, lambda message, content: self._receive(index, message, content))
        cell.body["execution_count"] = reply.execution_count
        cell.body["metadata"] = {**cell.body["metadata"], **reply.metadata}
        ending = self._judge(index, reply)
        self._end_cell(index, failed=ending is not None and ending.status != "succeeded")
        return ending

    def _receive(self, index: int, message: str, content: dict[str, Any]) -> None:
        self._document.receive(index, message, content)
        self._journal.touch()
        self._saver.request(within=AUTOSAVE)

    def _end_cell(self, index: int, *, failed: bool = False) -> None:
        end_cell(self._document.cells[index], failed=failed)
        self._journal.end(index)
        self._saver.request()

    def _judge(self, index: int, reply: Reply) -> Ending | None:
        if self._stopped_by is not None:
            return self._interrupted(index if reply.raised else None)
        if reply.raised is not None:
            return self._after_exception(index, reply.raised)
        return SUCCEEDED if reply.leaves else None

    def _after_exception(self, index: int, raised: Raised) -> Ending | None:
        if raised.exit_code == 0:
            return SUCCEEDED
        if "raises-exception" in self._document.cells[index].body["metadata"].get("tags", ()):
            return None
        error = {"name": raised.name, "message": raised.message, "cell": index}
        if hint := _HINTS.get(raised.name):
            error["hint"] = hint
        return Ending("failed", 1 if raised.exit_code is None else raised.exit_code, error)

    def _interrupted(self, cell: int | None) -> Ending:
        assert self._stopped_by is not None
        name = signal.Signals(self._stopped_by).name
        error: dict[str, Any] = {"name": "Interrupted", "message": f"The run was ended by {name}."}
        if cell is not None:
            error["cell"] = cell
        return Ending("interrupted", 128 + self._stopped_by, error)

    def _after_death(self, status: int, cell: int | None) -> Ending:
        """Say what the kernel's death means; the cell in which it died gets an error output."""
        ending = self._interrupted(cell) if self._stopped_by is not None else _death(status, cell)
        if cell is not None:
            if ending.error is not None:
                name, message = ending.error["name"], ending.error["message"]
                content = {"ename": name, "evalue": message, "traceback": [f"{name}: {message}"]}
                self._receive(cell, "error", content)
            self._end_cell(cell, failed=ending.error is not None)
        return ending


def _death(status: int, cell: int | None) -> Ending:
    if status == 0 and cell is not None:
        return SUCCEEDED  # os._exit(0): what the exit code of a script would say
    error: dict[str, Any] = {"name": "KernelDied", "message": f"The kernel's process ended with exit code {status}."}
    if status < 0:
        error["message"] = f"The kernel's process was killed by {signal.Signals(-status).name}."
    if status == -signal.SIGKILL:
        error["hint"] = "It may have run out of memory: give it more, or use less."
    if cell is not None:
        error["cell"] = cell
    return Ending("failed", 128 - status if status < 0 else status or 1, error)

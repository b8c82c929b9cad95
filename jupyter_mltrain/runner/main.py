"""``python -m jupyter_mltrain.runner``: find the program, run it, leave its outputs, and end with its exit code."""

from __future__ import annotations

import asyncio
import logging
import os
import platform
import signal
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from pathlib import Path
from types import FrameType
from typing import Any, Final, NoReturn

from ..errors import MltrainError, NotInstalled, StorageError
from ..model import labels
from ..notebook import inject, program
from . import executed
from .document import Document
from .execution import Ending, Execution
from .journal import Journal
from .kernel import KernelExecutor
from .log import Log
from .outputs import Spill
from .records import Record, encode
from .reports import Mailbox
from .saver import Saver
from .scratch import scratch
from .settings import Settings

CANNOT_START: Final = 2
"""Exit code where the program could not even be started."""
_SIGNALS: Final = (signal.SIGTERM, signal.SIGINT)
_CELL_SHARE: Final = 0.4  # of the grace, for an interrupted cell
_PUT_SHARE: Final = 0.8  # of the grace, until when the outputs must be where they belong
# Seconds for what the notebook registered with atexit, unless the run was told to stop. Not more: ipykernel itself
# waits half a minute for children that a cell left, even if they have ended.
_SHUTDOWN: Final = 10.0
_SHUTDOWN_SHARE: Final = 0.1  # of the grace, if it was
_LOG_TIMEOUT: Final = 3.0  # seconds for the log's reader to take the rest


def main() -> int:
    """Run what the environment names and return the exit code."""
    for signum in _SIGNALS:
        signal.signal(signum, _leave)  # the first process of a container has no default handlers
    # nbformat imports jsonschema, which imports, if it is there, a checker of IRIs that builds its grammar at import:
    # 0.9 s of the time to the first cell, for a format that no notebook has. Without it nothing checks that format.
    sys.modules.setdefault("rfc3987_syntax", None)  # type: ignore[arg-type]
    logging.disable(logging.WARNING)  # what libraries think of a notebook was said when it was submitted
    try:
        settings = Settings.from_env(os.environ)
        cwd = program.materialise(settings.folder, Path.cwd())
        _make_folder(settings.output)
    except MltrainError as error:
        return _cannot_start(error)
    with scratch() as folder:
        try:
            return asyncio.run(Runner(settings, cwd, folder).run())
        except NotInstalled as error:
            return _cannot_start(error)


def _leave(signum: int, frame: FrameType | None) -> NoReturn:
    raise SystemExit(128 + signum)


def _make_folder(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        raise StorageError(
            f"The run cannot write its outputs into {str(folder)!r}: {error.strerror}.",
            hint="Choose another output folder, or make this one writable.",
        ) from None


def _cannot_start(error: MltrainError) -> int:
    message = {"name": type(error).__name__, "message": error.message, "hint": error.hint}
    data = {"status": "failed", "exit_code": CANNOT_START, "error": message, "seconds": 0.0}
    print(*encode(Record("done", data, 0)), sep="\n", flush=True)
    print(f"mltrain: {error.message} {error.hint}".rstrip(), file=sys.stderr, flush=True)
    return CANNOT_START


class Runner:
    """Puts the parts of one run together.

    Parameters
    ----------
    cwd:
        Folder that the cells run in.
    scratch:
        Private folder for sockets and pipes, on this machine.
    """

    def __init__(self, settings: Settings, cwd: Path, scratch: Path) -> None:
        self._settings = settings
        self._mailbox = Mailbox(scratch)
        self._dropped = 0
        self._stop: asyncio.Task[None] | None = None
        self._finishing = False
        self._expired = asyncio.Event()  # the grace is nearly over
        environment = {
            **os.environ,
            labels.ENV_RECORDS: str(self._mailbox.path),
            labels.ENV_OUTPUT_DIR: str(settings.output),
        }
        self._executor = KernelExecutor(settings.program.kernel, scratch, cwd, environment, self._foreign)

    async def run(self) -> int:
        """Run the program and return the exit code."""
        try:
            await self._executor.start()  # before anything slow is imported, and before there are threads
            loop = asyncio.get_running_loop()
            for signum in _SIGNALS:
                loop.add_signal_handler(signum, self._on_signal, signum)
            self._prepare()
            loop.add_reader(self._mailbox.fd, self._take_reports)
            ending = await self._execution.run()
            self._finishing = True
            if self._stop is not None:
                self._stop.cancel()
            await self._executor.stop(self._settings.grace * _SHUTDOWN_SHARE if self._stop else _SHUTDOWN)
            return await self._finish(ending)
        finally:
            self._executor.kill()

    def _prepare(self) -> None:
        settings = self._settings
        notebook = inject.inject(settings.program.to_notebook(), settings.parameters)
        identity = self._identity()
        executed.prepare(notebook, settings.parameters, str(settings.notebook), identity)
        self._document = Document(notebook, self._spill)
        later = asyncio.get_running_loop().call_later
        self._log = Log()
        info = {"name": settings.program.name, "time": time.time(), "output": str(settings.output), **identity}
        self._journal = Journal(self._document, self._log, info, later)
        self._saver = Saver(settings.notebook, self._document.notebook, later, self._tell)
        patience = settings.grace * _CELL_SHARE
        self._execution = Execution(self._document, self._journal, self._saver, self._executor, patience=patience)
        self._journal.open()
        self._saver.save()

    def _identity(self) -> dict[str, Any]:
        replica = self._settings.replica
        return {
            "program": self._settings.program.digest,
            "job": self._settings.job,
            "role": replica.role,
            "index": replica.index,
            "rank": replica.rank,
            "world_size": replica.world_size,
            "leader": replica.leader,
            "python": platform.python_version(),
        }

    def _on_signal(self, signum: int) -> None:
        asyncio.get_running_loop().call_later(self._settings.grace * _PUT_SHARE, self._expired.set)
        if self._finishing:
            self._executor.kill()
        elif self._stop is None:
            self._stop = asyncio.ensure_future(self._execution.stop(signum))

    async def _finish(self, ending: Ending) -> int:
        """Leave everything where it belongs; nothing that fails here changes the exit code."""
        self._take_reports()
        self._mailbox.close()
        if dropped := self._dropped + self._journal.points_left_out:
            self._tell(f"{dropped:,} calls of run.report() or run.progress() came too fast and were left out.")
        self._document.close()
        ending = self._mark(ending)
        if widgets := self._executor.widgets():
            self._document.metadata["widgets"] = widgets
        failed = ending.status != "succeeded"
        outcome = {"status": ending.status, "exit_code": ending.exit_code}
        seconds = executed.finish(self._document, failed=failed, mltrain=outcome)
        self._journal.flush()
        self._journal.metadata()
        self._saver.save(durable=True)
        await self._put()
        self._journal.done(ending.status, ending.exit_code, ending.error, seconds)
        self._log.close(_LOG_TIMEOUT)
        return ending.exit_code

    def _mark(self, ending: Ending) -> Ending:
        if ending.cell is None:
            return ending
        cells = executed.error_cells(self._document, ending.cell)
        for index, cell in cells:
            self._document.insert(index, cell)
            self._journal.insert(index)
        return ending.shifted(len(cells))

    async def _put(self) -> None:
        """Put the outputs where they belong, however long it takes unless the run was told to stop."""
        store = self._settings.store
        if store is None:
            return
        put = _in_thread(partial(store.put, self._settings.output, self._settings.replica.folder))
        expired = asyncio.ensure_future(self._expired.wait())
        waiting: list[asyncio.Future[Any]] = [put, expired]
        await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
        expired.cancel()
        if not put.done():
            self._tell(f"The outputs could not all be put to {store.uri()} before the run had to stop.")
        elif (error := put.exception()) is not None:
            self._tell(f"The outputs could not be put to {store.uri()}: {error}")

    def _take_reports(self) -> None:
        for message in self._mailbox.read():
            self._dropped += message.get("dropped", 0)
            if message.get("type") == "metrics":
                self._journal.metrics(message["step"], message["time"], message["values"])
            elif message.get("type") == "progress":
                self._journal.progress(message["done"], message["total"])

    def _foreign(self, lines: bytes, *, err: bool) -> None:
        self._journal.foreign(lines, err=err)

    def _tell(self, text: str) -> None:
        self._journal.note(text)
        self._log.foreign(f"mltrain: {text}\n".encode("utf-8", "backslashreplace"), err=True)

    def _spill(self, cell: int, stream: str) -> Spill:
        name = f"{self._settings.program.name}_files/cell-{cell + 1}-{stream}.txt"
        return Spill(self._settings.output / name, name, self._spill_failed)

    def _spill_failed(self, error: OSError) -> None:
        self._tell(f"The whole output of a cell could not be written: {error.strerror}.")


def _in_thread(call: Callable[[], object]) -> asyncio.Future[object]:
    """Call in a thread that does not keep the process from ending."""
    loop = asyncio.get_running_loop()
    future: asyncio.Future[object] = loop.create_future()

    def work() -> None:
        try:
            done = partial(future.set_result, call())
        except Exception as error:  # noqa: BLE001 - whatever a store raises is told, and changes no exit code
            done = partial(future.set_exception, error)
        with suppress(RuntimeError):  # the loop has ended
            loop.call_soon_threadsafe(done)

    threading.Thread(target=work, daemon=True).start()
    return future

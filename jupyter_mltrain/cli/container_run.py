"""A container that runs while a user looks on, told in the words of a job."""

from __future__ import annotations

import codecs
import os
import signal
import subprocess
from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from ..model import labels
from ..model.job import JobRef, JobStatus, ReplicaState, timestamp
from .watch import job_view

if TYPE_CHECKING:
    from types import FrameType

    from ..image.containers import Container, Engine
    from ..notebook.program import Program
    from ..runner.records import Record
    from ..service import Update

_TAIL: Final = 20  # lines
_CHUNK: Final = 1 << 16
_STOPPING: Final = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class ContainerRun:
    """One run of a container.

    Attributes
    ----------
    tail:
        The last lines that it printed and that are no records of the runner.
    interrupted:
        Whether the user stopped it.
    """

    def __init__(
        self, engine: Engine, container: Container, program: Program, output: Path | None, *, quiet: bool
    ) -> None:
        from ..runner.records import Rebuilder

        self.tail: deque[str] = deque(maxlen=_TAIL)
        self.interrupted = False
        self._engine = engine
        self._container = container
        self._program = program
        self._output = output
        self._quiet = quiet
        self._rebuilder = Rebuilder()
        self._start = self._end = ""
        self._code: int | None = None

    def follow(self) -> int:
        """Start the container, show what it does, and return its exit code.

        Ctrl-C, SIGTERM and SIGHUP let it end in order; the second one does not wait for that.
        """
        with self._engine.start(self._container) as process, self._stopped_by_signals(process):
            self._start = timestamp(datetime.now(UTC))
            try:
                self._show(process)
            except BaseException:  # nobody looks any more: `mltrain run-image ... | head`
                self._engine.stop(self._container.name).wait()
                raise
        return process.returncode

    def _show(self, process: subprocess.Popen[bytes]) -> None:
        with nullcontext() if self._quiet else job_view() as view:
            for update in self._updates(process):
                if view is not None:
                    view.show(update)

    @contextmanager
    def _stopped_by_signals(self, process: subprocess.Popen[bytes]) -> Iterator[None]:
        stops: list[subprocess.Popen[bytes]] = []

        def stop(signum: int, frame: FrameType | None) -> None:
            process.terminate()  # passes it on, or ends before there is a container
            stops.append(self._engine.stop(self._container.name, at_once=self.interrupted))
            self.interrupted = True

        before = {signum: signal.signal(signum, stop) for signum in _STOPPING}
        try:
            yield
        finally:
            for signum, handler in before.items():
                signal.signal(signum, handler)
            for one in stops:
                one.wait()

    def print_end(self, code: int) -> None:
        """Print how it ended, and what it left."""
        update = self._update([])
        click.echo(f"\nstate      {'Stopped' if self.interrupted else update.job.phase.value}")
        if update.error:
            click.echo(f"error      {update.error}")
        if code:
            click.echo(f"exit code  {code}")
        notebook = self._notebook()
        if notebook:
            click.echo(f"notebook   {notebook}")
        click.echo(f"outputs    {self._where()}")

    def to_dict(self, image: str, code: int) -> dict[str, Any]:
        """Return how it ended as a JSON object."""
        update, notebook = self._update([]), self._notebook()
        return {
            "image": image,
            "id": self._container.image,
            "program": self._program.digest,
            "status": "interrupted" if self.interrupted else self._rebuilder.progress.status,
            "exitCode": code,
            "error": update.error,
            "startTime": self._start,
            "completionTime": self._end,
            "notebook": None if notebook is None else str(notebook),
            "outputs": self._where(),
        }

    def _updates(self, process: subprocess.Popen[bytes]) -> Iterator[Update]:
        yield self._update([])
        for text in self._pieces(process):
            yield self._update(self._rebuilder.feed(text))
        self._code = process.wait()
        self._end = timestamp(datetime.now(UTC))
        yield self._update(self._rebuilder.feed("\n"))

    def _pieces(self, process: subprocess.Popen[bytes]) -> Iterator[str]:
        """Yield what the container prints, until it has ended."""
        assert process.stdout is not None
        decoder = codecs.getincrementaldecoder("utf-8")("replace")
        while piece := os.read(process.stdout.fileno(), _CHUNK):
            yield decoder.decode(piece)

    def _update(self, records: Sequence[Record]) -> Update:
        from ..runner.records import unpack_metric
        from ..service import Update
        from ..service.following import run_error, run_progress
        from ..service.request import Metric

        metrics = []
        for record in records:
            if record.type == "line":
                self._take_line(record.data["text"])
            elif record.type == "metrics":
                values = {name: unpack_metric(value) for name, value in record.data["values"].items()}
                metrics.append(Metric(values, record.data["step"], record.data["time"]))
        return Update(self._job(), run_progress(self._rebuilder), tuple(metrics), run_error(self._rebuilder))

    def _take_line(self, line: str) -> None:
        if line.strip():
            self.tail.append(line)
            if not self._quiet:
                click.echo(line, err=True)

    def _job(self) -> JobStatus:
        """Return the container as a job of one replica, which every view knows how to show."""
        name, code = self._container.name, self._code
        phase = "Running" if code is None else "Succeeded" if code == 0 else "Failed"
        conditions = [_condition("Running", f"{self._engine.name} runs {name}.", self._start)]
        if code is not None:
            conditions.append(_condition(phase, f"It ended with the exit code {code}.", self._end))
        count = {"Running": "active"}.get(phase, phase.lower())
        status = {
            "conditions": conditions,
            "startTime": self._start,
            "completionTime": self._end,
            "replicaStatuses": {"Worker": {count: 1}},
        }
        replica = ReplicaState(name, "Worker", 0, phase, exit_code=code)
        ref = JobRef(self._engine.name, name, "Container", "", self._program.name)
        return JobStatus(ref, {}, status, (replica,), created_at=self._start)

    def _notebook(self) -> Path | None:
        path = None if self._output is None else self._output / f"{self._program.name}.ipynb"
        return path if path is not None and path.exists() else None

    def _where(self) -> str:
        return str(self._output) if self._output else self._container.private[labels.ENV_OUTPUT_URI]


def _condition(kind: str, message: str, time: str) -> dict[str, str]:
    return {"type": kind, "status": "True", "message": message, "lastUpdateTime": time, "lastTransitionTime": time}

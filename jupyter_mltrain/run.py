"""What a notebook can say to, and ask of, the run that it is in::

    from jupyter_mltrain import run

    train = pd.read_csv(run.channel("train", default="data") / "users.csv")
    model.fit(..., callbacks=[run.keras_callback()])
    run.report(step=3, loss=0.0092)
    model.save(run.output_dir / "model.keras")

Everything works in a plain notebook too: reports go nowhere, `output_dir` is ``./outputs``, and the role is that of the
only worker. It may be used from threads, forked workers and programs that the notebook starts. Nothing here waits: a
report that the runner has no room for is left out and counted.

Attributes
----------
output_dir : pathlib.Path
    Folder for all that the run leaves: it exists, and what is in it is kept with the job. Each replica that does not
    lead has one of its own.
role : str
    ``Chief``, ``Master``, ``PS``, ``Worker`` or ``Evaluator``.
index : int
    Counted from 0 within the role.
rank, world_size : int
    Place among, and number of, the replicas that train.
leader : bool
    Whether this replica's executed notebook and model are the job's.
strategy : str or None
    TensorFlow distribution strategy that the job was asked to use, such as ``multi_worker_mirrored``; ``None`` where
    none was named.
channels : dict of str to str
    The named inputs of the job: where each lies, as the job says. `channel` gives one as a path.
"""

from __future__ import annotations

import functools
import json
import operator
import os
import sys
import time
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from .errors import InvalidInput, NotFound
from .model import labels
from .runner import replica
from .runner.records import Record, encode, pack_metric
from .runner.reports import LINE_LIMIT, Sender

if TYPE_CHECKING:
    import keras

__all__ = [
    "channel",
    "channels",
    "index",
    "keras_callback",
    "leader",
    "output_dir",
    "progress",
    "rank",
    "report",
    "role",
    "strategy",
    "world_size",
]

output_dir: Path
role: str
index: int
rank: int
world_size: int
leader: bool
strategy: str | None
channels: dict[str, str]

_NAME_LIMIT: Final = 200  # characters of a metric's name
_ROOM: Final = LINE_LIMIT - 200  # bytes for the values of one message
_BATCH_INTERVAL: Final = 0.5  # seconds between two reports of progress within an epoch


def __getattr__(name: str) -> Any:
    """Read the environment when asked: notebooks may set it."""
    if name == "output_dir":
        folder = replica.output_folder(os.environ, _replica())
        folder.mkdir(parents=True, exist_ok=True)
        return folder
    if name in ("role", "index", "rank", "world_size", "leader"):
        return getattr(_replica(), name)
    if name == "strategy":
        return os.environ.get(labels.ENV_STRATEGY)
    if name == "channels":
        return replica.channels(os.environ)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def _replica() -> replica.Replica:
    return replica.Replica.from_env(os.environ)


def report(step: int | None = None, **metrics: Any) -> None:
    """Report metrics: they are shown live and kept with the run.

    Parameters
    ----------
    step:
        Epoch, step or iteration that they belong to.
    metrics:
        Numbers: int, float, NumPy scalars, tensors without dimensions. NaN and infinity are kept.

    Raises
    ------
    TypeError
        A metric is no single number, or ``step`` no integer.
    """
    values = {name: pack_metric(_number(name, value)) for name, value in metrics.items()}
    number = None if step is None else _step(step)
    for part in _parts(values):
        _send({"type": "metrics", "step": number, "time": time.time(), "values": part})


def progress(done: float, total: float | None = None) -> None:
    """Report how far the running cell is, in units of your choice; ``total`` is what ``done`` will be at the end."""
    goal = None if total is None else _number("total", total)
    _send({"type": "progress", "done": _number("done", done), "total": goal})


def channel(name: str, *, default: str | os.PathLike[str] | None = None) -> Path:
    """Return where a named input of the job lies.

    Parameters
    ----------
    default:
        What to use where the job has no such input, for instance in a plain notebook.

    Raises
    ------
    NotFound
        There is no such input, or nothing lies there.
    InvalidInput
        It is no folder or file of this machine.
    """
    known = replica.channels(os.environ)
    if name not in known:
        if default is not None:
            return Path(default)
        names = ", ".join(sorted(known)) or "none"
        raise NotFound(
            f"This run has no input channel {name!r}.",
            hint=f"Channels of this run: {names}. Give the job one, or call run.channel({name!r}, default=PATH).",
        )
    path = replica.local_path(known[name])
    if path is None:
        raise InvalidInput(
            f"Channel {name!r} is {known[name]!r}, which is no folder of this machine.",
            hint="Mount it as a volume, or read the URI with fsspec.",
        )
    if not path.exists():
        raise NotFound(f"Channel {name!r} is {str(path)!r}, and nothing is there.")
    return path


@functools.cache
def _keras_callback_class() -> type[keras.callbacks.Callback]:
    import keras

    class ReportCallback(keras.callbacks.Callback):  # type: ignore[misc]
        """Reports what Keras logs at the end of each epoch, and the progress in between."""

        def __init__(self) -> None:
            super().__init__()
            self._epoch = 0
            self._next = 0.0

        def on_epoch_begin(self, epoch: int, logs: Mapping[str, Any] | None = None) -> None:
            """Remember the epoch, for the progress."""
            self._epoch = epoch

        def on_train_batch_end(self, batch: int, logs: Mapping[str, Any] | None = None) -> None:
            """Report the progress, now and then."""
            steps, now = self.params.get("steps"), time.monotonic()
            if steps and now >= self._next:
                self._next = now + _BATCH_INTERVAL
                progress(self._epoch * steps + min(batch + 1, steps), self.params["epochs"] * steps)

        def on_epoch_end(self, epoch: int, logs: Mapping[str, Any] | None = None) -> None:
            """Report loss and metrics; steps count epochs from 1."""
            report(step=epoch + 1, **dict(logs or {}))
            steps = self.params.get("steps") or 1
            progress((epoch + 1) * steps, self.params["epochs"] * steps)

    return ReportCallback


def keras_callback() -> keras.callbacks.Callback:
    """Return a Keras callback that reports loss and metrics after each epoch, and the progress in between."""
    return _keras_callback_class()()


def _step(step: Any) -> int:
    try:
        return operator.index(step)
    except TypeError:
        raise TypeError(f"step is {step!r}: it must be a whole number, or None") from None


def _number(name: str, value: Any) -> float:
    """Return a number as a Python float. Raises ``TypeError``."""
    shape = getattr(value, "shape", ())
    if isinstance(value, str | bytes) or not hasattr(value, "__float__") or len(shape) > 0:
        what = f"of shape {tuple(shape)}" if len(shape) > 0 else f"({value!r:.80})"
        raise TypeError(f"metric {name!r} is a {type(value).__name__} {what}: a metric is a single number")
    if len(name) > _NAME_LIMIT:
        raise TypeError(f"the name of metric {name[:40]!r}... has more than {_NAME_LIMIT} characters")
    try:
        return float(value.item() if hasattr(value, "item") else value)  # float() of a torch tensor may warn
    except (TypeError, ValueError, OverflowError) as error:
        raise TypeError(f"metric {name!r} cannot be made a number: {error}") from None


def _parts(values: dict[str, float | str]) -> list[dict[str, float | str]]:
    """Split metrics so that each part fits into one message."""
    parts: list[dict[str, float | str]] = []
    room = 0
    for name, value in values.items():
        length = len(json.dumps({name: value}))
        if length > room:
            parts.append({})
            room = _ROOM
        parts[-1][name] = value
        room -= length
    return parts


def _send(message: dict[str, Any]) -> None:
    path = os.environ.get(labels.ENV_RECORDS)
    if path:
        _sender(path).send(message)
    elif labels.ENV_REPLICA_UID in os.environ or labels.ENV_JOB in os.environ:
        _print(message)


@functools.cache
def _sender(path: str) -> Sender:
    return Sender(path)


def _print(message: dict[str, Any]) -> None:
    """Write the record straight to the log: this program is the job's command, there is no runner.

    The newline before it ends a line that the program may have left open, such as a progress bar's.
    """
    data = {key: value for key, value in message.items() if key != "type"}
    (line,) = encode(Record(message["type"], data))
    if sys.__stdout__ is not None:
        with suppress(OSError, ValueError):
            sys.__stdout__.write(f"\n{line}\n")
            sys.__stdout__.flush()

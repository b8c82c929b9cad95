"""The metadata that papermill gives an executed notebook, and the cells that it puts in to mark an error."""

from __future__ import annotations

import uuid
from datetime import UTC, datetime
from importlib.metadata import version
from typing import Any

from .document import Document, LiveCell
from .records import pack_metric


def now() -> datetime:
    """Return the time as papermill takes it."""
    return datetime.now(UTC)


def prepare(notebook: dict[str, Any], parameters: dict[str, Any], output: str, mltrain: dict[str, Any]) -> None:
    """Give a notebook and its cells the metadata of a run that has not begun."""
    notebook["metadata"]["papermill"] = {
        "default_parameters": {},
        "environment_variables": {},
        "parameters": _strict(parameters),
        "version": version("papermill"),
        "input_path": mltrain.get("program", ""),
        "output_path": output,
        "start_time": now().isoformat(),
        "end_time": None,
        "duration": None,
        "exception": None,
    }
    notebook["metadata"]["mltrain"] = mltrain
    for cell in notebook["cells"]:
        cell["metadata"].setdefault("tags", [])
        cell["metadata"]["papermill"] = {
            "exception": None,
            "start_time": None,
            "end_time": None,
            "duration": None,
            "status": "pending",
        }


def _strict(value: Any) -> Any:
    """Return a JSON value with words for infinity and NaN, which no front end reads as numbers."""
    if isinstance(value, float):
        return pack_metric(value)
    if isinstance(value, list):
        return [_strict(item) for item in value]
    return {key: _strict(item) for key, item in value.items()} if isinstance(value, dict) else value


def begin_cell(cell: LiveCell) -> None:
    """Note that a cell starts."""
    cell.status = "running"
    _change(cell, start_time=now().isoformat(), status="running", exception=False)


def end_cell(cell: LiveCell, *, failed: bool = False) -> None:
    """Note that a cell ended."""
    end = now()
    start = datetime.fromisoformat(cell.body["metadata"]["papermill"]["start_time"])
    cell.status = "failed" if failed else "completed"
    cell.seconds = (end - start).total_seconds()
    _change(cell, end_time=end.isoformat(), duration=cell.seconds, status=cell.status, exception=failed)


def _change(cell: LiveCell, **values: Any) -> None:
    # A new object: the log's records keep the old one.
    metadata = cell.body["metadata"]
    cell.body["metadata"] = {**metadata, "papermill": {**metadata["papermill"], **values}}


def finish(document: Document, *, failed: bool, mltrain: dict[str, Any]) -> float:
    """Note how the run ended; return how many seconds it took."""
    end = now()
    metadata = document.metadata
    seconds = (end - datetime.fromisoformat(metadata["papermill"]["start_time"])).total_seconds()
    ended = {"end_time": end.isoformat(), "duration": seconds, "exception": True if failed else None}
    document.head["metadata"] = {
        **metadata,
        "papermill": {**metadata["papermill"], **ended},
        "mltrain": {**metadata["mltrain"], **mltrain},
    }
    return seconds


def error_cells(document: Document, index: int) -> list[tuple[int, dict[str, Any]]]:
    """Return the cells that papermill puts in to show where the error is: each with the index to insert it at."""
    from papermill.execute import ERROR_ANCHOR_MSG, ERROR_MARKER_TAG, ERROR_MESSAGE_TEMPLATE

    count = document.cells[index].body.get("execution_count")
    anchor, message = _markdown(ERROR_ANCHOR_MSG), _markdown(ERROR_MESSAGE_TEMPLATE % count)
    for cell in (anchor, message):
        cell["metadata"]["tags"] = [ERROR_MARKER_TAG]
    return [(index, anchor), (0, message)]


def _markdown(source: str) -> dict[str, Any]:
    return {"cell_type": "markdown", "id": uuid.uuid4().hex[:8], "metadata": {}, "source": source}

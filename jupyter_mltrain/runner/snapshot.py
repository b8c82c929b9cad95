"""What is written of outputs: whole where it is small, else cut with a note; and the whole state within a budget."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any, Final

from .document import Document, LiveCell
from .outputs import TAIL_LIMIT, Rich, Stream

RICH_LIMIT: Final = 512 << 10
"""Bytes of JSON of one output in the log."""
_TEXT_LIMIT: Final = 4 << 10  # of plain text or of a message that stands for a cut output
_METADATA_LIMIT: Final = 64 << 10

Body = tuple[str, dict[str, Any]]
"""Type and data of a record."""


def size(value: Any) -> int:
    """Return the bytes of a value's JSON."""
    return len(json.dumps(value, separators=(",", ":")))


def rich_output(slot: Rich, limit: int) -> dict[str, Any]:
    """Return the output, or one of at most a few KiB that stands for it."""
    return slot.output if size(slot.output) <= limit else _cut(slot.output)


def stream_output(slot: Stream, limit: int) -> dict[str, Any]:
    """Return the data of an ``output`` record for a stream as far as the log has it, or for its end."""
    head = slot.sent_head
    data: dict[str, Any] = {"output": {"output_type": "stream", "name": slot.name, "text": head}}
    if slot.spill:
        data.update(dropped=slot.dropped, tail=slot.tail, file=slot.file)
    if size(data) > limit:
        data["missing"] = max(len(head) - TAIL_LIMIT, 0)
        data["output"]["text"] = head[data["missing"] :]
    return data


def newest(items: Iterable[dict[str, Any]], limit: int) -> list[dict[str, Any]]:
    """Return the last items, oldest first, that fit into ``limit`` bytes of JSON."""
    kept: list[dict[str, Any]] = []
    for item in reversed(list(items)):
        limit -= size(item)
        if limit < 0:
            break
        kept.append(item)
    return kept[::-1]


def _cut(output: dict[str, Any]) -> dict[str, Any]:
    if output["output_type"] == "error":
        note = f"[traceback of {size(output['traceback']):,} bytes: whole in the executed notebook]"
        return {**output, "evalue": output["evalue"][:_TEXT_LIMIT], "traceback": [note]}
    sizes = {mime: size(value) for mime, value in output["data"].items()}
    plain = "".join(output["data"].get("text/plain", ""))[:_TEXT_LIMIT]
    what = ", ".join(f"{mime} of {length:,} bytes" for mime, length in sizes.items() if length > _TEXT_LIMIT)
    note = f"[{what}: whole in the executed notebook]"
    return {
        **output,
        "data": {"text/plain": f"{plain}\n{note}" if plain else note},
        "metadata": {"mltrain": {"cut": sizes}},
    }


def bounded_metadata(metadata: dict[str, Any], limit: int = _METADATA_LIMIT) -> dict[str, Any]:
    """Return a notebook's metadata, without the widgets' state where that is large."""
    if "widgets" not in metadata or size(metadata) <= limit:
        return metadata
    return {key: value for key, value in metadata.items() if key != "widgets"}


def skeleton(document: Document, *, source_limit: int | None = None) -> list[dict[str, Any]]:
    """Return the data of a ``cell`` record for each cell."""
    return [cell_data(index, cell, source_limit) for index, cell in enumerate(document.cells)]


def cell_data(index: int, cell: LiveCell, source_limit: int | None = None) -> dict[str, Any]:
    """Return the data of a ``cell`` record."""
    data: dict[str, Any] = {"cell": index, "document": cell.body, "status": cell.status, "seconds": cell.seconds}
    source = cell.body["source"]
    if source_limit is not None and len(source) > source_limit:
        note = f"\n[{len(source) - source_limit:,} more characters: whole in the executed notebook]"
        data.update(document={**cell.body, "source": source[:source_limit] + note}, cut=True)
    return data


def snapshot(document: Document, limit: int) -> list[Body]:
    """Return the ``cell`` and ``output`` records of the state that the log has, of at most about ``limit`` bytes.

    Sources come first, the longest ones cut; then outputs, the newest first: of what no longer fits, streams keep their
    end, and the oldest outputs of a cell are only counted (``missing``).
    """
    cells = _skeleton_within(document, limit // 2)
    left = limit - size(cells)
    kept: list[list[Body]] = []
    for data, cell in zip(reversed(cells), reversed(document.cells), strict=True):
        told = [slot for slot in cell.outputs.slots if slot.sent]
        outputs, left = _outputs_within(data["cell"], told, left)
        if missing := len(told) - len(outputs):
            data["missing"] = missing
        kept.append([("cell", data), *outputs])
    return [body for bodies in reversed(kept) for body in bodies]


def _skeleton_within(document: Document, limit: int) -> list[dict[str, Any]]:
    source_limit = limit
    cells = skeleton(document, source_limit=source_limit)
    while size(cells) > limit and source_limit > 128:
        source_limit //= 2
        cells = skeleton(document, source_limit=source_limit)
    return cells


def _outputs_within(index: int, slots: list[Rich | Stream], left: int) -> tuple[list[Body], int]:
    bodies: list[Body] = []
    for place, slot in reversed(list(enumerate(slots))):
        limit = max(left // 4, _TEXT_LIMIT)
        data: dict[str, Any] = {"cell": index, "index": place}
        data.update(stream_output(slot, limit) if isinstance(slot, Stream) else {"output": rich_output(slot, limit)})
        cost = size(data)
        if cost > left:
            break
        left -= cost
        bodies.append(("output", data))
    return bodies[::-1], left

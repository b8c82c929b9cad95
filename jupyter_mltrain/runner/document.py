"""The notebook while it runs: what the kernel says goes in, an nbformat document comes out."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from .outputs import Outputs, Spill


@dataclass(slots=True)
class LiveCell:
    """One cell: an nbformat cell without outputs, the outputs, and how far it is."""

    body: dict[str, Any]
    outputs: Outputs
    status: str = "pending"
    seconds: float | None = None

    @property
    def is_code(self) -> bool:
        """Whether the cell has outputs at all."""
        return bool(self.body["cell_type"] == "code")


class Document:
    """A notebook and the outputs that its cells gather.

    Parameters
    ----------
    notebook:
        An nbformat 4 document; the outputs that it has are dropped.
    spill:
        Makes the file for the whole text of a cell's stream, from cell index and ``stdout`` or ``stderr``.
    """

    def __init__(self, notebook: dict[str, Any], spill: Callable[[int, str], Spill]) -> None:
        self.head: dict[str, Any] = {key: value for key, value in notebook.items() if key != "cells"}
        self.cells = [
            LiveCell(
                {key: value for key, value in cell.items() if key != "outputs"},
                Outputs(lambda name, index=index: spill(index, name)),  # type: ignore[misc]
            )
            for index, cell in enumerate(notebook["cells"])
        ]
        self.changed: set[int] = set()
        """Cells whose outputs changed; the journal empties it."""
        self._displays: dict[str, set[int]] = {}  # display id -> cells that show it

    @property
    def metadata(self) -> dict[str, Any]:
        """The notebook's metadata."""
        metadata: dict[str, Any] = self.head["metadata"]
        return metadata

    def receive(self, index: int, message: str, content: dict[str, Any]) -> None:
        """Take an output message for a cell.

        Parameters
        ----------
        message:
            Type of a message on the kernel's IOPub channel: ``stream``, ``display_data``, ``update_display_data``,
            ``execute_result``, ``error`` or ``clear_output``; others are ignored.
        content:
            Its content: https://jupyter-client.readthedocs.io/en/stable/messaging.html.
        """
        outputs = self.cells[index].outputs
        self.changed.add(index)
        if message == "stream":
            outputs.stream(content["name"], content["text"])
        elif message == "clear_output":
            outputs.clear(wait=bool(content.get("wait")))
        elif message == "error":
            fields = ("ename", "evalue", "traceback")
            outputs.add({"output_type": "error", **{key: content[key] for key in fields}})
        elif message in ("display_data", "execute_result", "update_display_data"):
            self._display(index, message, content)

    def _display(self, index: int, message: str, content: dict[str, Any]) -> None:
        display_id = (content.get("transient") or {}).get("display_id")
        output = {"output_type": message, "data": content["data"], "metadata": content.get("metadata") or {}}
        if display_id:
            self._update(display_id, output)
        if message == "update_display_data":
            return
        if message == "execute_result":
            output["execution_count"] = content["execution_count"]
        if display_id:
            self._displays.setdefault(display_id, set()).add(index)
        self.cells[index].outputs.add(output, display_id)

    def _update(self, display_id: str, output: dict[str, Any]) -> None:
        for shown in self._displays.get(display_id, ()):
            self.cells[shown].outputs.update(display_id, output["data"], output["metadata"])
            self.changed.add(shown)

    def insert(self, index: int, cell: dict[str, Any]) -> None:
        """Put a markdown cell before that index, once nothing runs any more."""
        self.cells.insert(index, LiveCell(cell, Outputs(_no_spill)))

    def notebook(self) -> dict[str, Any]:
        """Return the nbformat document as it is now."""
        return {**self.head, "cells": [_whole(cell) for cell in self.cells]}

    def close(self) -> None:
        """Close the files with whole texts."""
        for cell in self.cells:
            cell.outputs.close()


def _whole(cell: LiveCell) -> dict[str, Any]:
    if not cell.is_code:
        return dict(cell.body)
    return {**cell.body, "outputs": [slot.render() for slot in cell.outputs.slots]}


def _no_spill(name: str) -> Spill:
    raise AssertionError(f"a cell that does not run wrote to {name}")

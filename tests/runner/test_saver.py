"""The executed notebook on disk: whole at any time, as nbformat writes it, at a bounded cost."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import nbformat
import pytest

from jupyter_mltrain.runner import saver as saver_module
from jupyter_mltrain.runner.saver import Saver, write_notebook


def notebook(text: str) -> dict[str, Any]:
    output = {"output_type": "stream", "name": "stdout", "text": text}
    cell = {"cell_type": "code", "id": "a", "metadata": {}, "source": "x\ny", "execution_count": 1, "outputs": [output]}
    return {"nbformat": 4, "nbformat_minor": 5, "metadata": {}, "cells": [cell]}


class Later:
    """Collects what is due later."""

    def __init__(self) -> None:
        self.calls: list[tuple[float, Callable[[], object]]] = []

    def __call__(self, delay: float, call: Callable[[], object]) -> Later:
        self.calls.append((delay, call))
        return self

    def cancel(self) -> None:
        self.calls.pop()


def test_the_file_is_as_nbformat_writes_it(tmp_path: Path) -> None:
    path = tmp_path / "a.ipynb"
    write_notebook(path, notebook("é\nb\n"), durable=True)
    nbformat.write(nbformat.from_dict(notebook("é\nb\n")), tmp_path / "b.ipynb")
    assert path.read_bytes() == (tmp_path / "b.ipynb").read_bytes()
    assert [file.name for file in tmp_path.iterdir() if file.name.startswith(".")] == []


def test_a_lone_surrogate_survives(tmp_path: Path) -> None:
    path = tmp_path / "a.ipynb"
    write_notebook(path, notebook("\udc80\n"))
    assert json.loads(path.read_text("utf-8"))["cells"][0]["outputs"][0]["text"] == ["\udc80\n"]


def test_a_failed_write_leaves_the_file_and_is_told_once(tmp_path: Path) -> None:
    told: list[str] = []
    folder = tmp_path / "gone"
    saver = Saver(folder / "a.ipynb", lambda: notebook(""), Later(), told.append)
    assert not saver.save()
    assert not saver.save()
    assert len(told) == 1
    assert "No such file" in told[0]
    folder.mkdir()
    assert saver.save()


def test_many_short_cells_make_few_writes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    now = [0.0]
    monkeypatch.setattr(saver_module.time, "monotonic", lambda: now[0])
    written: list[float] = []

    def document() -> dict[str, Any]:
        written.append(now[0])
        now[0] += 0.02  # what a write takes
        return notebook("")

    later = Later()
    saver = Saver(tmp_path / "a.ipynb", document, later, pytest.fail)
    for _ in range(1000):
        now[0] += 0.001  # a cell
        saver.request()
        while later.calls and later.calls[0][0] <= 0.001:
            later.calls.pop()[1]()
    assert len(written) <= 1 + 1.4 / (20 * 0.02)
    assert written[0] == pytest.approx(0.001)


def test_a_cells_end_is_written_within_a_second_although_outputs_wait_longer(tmp_path: Path) -> None:
    later = Later()
    saver = Saver(tmp_path / "a.ipynb", lambda: notebook(""), later, pytest.fail)
    saver.save()
    saver.request(within=15)
    assert later.calls[0][0] > 10
    saver.request()
    ((delay, call),) = later.calls
    assert delay <= saver_module.LATEST
    saver.request(within=15)
    assert len(later.calls) == 1
    call()

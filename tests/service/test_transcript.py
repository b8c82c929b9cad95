"""Logs as people read them."""

import pytest

from jupyter_mltrain.runner.records import Record, encode
from jupyter_mltrain.service.transcript import Transcript


def log(*records: tuple[str, dict[str, object]]) -> str:
    lines = [line for seq, (kind, data) in enumerate(records) for line in encode(Record(kind, data, seq))]
    return "".join(f"{line}\n" for line in lines)


RUN = ("run", {"notebook": {}, "cells": 1, "info": {}})
CELL = ("cell", {"cell": 0, "document": {"cell_type": "code", "id": "a", "metadata": {}, "source": "x = 1\nx"}})
START = ("start", {"cell": 0, "n": 1, "of": 1, "metadata": {}})


def stream(text: str) -> tuple[str, dict[str, object]]:
    output = {"output_type": "stream", "name": "stdout", "text": text}
    return ("output", {"cell": 0, "index": 0, "output": output})


def test_text_comes_out_in_whole_lines_however_it_was_cut() -> None:
    text = log(RUN, CELL, START, stream("one\ntw"), ("text", {"cell": 0, "index": 0, "text": "o\nthree"}))
    for size in (1, 7, len(text)):
        transcript = Transcript()
        lines = [line for at in range(0, len(text), size) for line in transcript.feed(text[at : at + size])]
        assert [*lines, *transcript.close()][-3:] == ["one", "two", "three"]


def test_foreign_lines_stay_as_they_are() -> None:
    assert Transcript().feed("2026-11-21 E0000 from C++\n") == ["2026-11-21 E0000 from C++"]


@pytest.mark.parametrize("size", [1, 1000])
def test_the_last_line_needs_no_end(size: int) -> None:
    text = log(RUN, CELL, START, stream("50%")) + "Killed"
    transcript = Transcript()
    lines = [line for at in range(0, len(text), size) for line in transcript.feed(text[at : at + size])]
    assert (lines, transcript.open) == (["--- cell 1/1"], "Killed")
    assert transcript.close() == ["50%", "Killed"]
    assert (transcript.open, transcript.close()) == ("", [])


def test_a_record_needs_no_line_end_but_its_own() -> None:
    text = log(RUN, CELL, START, stream("50%"), ("note", {"text": "no memory"})).removesuffix("\n")
    for left_out, expected in ((0, ["50%", "[note] no memory"]), (1, ["50%"])):
        transcript = Transcript()
        transcript.feed(text[: len(text) - left_out])
        assert transcript.close() == expected


def test_errors_and_results_are_shown() -> None:
    error = {"output_type": "error", "ename": "E", "evalue": "no", "traceback": ["Traceback", "E: no"]}
    result = {"output_type": "execute_result", "execution_count": 1, "metadata": {}, "data": {"text/plain": "42"}}
    picture = {"output_type": "display_data", "metadata": {}, "data": {"image/png": "aaaa"}}
    done = ("done", {"status": "failed", "exit_code": 1, "error": {"name": "E", "message": "no"}, "seconds": 1.0})
    outputs = [
        ("output", {"cell": 0, "index": i, "output": output}) for i, output in enumerate((result, picture, error))
    ]
    lines = Transcript().feed(log(RUN, CELL, START, *outputs, done))
    assert lines[1:] == ["42", "[image/png]", "Traceback", "E: no", "--- failed, exit code 1: E: no"]


def test_the_end_of_a_long_stream_comes_once_at_the_cells_end() -> None:
    tails = [
        ("tail", {"cell": 0, "index": 0, "dropped": n, "tail": f"line {n}\nlast\n", "file": "long.txt"}) for n in (5, 9)
    ]
    end = ("end", {"cell": 0, "status": "completed", "seconds": 1.0, "execution_count": 1, "metadata": {}})
    lines = Transcript().feed(log(RUN, CELL, START, stream("first\n"), *tails, end))
    assert lines[1:] == ["first", "[9 characters left out, all of it is in long.txt]", "line 9", "last"]


def test_metrics_are_as_long_as_people_read() -> None:
    values = {"loss": 0.0041959223337471485, "epoch": 3, "lr": 1e-05, "val_loss": "NaN"}
    lines = Transcript().feed(log(RUN, CELL, START, ("metrics", {"step": 2, "time": 1.0, "values": values})))
    assert lines[-1] == "[metrics] step 2  loss 0.00419592  epoch 3  lr 1e-05  val_loss NaN"

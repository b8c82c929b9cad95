"""Whatever a kernel says, the log tells it: from the log, or from a long enough end of it, comes the same notebook."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jupyter_mltrain.runner import outputs as outputs_module
from jupyter_mltrain.runner.document import Document
from jupyter_mltrain.runner.journal import RATE, Journal
from jupyter_mltrain.runner.outputs import OUTPUTS_LIMIT, TAIL_LIMIT, TEXT_LIMIT, Spill
from jupyter_mltrain.runner.records import SNAPSHOT_EVERY, SUFFIX, Rebuilder

CELLS = 4
INFO = {"program": "sha256:0", "role": "Worker", "index": 0}


class MemoryLog:
    """Keeps what the real log would write."""

    def __init__(self) -> None:
        self.pieces: list[str] = []
        self.position = 0
        self.behind = False

    @property
    def text(self) -> str:
        return "".join(self.pieces)

    def records(self, lines: Iterable[str]) -> None:
        self._add("".join(f"{line}\n" for line in lines))

    def foreign(self, lines: bytes, *, err: bool = False) -> None:
        self._add(lines.decode())

    def _add(self, text: str) -> None:
        self.pieces.append(text)
        self.position += len(text)


def notebook(cells: int = CELLS, source: str = "print()") -> dict[str, Any]:
    body = {"cell_type": "code", "metadata": {}, "source": source, "execution_count": None, "outputs": []}
    return {
        "nbformat": 4,
        "nbformat_minor": 5,
        "metadata": {"kernelspec": {"name": "python3"}},
        "cells": [{**copy.deepcopy(body), "id": f"c{index}"} for index in range(cells)],
    }


class Run:
    """A document with its journal, and the log that they make."""

    def __init__(self, folder: Path | None = None, cells: int = CELLS, source: str = "print()", **bounds: int) -> None:
        self.log = MemoryLog()
        self.errors: list[OSError] = []
        self.timers: list[Callable[[], None]] = []
        self.document = Document(
            notebook(cells, source),
            lambda index, name: Spill((folder or Path()) / f"{index}-{name}", f"{index}-{name}", self.errors.append),
        )
        self.journal = Journal(
            self.document,
            self.log,
            INFO,
            lambda _delay, call: self.timers.append(call),
            **bounds,  # type: ignore[arg-type]
        )
        self.journal.open()

    def say(self, index: int, message: str, **content: Any) -> None:
        self.document.receive(index, message, content)
        self.journal.touch()

    def tick(self) -> None:
        due, self.timers = self.timers, []
        for call in due:
            call()


words = st.text(st.characters(codec=None, exclude_categories=()), max_size=30)
mimes = st.fixed_dictionaries({"text/plain": words}, optional={"image/png": st.text("ABCD", max_size=300)})
displays = st.sampled_from([None, None, "a", "b"])


@st.composite
def messages(draw: st.DrawFn) -> tuple[str, dict[str, Any]]:
    message = draw(
        st.sampled_from(["stream", "stream", "display_data", "update_display_data", "clear_output", "error"])
    )
    if message == "stream":
        return message, {"name": draw(st.sampled_from(["stdout", "stderr"])), "text": draw(words)}
    if message == "clear_output":
        return message, {"wait": draw(st.booleans())}
    if message == "error":
        return message, {"ename": "E", "evalue": draw(words), "traceback": [draw(words)]}
    transient = {"display_id": draw(displays)}
    return message, {"data": draw(mimes), "metadata": {}, "transient": transient}


steps = st.lists(st.tuples(st.integers(0, CELLS - 1), messages(), st.booleans()), max_size=60)


def play(run: Run, script: list[tuple[int, tuple[str, dict[str, Any]], bool]]) -> None:
    for index, (message, content), flush in script:
        run.say(index, message, **content)
        if flush:
            run.tick()
    run.journal.flush()


def rebuilt(text: str) -> Rebuilder:
    reader = Rebuilder()
    reader.feed(text)
    return reader


def joined(value: Any) -> Any:
    """Return JSON text with surrogate pairs as the characters that they stand for."""
    if isinstance(value, str):
        return value.encode("utf-16", "surrogatepass").decode("utf-16", "surrogatepass")
    if isinstance(value, list):
        return [joined(one) for one in value]
    return {key: joined(one) for key, one in value.items()} if isinstance(value, dict) else value


@given(steps)
def test_the_log_tells_the_whole_notebook(script: Any) -> None:
    run = Run()
    play(run, script)
    reader = rebuilt(run.log.text)
    assert reader.synced
    assert joined(reader.notebook) == joined(run.document.notebook())


@given(steps, st.integers(1, 50))
def test_it_does_not_matter_how_the_log_is_cut_into_chunks(script: Any, size: int) -> None:
    run = Run()
    play(run, script)
    reader = Rebuilder()
    for start in range(0, len(run.log.text), size):
        reader.feed(run.log.text[start : start + size])
    assert reader.notebook == rebuilt(run.log.text).notebook


def same_but_for_marks(found: dict[str, Any], expected: dict[str, Any]) -> None:
    """Check that each output is the expected one, or says that it is not (wholly) there."""
    for ours, theirs in zip(found["cells"], expected["cells"], strict=True):
        assert len(ours["outputs"]) == len(theirs["outputs"])
        for output, whole in zip(ours["outputs"], theirs["outputs"], strict=True):
            if output["output_type"] == "stream" and output["text"].startswith("["):
                assert whole["text"].endswith(output["text"].partition("\n")[2])
            elif output["output_type"] == "error" and output != whole:
                assert "whole in the executed notebook" in output["traceback"][0]
            elif not (marks := output.get("metadata", {}).get("mltrain", {})):
                assert output == whole
            else:
                assert marks.keys() <= {"missing", "cut"}
    assert [{**cell, "outputs": []} for cell in found["cells"]] == [
        {**cell, "outputs": []} for cell in expected["cells"]
    ]


@settings(max_examples=60, deadline=None)
@given(steps, st.floats(0, 1))
def test_an_end_of_the_log_rebuilds_once_it_holds_a_snapshot(script: Any, where: float) -> None:
    run = Run(every=6000, limit=6000)
    play(run, script * 6)
    text = run.log.text
    start = int(where * len(text))
    reader = rebuilt(text[start:])
    if '"snapshot":true' in text[start:].partition("\n")[2].rpartition('{"type":"synced"}')[0]:
        assert reader.synced
        same_but_for_marks(joined(reader.notebook), joined(run.document.notebook()))
    elif start > 0:
        assert not reader.synced


@pytest.fixture(scope="module")
def busy_run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """Write some ten times what lies between two snapshots, of every kind, with foreign lines among it."""
    run = Run(tmp_path_factory.mktemp("busy"), cells=30, source="x = 1  # " + "long " * 400)
    for index in range(30):
        run.journal.start(index, index + 1, 30)
        for step in range(40):
            run.say(index, "stream", name="stdout", text=f"épisode {step} " * 400 + "\n")
            run.say(index, "display_data", data={"text/plain": "fig", "image/png": "A" * 5000}, metadata={})
            run.journal.metrics(step, float(step), {"loss": 1.0 / (step + 1)})
            run.tick()
        run.journal.foreign(b"a line of some C library\n" * 4000)
        run.document.cells[index].status = "completed"
        run.document.cells[index].seconds = 1.0
        run.journal.end(index)
    return run


def test_every_end_as_long_as_promised_rebuilds(busy_run: Run) -> None:
    text, expected = busy_run.log.text, busy_run.document.notebook()
    assert len(text) > 8 * SNAPSHOT_EVERY
    whole = rebuilt(text)
    assert whole.notebook == expected
    for start in range(0, len(text) - SUFFIX, SUFFIX // 3):
        reader = rebuilt(text[start:])
        assert reader.synced
        same_but_for_marks(reader.notebook, expected)
        assert reader.progress.cells == whole.progress.cells
        assert reader.metrics == whole.metrics[-len(reader.metrics) :]
        assert reader.metrics


def test_every_promised_window_of_a_growing_log_rebuilds(busy_run: Run) -> None:
    text = busy_run.log.text
    for end in range(SUFFIX, len(text), SUFFIX // 3):
        assert rebuilt(text[end - SUFFIX : end]).synced


def test_a_follower_who_missed_lines_catches_up_at_the_next_snapshot() -> None:
    run = Run(every=4000, limit=2000)
    run.journal.start(0, 1, CELLS)
    run.say(0, "stream", name="stdout", text="seen\n")
    run.journal.flush()
    reader = rebuilt(run.log.text)
    seen = run.log.position
    run.say(0, "stream", name="stdout", text="missed\n")
    run.journal.flush()
    run.say(0, "stream", name="stdout", text="then\n")
    run.journal.metrics(1, 2.0, {"loss": 0.5})
    gap = run.log.position
    run.journal.flush()
    kinds = [record.type for record in reader.feed(run.log.text[gap:])]
    assert kinds == ["metrics"]  # what needs no notebook goes on
    assert not reader.synced
    assert reader.notebook["cells"][0]["outputs"][0]["text"] == "seen\n"
    for _ in range(40):
        run.journal.foreign(b"noise " * 20 + b"\n")
    assert "synced" in {record.type for record in reader.feed(run.log.text[run.log.text.index("noise") :])}
    assert reader.notebook == run.document.notebook()
    assert seen < gap


def test_a_follower_who_missed_nothing_ignores_snapshots() -> None:
    run = Run(every=1000, limit=1000)
    reader = rebuilt(run.log.text)
    position = run.log.position
    kinds: set[str] = set()
    for step in range(200):
        run.say(1, "stream", name="stdout", text=f"step {step}\n")
        run.journal.flush()
        kinds |= {record.type for record in reader.feed(run.log.text[position:])}
        position = run.log.position
    assert '"snapshot":true' in run.log.text
    assert kinds == {"output", "text"}
    assert reader.notebook == run.document.notebook()


def test_many_prints_make_few_records(tmp_path: Path) -> None:
    run = Run(tmp_path)
    before = run.log.text.count("\n")
    for number in range(10_000):
        run.say(0, "stream", name="stdout", text=f"{number}\n")
    run.tick()
    assert run.log.text.count("\n") - before < 20
    assert rebuilt(run.log.text).notebook == run.document.notebook()


def test_outputs_that_are_replaced_before_anyone_could_see_them_are_not_written() -> None:
    run = Run()
    for number in range(500):
        run.say(0, "clear_output", wait=True)
        run.say(0, "display_data", data={"text/plain": f"frame {number}"}, metadata={})
    run.tick()
    assert "frame 499" in run.log.text
    assert "frame 498" not in run.log.text


def test_a_very_long_stream_keeps_its_beginning_and_its_end_and_is_whole_on_disk(tmp_path: Path) -> None:
    run = Run(tmp_path)
    lines = [f"line {number} of an extremely chatty training loop\n" for number in range(200_000)]
    for start in range(0, len(lines), 1000):
        run.say(2, "stream", name="stdout", text="".join(lines[start : start + 1000]))
        run.tick()
    run.say(2, "stream", name="stderr", text="a warning\n")
    run.journal.flush()
    run.document.close()
    whole = "".join(lines)
    first, *others = run.document.notebook()["cells"][2]["outputs"]
    dropped = len(whole) - TEXT_LIMIT - TAIL_LIMIT
    assert first["text"] == (
        f"{whole[:TEXT_LIMIT]}\n[{dropped:,} characters left out: the whole text is in 2-stdout]\n{whole[-TAIL_LIMIT:]}"
    )
    assert [output["text"] for output in others] == ["a warning\n"]
    assert (tmp_path / "2-stdout").read_text() == whole
    assert (tmp_path / "2-stderr").read_text() == "a warning\n"
    assert rebuilt(run.log.text).notebook == run.document.notebook()
    assert len(run.log.text) < 6 << 20


def test_a_full_disk_is_told_once_and_costs_the_whole_text_only(tmp_path: Path) -> None:
    run = Run(tmp_path / "file")
    (tmp_path / "file").write_text("in the way")
    for _ in range(3):
        run.say(0, "stream", name="stdout", text="x" * TEXT_LIMIT)
    assert [type(error) for error in run.errors] == [FileExistsError]
    text = run.document.notebook()["cells"][0]["outputs"][0]["text"]
    assert "characters left out]" in text


def test_a_cell_keeps_a_thousand_outputs_and_its_error(tmp_path: Path) -> None:
    run = Run(tmp_path)
    for number in range(OUTPUTS_LIMIT + 50):
        run.say(0, "display_data", data={"text/plain": str(number)}, metadata={})
    run.say(0, "stream", name="stdout", text="still heard\n")
    run.say(0, "error", ename="ValueError", evalue="no", traceback=["ValueError: no"])
    run.journal.flush()
    run.document.close()
    outputs = run.document.notebook()["cells"][0]["outputs"]
    assert outputs[OUTPUTS_LIMIT]["data"] == {"text/plain": "[50 more outputs left out: a cell keeps 1,000]"}
    assert outputs[-2]["text"] == "still heard\n"
    assert outputs[-1]["ename"] == "ValueError"
    assert rebuilt(run.log.text).notebook == run.document.notebook()


def test_a_huge_image_is_cut_in_the_log_with_a_note_and_whole_in_the_notebook() -> None:
    run = Run()
    image = "A" * 3_000_000
    run.say(0, "display_data", data={"text/plain": "<Figure>", "image/png": image}, metadata={})
    run.say(0, "error", ename="E", evalue="e", traceback=["line " * 300_000])
    run.journal.flush()
    assert run.document.notebook()["cells"][0]["outputs"][0]["data"]["image/png"] == image
    figure, error = rebuilt(run.log.text).notebook["cells"][0]["outputs"]
    assert figure["data"] == {"text/plain": "<Figure>\n[image/png of 3,000,002 bytes: whole in the executed notebook]"}
    assert figure["metadata"]["mltrain"] == {"cut": {"text/plain": 10, "image/png": 3_000_002}}
    assert error["traceback"] == ["[traceback of 1,500,004 bytes: whole in the executed notebook]"]


def test_an_image_of_usual_size_comes_through_the_log_in_pieces() -> None:
    run = Run()
    run.say(0, "display_data", data={"image/png": "ABCD" * 50_000}, metadata={})
    run.journal.flush()
    assert rebuilt(run.log.text).notebook == run.document.notebook()


def test_many_large_images_of_one_cell_do_not_fill_the_log(monkeypatch: pytest.MonkeyPatch) -> None:
    run = Run()
    for _ in range(100):
        run.say(0, "display_data", data={"image/png": "A" * 400_000}, metadata={})
    run.journal.flush()
    assert len(run.log.text) < 24 << 20
    outputs = rebuilt(run.log.text).notebook["cells"][0]["outputs"]
    assert "image/png" in outputs[0]["data"]
    assert "image/png" not in outputs[99]["data"]


def test_the_log_holds_back_while_its_reader_is_slow() -> None:
    run = Run()
    run.log.behind = True
    run.say(0, "stream", name="stdout", text="later\n")
    run.tick()
    assert "later" not in run.log.text
    run.log.behind = False
    run.tick()
    assert "later" in run.log.text


def test_points_in_masses_are_written_bit_by_bit_and_all_of_them() -> None:
    run = Run()
    for step in range(5000):
        run.journal.metrics(step, float(step), {"loss": 1.0})
    pieces = []
    while run.timers:
        before = run.log.position
        run.say(0, "stream", name="stdout", text="lively\n")
        run.tick()
        pieces.append(run.log.position - before)
        if len(rebuilt(run.log.text).metrics) == 5000:
            break
    assert max(pieces) <= RATE
    assert len(pieces) > 3
    assert rebuilt(run.log.text).notebook["cells"][0]["outputs"][0]["text"] == "lively\n" * len(pieces)
    assert [point["step"] for point in rebuilt(run.log.text).metrics] == list(range(5000))
    assert run.journal.points_left_out == 0


def test_progress_metrics_and_the_end_are_told(tmp_path: Path) -> None:
    run = Run(tmp_path)
    run.journal.start(1, 2, 4)
    run.journal.progress(3, 10)
    run.journal.progress(4, 10)
    run.journal.metrics(1, 100.0, {"loss": "NaN", "accuracy": 0.5})
    run.journal.note("The disk is full.")
    run.tick()
    reader = rebuilt(run.log.text)
    progress = reader.progress
    assert (progress.status, progress.cell, progress.n, progress.of) == ("running", 1, 2, 4)
    assert (progress.done, progress.total, progress.notes) == (4, 10, ["The disk is full."])
    assert progress.info == INFO
    assert [cell.status for cell in progress.cells] == ["pending", "running", "pending", "pending"]
    (point,) = reader.metrics
    assert point["values"]["loss"] != point["values"]["loss"]
    error = {"name": "ValueError", "message": "no"}
    run.journal.done("failed", 1, error, 2.5)
    reader = rebuilt(run.log.text)
    assert (reader.progress.status, reader.progress.exit_code, reader.progress.error) == ("failed", 1, error)


def test_the_last_record_alone_tells_where_the_run_ended() -> None:
    run = Run()
    run.journal.start(2, 3, 4)
    run.journal.done("failed", 1, {"name": "ValueError", "message": "no", "cell": 2}, 2.5)
    progress = rebuilt(run.log.text.splitlines()[-1] + "\n").progress
    assert (progress.status, progress.cell, progress.n, progress.of) == ("failed", 2, 3, 4)


def test_metrics_and_the_end_are_read_without_the_notebook(busy_run: Run) -> None:
    text, whole = busy_run.log.text, rebuilt(busy_run.log.text)
    for start in (0, len(text) - SUFFIX):
        reader = Rebuilder(cells=False, points=100)
        kinds = {record.type for record in reader.feed(text[start:])}
        assert kinds <= {"run", "start", "metrics", "line", "synced"}
        assert reader.metrics == whole.metrics[-100:]
        assert not reader.notebook["cells"]
        assert (reader.progress.status, reader.progress.cell) == ("running", whole.progress.cell)


def test_a_cell_that_is_put_in_shifts_what_comes_after() -> None:
    run = Run(every=2000, limit=2000)
    run.journal.start(1, 2, 4)
    run.document.insert(0, {"cell_type": "markdown", "id": "m", "metadata": {}, "source": "**failed**"})
    run.journal.insert(0)
    whole = rebuilt(run.log.text)
    assert whole.notebook == run.document.notebook()
    assert whole.progress.cell == 2
    run.journal.foreign(b"x" * 2000 + b"\n")
    late = rebuilt(run.log.text[run.log.text.index("xxx") :])
    assert late.notebook == whole.notebook
    assert late.progress.cell == 2


def test_a_restarted_run_starts_over() -> None:
    first, second = Run(), Run()
    play(first, [(0, ("stream", {"name": "stdout", "text": "old"}), True)])
    play(second, [(1, ("stream", {"name": "stdout", "text": "new"}), True)])
    reader = rebuilt(first.log.text + second.log.text)
    assert reader.notebook == second.document.notebook()


@settings(max_examples=200)
@given(st.lists(st.tuples(st.sampled_from(["stdout", "stderr"]), st.text("ab\n", max_size=40)), max_size=40))
def test_what_a_stream_keeps_and_drops_adds_up(script: list[tuple[str, str]]) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(outputs_module, "TEXT_LIMIT", 50)
        patch.setattr(outputs_module, "TAIL_LIMIT", 10)
        outputs = outputs_module.Outputs(lambda name: Spill(Path(), "", lambda _error: None))
        for name, text in script:
            outputs.stream(name, text)
    streams = [slot for slot in outputs.slots if isinstance(slot, outputs_module.Stream)]
    said = sum(len(text) for _, text in script)
    assert sum(len(one.head) + one.dropped + len(one.tail) for one in streams) == said
    assert sum(len(one.head) for one in streams) == min(said, 50) or any(one.spill for one in streams)
    for one in streams:
        assert len(one.tail) <= 10
        assert "".join(text for name, text in script if name == one.name).endswith(one.tail)

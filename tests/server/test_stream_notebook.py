"""Deltas add up: whoever followed from the beginning, from the middle or in large steps sees what a new client sees."""

import json
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from jupyter_mltrain.runner.records import Record, encode
from jupyter_mltrain.server import wire
from jupyter_mltrain.server.stream.livenotebook import LiveNotebook
from jupyter_mltrain.server.stream.points import Points
from jupyter_mltrain.server.stream.topic import to_json
from tests.server._streaming import Mirror

TEXTS = st.text(st.characters(codec=None, exclude_categories=()), max_size=30)


class Run:
    """Writes the records of a run that does whatever it is told."""

    def __init__(self) -> None:
        self.log = ""
        self._seq = 0
        self._outputs: list[list[str]] = []
        self._number = 0

    def _emit(self, type: str, **data: Any) -> None:
        self.log += "".join(line + "\n" for line in encode(Record(type, data, self._seq)))
        self._seq += 1

    def _code(self) -> dict[str, Any]:
        self._number += 1
        return {"cell_type": "code", "id": f"c{self._number}", "metadata": {}, "source": "1", "execution_count": None}

    def begin(self, cells: int, text: str) -> None:
        self._outputs = []
        notebook = {"metadata": {"title": text}, "nbformat": 4, "nbformat_minor": 5}
        self._emit("run", notebook=notebook, cells=cells, info={"time": self._number})
        for _ in range(cells):
            self._emit("cell", cell=len(self._outputs), document=self._code(), status="pending", seconds=None)
            self._outputs.append([])

    def insert(self, cells: int, text: str) -> None:
        self._emit("insert", cell=0, document=self._code(), status="pending", seconds=None)
        self._outputs.insert(0, [])

    def start(self, cell: int, text: str) -> None:
        metadata = {"papermill": {"start_time": "2026-01-01T00:00:00.5+00:00"}}
        self._emit("start", cell=cell, n=cell + 1, of=len(self._outputs), metadata=metadata)

    def output(self, cell: int, text: str) -> None:
        """Set the last output, or append one: a stream for a text that begins with a capital or letter."""
        outputs = self._outputs[cell]
        place = max(0, len(outputs) - len(text) % 2)
        stream = len(text) % 3 > 0
        output = {"output_type": "stream", "name": "stdout", "text": text}
        rich = {"output_type": "display_data", "data": {"text/plain": text}, "metadata": {}}
        self._emit("output", cell=cell, index=place, output=output if stream else rich)
        outputs[place : place + 1] = ["stream" if stream else "rich"]

    def text(self, cell: int, text: str) -> None:
        for place, kind in enumerate(self._outputs[cell]):
            if kind == "stream":
                self._emit("text", cell=cell, index=place, text=text)

    def tail(self, cell: int, text: str) -> None:
        for place, kind in enumerate(self._outputs[cell]):
            if kind != "rich":
                self._emit("tail", cell=cell, index=place, dropped=5, tail=text, file="out.txt")
                self._outputs[cell][place] = "tailed"

    def clear(self, cell: int, text: str) -> None:
        self._emit("clear", cell=cell)
        self._outputs[cell] = []

    def end(self, cell: int, text: str) -> None:
        self._emit("end", cell=cell, status="completed", seconds=1.5, execution_count=3, metadata={"x": text})

    def metadata(self, cell: int, text: str) -> None:
        self._emit("metadata", metadata={"title": text})

    def metrics(self, cell: int, text: str) -> None:
        self._emit("metrics", step=cell, time=1.0, values={text: 1.0, "loss": "NaN"})

    def progress(self, cell: int, text: str) -> None:
        self._emit("progress", done=cell, total=10)

    def done(self, cell: int, text: str) -> None:
        self._emit("done", status="failed", exit_code=1, error={"name": "E", "message": text}, seconds=1.0)

    def foreign(self, cell: int, text: str) -> None:
        self.log += text.encode("utf-8", "replace").decode().replace("\n", " ") + "\n"


ACTIONS = [
    "start", "output", "output", "text", "text", "text", "tail", "clear", "end",
    "metadata", "metrics", "progress", "insert", "foreign", "done",
]  # fmt: skip


class Follower:
    """A client that looks at the notebook and the points now and then."""

    def __init__(self) -> None:
        self._mirror = Mirror()
        self._seen: int | None = None
        self._points = 0

    def look(self, live: LiveNotebook) -> None:
        change = None if self._seen is None else live.changes(self._seen)
        self._take(change or wire.NotebookSnapshot(notebook=live.whole()), "notebook")
        points = None if self._seen is None else live.points.since(self._seen)
        whole = points is None
        found = [
            {"values": {}, "time": point["time"], "step": point["step"]}
            for _, point in (live.points.all() if whole else points)
        ]
        self._take(wire.MetricsSnapshot(metrics=found) if whole else wire.MetricsChanged(metrics=found), "metrics")
        self._seen = live.version

    def _take(self, message: wire.Wire, topic: str) -> None:
        self._mirror.take_data(to_json(message), topic)

    @property
    def state(self) -> dict[str, Any]:
        return self._mirror.state


@given(
    st.lists(st.tuples(st.sampled_from(ACTIONS), st.integers(0, 2), TEXTS), max_size=40),
    st.lists(st.integers(1, 400), min_size=1, max_size=30),
    st.lists(st.integers(1, 7), min_size=2, max_size=2),
)
def test_deltas_add_up_to_the_notebook(
    actions: list[tuple[str, int, str]], pieces: list[int], habits: list[int]
) -> None:
    run = Run()
    run.begin(3, "title")
    for action, cell, text in actions:
        getattr(run, action)(cell, text)
    live, followers = LiveNotebook(), [(habit, Follower()) for habit in (1, *habits)]
    at = number = 0
    while at < len(run.log):
        size = pieces[number % len(pieces)]
        live.feed(run.log[at : at + size])
        at, number = at + size, number + 1
        for habit, follower in followers:
            if number % habit == 0:
                follower.look(live)
    newcomer = Follower()
    newcomer.look(live)
    for _, follower in followers:
        follower.look(live)
        assert follower.state == newcomer.state
    cells = [state["cell"] for state in newcomer.state["notebook"]["cells"]]
    assert cells == json.loads(json.dumps(live.rebuilder.notebook["cells"]))


def test_a_second_run_begins_anew() -> None:
    run = Run()
    run.begin(2, "one")
    run.output(0, "Ab")
    run.metrics(1, "loss")
    live, follower = LiveNotebook(), Follower()
    live.feed(run.log)
    follower.look(live)
    again = Run()
    again.begin(1, "two")
    live.feed(again.log)
    follower.look(live)
    assert follower.state["notebook"]["metadata"] == {"title": "two"}
    assert len(follower.state["notebook"]["cells"]) == 1
    assert follower.state["metrics"] == []


def test_a_text_is_sent_alone_and_a_plot_without_those_before_it() -> None:
    run = Run()
    run.begin(1, "t")
    run.output(0, "abc")  # rich
    live = LiveNotebook()
    live.feed(run.log)
    before, size = live.version, len(run.log)
    run.output(0, "abcdef")  # rich, the second
    live.feed(run.log[size:])
    change = live.changes(before)
    assert change is not None
    assert (change.cells, [(o.output, o.value["data"]) for o in change.outputs]) == (
        {},
        [(1, {"text/plain": "abcdef"})],
    )
    run.output(0, "a")  # a stream in its place
    live.feed(run.log[len(run.log) - 1 :])


def test_a_stream_that_grew_too_much_is_sent_whole() -> None:
    run = Run()
    run.begin(1, "t")
    run.output(0, "abcd")
    live = LiveNotebook()
    live.feed(run.log)
    before, size = live.version, len(run.log)
    for _ in range(40):
        run.text(0, "x" * 10_000)
    live.feed(run.log[size:])
    change = live.changes(before)
    assert change is not None
    assert change.texts == ()
    assert change.outputs[0].value["text"] == "abcd" + "x" * 400_000


def test_points_beyond_those_kept_give_a_snapshot() -> None:
    points = Points()
    for number in range(20_010):
        points.add({"step": number, "time": 0.0, "values": {"loss": 1.0}}, number)
    assert points.since(5) is None
    newer = points.since(20_005)
    assert newer is not None
    assert [point["step"] for _, point in newer] == [20_006, 20_007, 20_008, 20_009]
    assert len(points.all()) == 20_000

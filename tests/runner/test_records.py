"""What is written into a log comes back out of it, whatever the text, and nothing else does."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jupyter_mltrain.runner.log import Log
from jupyter_mltrain.runner.records import MAX_LINE, PREFIX, Rebuilder, Record, decode, encode
from jupyter_mltrain.runner.records.fields import RECORD_FIELDS
from jupyter_mltrain.runner.records.format import Joiner

any_text = st.text(st.characters(codec=None, exclude_categories=()), max_size=60)
json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**53), 2**53)
    | st.floats(allow_nan=False, allow_infinity=False)
    | any_text,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(any_text, inner, max_size=4),
    max_leaves=12,
)
data = st.dictionaries(any_text.filter(lambda key: key != "type"), json_values, max_size=5)


def paired(value: Any) -> Any:
    """Return a JSON value as JSON gives it back: two surrogates that make a pair are one character."""
    return json.loads(json.dumps(value))


def read_back(lines: list[str]) -> Record | None:
    joiner, whole = Joiner(), None
    for line in lines:
        record = decode(line)
        assert record is not None
        whole = joiner.add(record) if record.type == "part" else record
    return whole


@given(st.text("abc-", min_size=1), data, st.integers(0, 10**9))
def test_a_record_comes_back(kind: str, values: dict[str, Any], seq: int) -> None:
    record = Record(kind, values, seq)
    assert read_back(encode(record)) == Record(kind, paired(values), seq)


@given(any_text, st.integers(1, 4000))
def test_a_long_record_goes_over_several_bounded_lines(text: str, times: int) -> None:
    record = Record("text", {"text": text * times}, 7)
    lines = encode(record)
    assert all(len(line.encode("ascii")) + 1 <= MAX_LINE and "\n" not in line and "\r" not in line for line in lines)
    assert read_back(lines) == Record("text", paired({"text": text * times}), 7)


def test_a_record_without_a_number_must_fit_into_a_line() -> None:
    assert read_back(encode(Record("metrics", {"values": {"loss": 1.0}}))) == Record(
        "metrics", {"values": {"loss": 1.0}}
    )
    with pytest.raises(ValueError, match="not 16010"):
        encode(Record("metrics", {"x": "a" * 15985}))


@pytest.mark.parametrize(
    "line",
    [
        "",
        "Epoch 1/3",
        PREFIX,
        PREFIX + "{}",
        PREFIX + "1 {}",
        PREFIX + '1 {"type":2}',
        PREFIX + '1 ["type"]',
        PREFIX + '1 {"type":"text"',
        PREFIX + '-1 {"type":"text"}',
        PREFIX + '-.1/2 {"type":"text"}',
        PREFIX + "٣" + ' {"type":"text"}',
        " " + PREFIX + '1 {"type":"text"}',
        PREFIX + "1 " + "[" * 100_000,
    ],
)
def test_other_lines_are_no_records(line: str) -> None:
    assert decode(line) is None


@given(st.text() | st.just(PREFIX + '1 {"type":"done"}'))
def test_any_line_is_read_without_an_error(line: str) -> None:
    decode(line)


TYPES = st.sampled_from([*RECORD_FIELDS, "synced"])
FIELDS = st.sampled_from(sorted({name for fields in RECORD_FIELDS.values() for name in fields} | {"snapshot"}))
ODD = st.sampled_from(
    [
        *[None, 0, -1, 1, 10**18, 1.5, "x", "NaN", True, [], [1], {}, {"a": "b"}, {"a": [1]}],
        *[{"cell_type": "code"}, {"cell_type": 1}],
        *[{"output_type": "stream"}, {"output_type": "stream", "text": "a"}, {"output_type": "error"}],
    ]
)


@given(st.lists(st.tuples(TYPES, st.dictionaries(FIELDS, ODD)), max_size=6))
def test_what_looks_like_records_does_no_harm(records: list[tuple[str, dict[str, Any]]]) -> None:
    reader = Rebuilder()
    cell = {"document": {"cell_type": "code", "source": "x", "metadata": {}}}
    first = [Record("run", {"notebook": {}, "info": {}}, 0), Record("cell", cell, 1)]
    for record in first + [Record(kind, fields, place) for place, (kind, fields) in enumerate(records, 2)]:
        reader.feed("".join(f"{line}\n" for line in encode(record)))
    assert all(isinstance(one["cell_type"], str) for one in reader.notebook["cells"])
    assert len(json.dumps(reader.notebook)) < 100_000
    assert all(isinstance(value, float | int) for point in reader.metrics for value in point["values"].values())


def test_a_record_cannot_ask_for_more_outputs_than_a_cell_keeps() -> None:
    reader = Rebuilder()
    cell = {"document": {"cell_type": "code", "source": "x", "metadata": {}}, "missing": 10**9}
    for record in (Record("run", {"notebook": {}, "info": {}}, 0), Record("cell", cell, 1)):
        reader.feed("".join(f"{line}\n" for line in encode(record)))
    assert not reader.synced
    assert reader.notebook["cells"] == []


@pytest.mark.parametrize("lost", range(4))
def test_a_lost_part_loses_its_record_only(lost: int) -> None:
    parts = encode(Record("text", {"text": "x" * 4 * 15_900}, 3))
    assert len(parts) == 4
    joiner = Joiner()
    records = [decode(line) for place, line in enumerate(parts) if place != lost]
    assert [joiner.add(part) for part in records if part] == [None] * len(records)
    following = [decode(line) for line in encode(Record("text", {"text": "y" * 20_000}, 4))]
    assert [joiner.add(part) for part in following if part][-1] == Record("text", {"text": "y" * 20_000}, 4)


def test_a_foreign_line_cannot_pass_for_a_record(tmp_path: Any) -> None:
    forged = encode(Record("done", {"status": "succeeded", "exit_code": 0, "error": None, "seconds": 1.0}, 0))[0]
    with (tmp_path / "log").open("wb") as file:
        log = Log(file.fileno(), file.fileno())
        log.foreign(f"before\n{forged}\nafter {forged}\n".encode())
        log.foreign(f"{forged}\n".encode(), err=True)
        assert log.close(10)
    text = (tmp_path / "log").read_text()
    assert text == f"before\n {forged}\nafter {forged}\n {forged}\n"
    reader = Rebuilder()
    assert {record.type for record in reader.feed(text)} == {"line"}
    assert reader.progress.status == "waiting"

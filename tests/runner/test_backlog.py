"""Points that wait: all of them while there is room, then evenly fewer, and never in silence."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from jupyter_mltrain.runner.backlog import ROOM, Backlog


def point(number: int, *names: str) -> dict[str, Any]:
    return {"step": number, "values": dict.fromkeys(names, 0.5)}


def taken(backlog: Backlog) -> list[dict[str, Any]]:
    return [backlog.take() for _ in range(len(backlog))]


def test_a_history_reported_at_once_waits_whole() -> None:
    backlog = Backlog()
    points = [point(number, "loss", "val_loss") for number in range(ROOM // 3)]
    for one in points:
        backlog.add(one)
    assert taken(backlog) == points
    assert backlog.left_out == 0


def test_where_there_is_no_room_curves_become_coarser_instead_of_shorter() -> None:
    backlog = Backlog(room=400)
    for number in range(10_000):
        backlog.add(point(number, "loss"))
        if number % 100 == 99:
            backlog.add(point(number, "val_loss"))
    points = taken(backlog)
    assert len(points) + backlog.left_out == 10_100
    steps = [one["step"] for one in points if "loss" in one["values"]]
    gaps = {after - before for before, after in pairwise(steps[:-1])}
    assert len(gaps) == 1
    assert (steps[0], steps[-1]) == (0, 9999)
    assert [one["step"] for one in points if "val_loss" in one["values"]][-1] == 9999
    assert len(points) > 400 // 2 // 3  # the room is used


def test_what_comes_after_all_was_taken_is_whole_again() -> None:
    backlog = Backlog(room=100)
    for number in range(1000):
        backlog.add(point(number, "loss"))
    taken(backlog)
    for number in range(40):
        backlog.add(point(number, "loss"))
    assert [one["step"] for one in taken(backlog)] == list(range(40))


series = st.lists(st.sampled_from(["a", "b", "c", "d"]), unique=True, max_size=3)
steps = st.lists(st.one_of(series, st.none()), max_size=300)


@given(steps, st.integers(1, 60))
def test_order_room_and_account_hold_whatever_comes(script: list[list[str] | None], room: int) -> None:
    backlog, added, found = Backlog(room=room), 0, []
    for names in script:
        if names is not None:
            backlog.add(point(added, *names))
            added += 1
        elif len(backlog):
            found.append(backlog.take())
    waiting = taken(backlog)
    assert sum(1 + len(one["values"]) for one in waiting) <= room
    found += waiting
    assert [one["step"] for one in found] == sorted({one["step"] for one in found})
    assert len(found) + backlog.left_out == added
    if added and room >= 8:
        assert found[-1]["step"] == added - 1


def test_very_many_series_stay_within_the_room() -> None:
    backlog = Backlog(room=200)
    for number in range(5000):
        backlog.add(point(number, f"metric {number}"))
    points = taken(backlog)
    assert 0 < len(points) <= 100
    assert points[-1]["step"] == 4999
    assert len(points) + backlog.left_out == 5000

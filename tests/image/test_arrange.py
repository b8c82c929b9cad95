"""Which wheel goes into which layer."""

from __future__ import annotations

import random
from dataclasses import dataclass

from hypothesis import given
from hypothesis import strategies as st

from jupyter_mltrain.image.arrange import FEW, LARGE, LIMIT, Group, arrange


@dataclass(frozen=True)
class Wheel:
    name: str
    size: int | None
    sha256: str


SIZES = st.one_of(st.none(), st.integers(0, 4 * LARGE), st.sampled_from([LARGE, LARGE + 1, 1 << 30]))
LOCKS = st.lists(
    st.builds(Wheel, st.text("abepsz1", min_size=1, max_size=4), SIZES, st.uuids().map(lambda each: each.hex)),
    max_size=100,
    unique_by=lambda wheel: wheel.name,
)
TAKEN = st.integers(0, 70)


def is_large(wheel: Wheel) -> bool:
    return wheel.size is None or wheel.size > LARGE


def wheels_of(groups: tuple[Group[Wheel], ...]) -> list[Wheel]:
    return [wheel for group in groups for wheel in group.wheels]


@given(LOCKS, TAKEN)
def test_every_wheel_is_in_one_layer(lock: list[Wheel], taken: int) -> None:
    groups = arrange(lock, taken=taken)
    assert sorted(wheels_of(groups), key=str) == sorted(lock, key=str)
    assert all(group.wheels for group in groups)


@given(LOCKS, TAKEN)
def test_the_limit_is_kept_where_the_base_leaves_room(lock: list[Wheel], taken: int) -> None:
    assert len(arrange(lock, taken=taken)) <= max(LIMIT - taken, 1)


@given(LOCKS, TAKEN, st.randoms(use_true_random=False))
def test_the_order_of_the_lock_does_not_matter(lock: list[Wheel], taken: int, random: random.Random) -> None:
    expected = arrange(lock, taken=taken)
    random.shuffle(lock)
    assert arrange(lock, taken=taken) == expected


@given(LOCKS)
def test_large_wheels_are_alone_by_name_and_the_small_ones_come_last(lock: list[Wheel]) -> None:
    groups = arrange(lock, taken=0, limit=1000)
    large = sorted(filter(is_large, lock), key=lambda wheel: wheel.name)
    small = sorted((wheel for wheel in lock if not is_large(wheel)), key=lambda wheel: wheel.name)
    assert list(groups[: len(large)]) == [Group(wheel.name, (wheel,)) for wheel in large]
    assert sorted(wheels_of(groups[len(large) :]), key=lambda wheel: wheel.name) == small


@given(LOCKS)
def test_small_wheels_share_layers_by_their_initials(lock: list[Wheel]) -> None:
    shared = [group for group in arrange(lock, taken=0, limit=1000) if group.name.startswith("small wheels")]
    if sum(not is_large(wheel) for wheel in lock) <= FEW:
        assert [group.name for group in shared] in ([], ["small wheels"])
        return
    assert len({group.name for group in shared}) == len(shared)
    for group in shared:
        initials = group.name.rpartition(" ")[2]
        assert all(initials[0] <= wheel.name[0] <= initials[-1] or wheel.name[0] == "1" for wheel in group.wheels)


@given(LOCKS, TAKEN)
def test_at_the_limit_the_smallest_of_the_large_ones_share_a_layer(lock: list[Wheel], taken: int) -> None:
    groups = arrange(lock, taken=taken)
    alone = [group.wheels[0] for group in groups if not group.name.startswith("small wheels")]
    together = [wheel for group in groups if group.name.startswith("small wheels") for wheel in group.wheels]
    if any(is_large(wheel) for wheel in together):
        assert len(groups) == max(LIMIT - taken, 1)
        largest = max(wheel.size or LARGE + 1 for wheel in together)
        assert all((wheel.size or LARGE + 1) >= largest for wheel in alone)


def changed(before: tuple[Group[Wheel], ...], after: tuple[Group[Wheel], ...]) -> list[str]:
    """Return the layers that an image with one wheel more has to make."""
    return [group.name for group in after if group not in before]


@given(LOCKS, TAKEN, st.integers(0, 1 << 31))
def test_one_wheel_more_changes_its_own_layer_and_at_most_the_shared_one(
    lock: list[Wheel], taken: int, size: int
) -> None:
    new = Wheel("new", size, "f" * 64)
    before, after = arrange(lock, taken=taken), arrange([*lock, new], taken=taken)
    if sum(not is_large(wheel) for wheel in lock) != FEW:  # where one layer becomes several
        assert set(changed(before, after)) <= {"new", "small wheels", "small wheels l-o"}
    small = sum(not is_large(wheel) for wheel in lock)
    if len(lock) + 8 < LIMIT - taken and small != FEW:
        shelf = "small wheels" if small < FEW else "small wheels l-o"
        assert changed(before, after) == (["new"] if is_large(new) else [shelf])


def test_nothing_to_arrange() -> None:
    assert arrange([], taken=3) == ()


def test_a_base_with_more_layers_than_the_limit() -> None:
    lock = [Wheel("a", 1 << 30, "a"), Wheel("b", 1, "b")]
    assert arrange(lock, taken=100) == (Group("small wheels", tuple(lock)),)

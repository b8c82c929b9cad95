"""Which wheel goes into which layer.

A large wheel has a layer of its own, so that it travels once for all images that have it. The small ones share a few,
by their initials: one dependency more makes one of these anew, not all. What is large is known from the lock, before
anything is fetched.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final, Generic, Protocol, TypeVar

LARGE: Final = 512 * 1024
"""Bytes of a wheel's file beyond which it has a layer of its own."""
LIMIT: Final = 60
"""Layers of an image; container runtimes stack some 120 at most."""
_SMALL: Final = "small wheels"
_SHELVES: Final = ("a-c", "d-h", "i-k", "l-o", "p", "q-s", "t-z")
"""Initials of the small wheels that share a layer; of about equal size in environments of notebooks."""
FEW: Final = 16
"""Small wheels up to which one layer is enough."""


class Wheel(Protocol):
    """What is to be known of a wheel: distribution, size of the file in bytes if an index told it, hash of the file."""

    @property
    def name(self) -> str: ...  # noqa: D102

    @property
    def size(self) -> int | None: ...  # noqa: D102

    @property
    def sha256(self) -> str: ...  # noqa: D102


W = TypeVar("W", bound=Wheel)


@dataclass(frozen=True, slots=True)
class Group(Generic[W]):
    """The wheels of one layer, and what to call it."""

    name: str
    wheels: tuple[W, ...]


def arrange(wheels: Sequence[W], *, taken: int, limit: int = LIMIT) -> tuple[Group[W], ...]:
    """Put every wheel into a layer. The result does not depend on the order of the wheels.

    Large wheels come by name, and last the layers of the small ones. A wheel more is thus a layer more, or changes one
    only. Where there are few small ones, or little room, all of them share one layer; at the limit a large one more
    also pushes the smallest of them in there, and all others keep theirs.

    Parameters
    ----------
    taken:
        Layers that the image has besides: those of the base, and those that come on top.
    limit:
        Layers that the image may have. Where the others leave no room at all, there is one layer more.
    """
    ordered = sorted(wheels, key=lambda wheel: (wheel.name, wheel.sha256))
    alone = [wheel for wheel in ordered if _weight(wheel) > LARGE]
    room = max(limit - taken, 1)
    if len(alone) + (len(alone) < len(ordered)) > room:
        alone = sorted(alone, key=lambda wheel: (-_weight(wheel), wheel.name, wheel.sha256))[: room - 1]
    hashes = {wheel.sha256 for wheel in alone}
    shared = tuple(wheel for wheel in ordered if wheel.sha256 not in hashes)
    own = tuple(Group(wheel.name, (wheel,)) for wheel in ordered if wheel.sha256 in hashes)
    if len(shared) > FEW and len(own) + len(_SHELVES) <= room:
        return (*own, *_shelved(shared))
    return (*own, Group(_SMALL, shared)) if shared else own


def _shelved(wheels: Sequence[W]) -> Iterator[Group[W]]:
    """Yield the layers of small wheels, by initials."""
    for shelf in _SHELVES:
        found = tuple(wheel for wheel in wheels if _shelf(wheel) == shelf)
        if found:
            yield Group(f"{_SMALL} {shelf}", found)


def _shelf(wheel: Wheel) -> str:
    initial = wheel.name[:1].lower()
    return next((shelf for shelf in _SHELVES if shelf[0] <= initial <= shelf[-1]), _SHELVES[0])


def _weight(wheel: Wheel) -> int:
    """Return the size of a wheel; one of unknown size is as large as it needs to be for a layer of its own."""
    return LARGE + 1 if wheel.size is None else wheel.size

"""Which wheel goes into which layer.

A large wheel has a layer of its own, so that it travels once for all images that have it; the small ones share one.
What is large is known from the lock, before anything is fetched.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Generic, Protocol, TypeVar

LARGE: Final = 512 * 1024
"""Bytes of a wheel's file beyond which it has a layer of its own."""
LIMIT: Final = 60
"""Layers of an image; container runtimes stack some 120 at most."""
_SMALL: Final = "small wheels"


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

    Large wheels come by name, and last the layer of the small ones. A wheel more is thus a layer more, or changes the
    last layer only. At the limit a large one more also pushes the smallest of them into the last layer; all others
    keep theirs.

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
    return (*own, Group(_SMALL, shared)) if shared else own


def _weight(wheel: Wheel) -> int:
    """Return the size of a wheel; one of unknown size is as large as it needs to be for a layer of its own."""
    return LARGE + 1 if wheel.size is None else wheel.size

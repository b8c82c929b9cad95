"""Text of a manifest, in which values may stand that are not the manifest's own: those are never changed."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import NamedTuple


class Edit(NamedTuple):
    """What is to stand in place of ``text[start:end]``."""

    start: int
    end: int
    new: str


@dataclass(frozen=True, slots=True)
class Text:
    """A text and the spans of it that came from elsewhere, such as from a secret."""

    whole: str
    foreign: tuple[tuple[int, int], ...] = ()

    @classmethod
    def from_elsewhere(cls, value: str) -> Text:
        """Return a value that the manifest only refers to."""
        return cls(value, ((0, len(value)),))

    def __add__(self, other: Text) -> Text:
        return Text(self.whole + other.whole, (*self.foreign, *_shifted(other.foreign, len(self.whole))))

    def is_own(self, start: int, end: int) -> bool:
        """Return whether nothing of a span came from elsewhere."""
        return not any(start < last and first < end for first, last in self.foreign)

    def edited(self, edits: Iterable[Edit]) -> Text:
        """Return the text with those edits made that touch nothing from elsewhere. They may not overlap."""
        text = self
        for edit in sorted(edits, reverse=True):
            if self.is_own(edit.start, edit.end):
                text = text._edited(edit)
        return text

    def _edited(self, edit: Edit) -> Text:
        before = (span for span in self.foreign if span[1] <= edit.start)
        after = (span for span in self.foreign if span[0] >= edit.end)
        shift = len(edit.new) - (edit.end - edit.start)
        whole = self.whole[: edit.start] + edit.new + self.whole[edit.end :]
        return Text(whole, (*before, *_shifted(after, shift)))


def _shifted(spans: Iterable[tuple[int, int]], by: int) -> Iterable[tuple[int, int]]:
    return ((first + by, last + by) for first, last in spans)

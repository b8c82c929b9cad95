"""Globs of data files: what one may say, and which paths it names.

As ``pathlib`` understands them: ``*``, ``?`` and ``[...]`` match within a name, ``**`` stands for any folders but links
to folders, and ``/`` at the end allows only folders. As in a shell, only a part that itself begins with a dot matches a
name that does. All globs are matched in one walk, so that a folder is read once.
"""

from __future__ import annotations

import fnmatch
import os
import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import PurePath
from typing import Final

from ..errors import InvalidInput

MAX_GLOBS: Final = 500
MAX_LENGTH: Final = 1000
"""Of one glob, in characters."""
MAX_NAME: Final = 255
"""Of one part, in bytes: no file system that there is has longer names."""


@dataclass(frozen=True, slots=True)
class Glob:
    """A glob that was checked.

    Attributes
    ----------
    parts:
        Without a ``**`` at the end: that folder stands for all that is in it anyway.
    folders_only:
        Whether it names no files.
    """

    text: str
    parts: tuple[str, ...]
    folders_only: bool

    @classmethod
    def parse(cls, text: str) -> Glob:
        """Read a glob.

        Raises
        ------
        InvalidInput
            It is too long for any path, absolute, climbs with ``..``, or has ``**`` within a name.
        """
        if len(text) > MAX_LENGTH:
            message = f"A glob of {len(text)} characters is too long: {text[:40]!r}...; the limit is {MAX_LENGTH}."
            raise InvalidInput(message, hint="Name a folder further up: it stands for all in it.", field="include")
        path = PurePath(text)
        _require_names(text, path)
        parts = list(path.parts)
        folders_only = text.endswith(("/", os.sep)) or parts[-1:] == ["**"]
        while parts[-1:] == ["**"]:
            parts.pop()
        once = [part for part, before in zip(parts, [None, *parts], strict=False) if part != "**" or before != "**"]
        return cls(text, tuple(once), folders_only)

    @property
    def hidden_parts(self) -> tuple[str, ...]:
        """The parts that match names that begin with a dot."""
        return tuple(part for part in self.parts if is_hidden(part))


def _require_names(text: str, path: PurePath) -> None:
    if path.anchor or ".." in path.parts:
        raise InvalidInput(
            f"The glob {text!r} leads out of the root; only what lies in there is shipped.",
            hint="Bring the data in as a channel or volume; on the command line, --root can be a folder that holds it.",
            field="include",
        )
    longest = max((len(part.encode(errors="replace")) for part in path.parts), default=0)
    if longest > MAX_NAME:
        message = f"The glob {text[:40]!r}... has a name of {longest} bytes; no file has one of more than {MAX_NAME}."
        raise InvalidInput(message, hint="Give a part of the name, and * for the rest.", field="include")
    if any("**" in part and part != "**" for part in path.parts):
        message = f"The glob {text!r} is not valid: '**' stands for folders, not for a part of a name."
        raise InvalidInput(message, hint="Write * within a name, and **/ before it for any folder.", field="include")


def parse_globs(texts: Iterable[str]) -> tuple[Glob, ...]:
    """Read globs; the same ones count once.

    Raises
    ------
    InvalidInput
        They are too many, or ``Glob.parse`` refuses one.
    """
    different = sorted(set(texts))
    if len(different) > MAX_GLOBS:
        message = f"{len(different)} globs are too many; the limit is {MAX_GLOBS}."
        raise InvalidInput(message, hint="Name a folder: it stands for all that is in it.", field="include")
    return tuple(Glob.parse(text) for text in different)


def is_hidden(name: str) -> bool:
    """Whether a name, or the part of a glob that names it, begins with a dot."""
    return name.startswith(".")


@dataclass(eq=False, slots=True)
class _Place:
    """A place in the tree of all globs: what they have in common up to here, and what each wants next."""

    literals: dict[str, _Place] = field(default_factory=dict)
    wild: dict[str, _Wild] = field(default_factory=dict)
    deep: _Place | None = None
    is_deep: bool = False
    ends: list[Glob] = field(default_factory=list)

    def follow(self, part: str) -> _Place:
        """Return the place after one more part, made where there is none."""
        if part == "**":
            self.deep = self.deep or _Place(is_deep=True)
            return self.deep
        if set(part).isdisjoint("*?["):
            return self.literals.setdefault(os.path.normcase(part), _Place())
        return self.wild.setdefault(part, _Wild(part)).place

    def after(self, name: str, *, link: bool) -> Iterator[_Place]:
        """Yield the places that an entry of a folder leads to."""
        literal = self.literals.get(os.path.normcase(name))
        if literal is not None:
            yield literal
        yield from (wild.place for wild in self.wild.values() if wild.matches(name))
        if self.is_deep and not link and not is_hidden(name):
            yield self


class _Wild:
    """A part with wildcards, and what comes after it. It is compiled when it is reached, which most are not."""

    def __init__(self, part: str) -> None:
        self.part = part
        self.place = _Place()

    @cached_property
    def matches(self) -> Callable[[str], object]:
        dot = "" if is_hidden(self.part) else r"(?!\.)"
        flags = re.IGNORECASE if os.name == "nt" else re.NOFLAG
        return re.compile(dot + fnmatch.translate(self.part), flags).match


Places = frozenset[_Place]
"""How far globs have come on the way to a folder or file; empty where none leads on."""


def start(globs: Iterable[Glob]) -> Places:
    """Return where globs are at the root."""
    top = _Place()
    for glob in globs:
        place = top
        for part in glob.parts:
            place = place.follow(part)
        place.ends.append(glob)
    return _with_deep([top])


def step(places: Places, name: str, *, link: bool) -> Places:
    """Return where globs are after one more name. ``link``: whether it is a symbolic link."""
    return _with_deep(place for before in places for place in before.after(name, link=link))


def _with_deep(places: Iterable[_Place]) -> Places:
    """Add what stands after a ``**``, which may stand for no folder at all."""
    found = set(places)
    return frozenset(found | {place.deep for place in found if place.deep is not None})


def ended(places: Places, *, folder: bool) -> list[Glob]:
    """Return the globs that name just this. ``folder``: whether it is a folder."""
    return [glob for place in places for glob in place.ends if folder or not glob.folders_only]

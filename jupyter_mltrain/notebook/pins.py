"""What a notebook needs installed, with exact versions."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from ..errors import InvalidInput


@dataclass(frozen=True, slots=True)
class Requirement:
    """One distribution that the notebook needs.

    Attributes
    ----------
    name:
        Normalised as PEP 503 says.
    specifier:
        ``"==2.3.3"``, ``"[extra]>=1"``, ``" @ git+https://..."`` or ``""``: what stands behind the name in a PEP 508
        line.
    modules:
        Top-level modules that are imported from it.
    """

    name: str
    specifier: str = ""
    modules: tuple[str, ...] = ()

    def __str__(self) -> str:
        """Return the PEP 508 line."""
        return self.name + self.specifier


@dataclass(frozen=True, slots=True)
class Requirements:
    """The environment that the notebook was resolved against, as far as the notebook needs it.

    Attributes
    ----------
    python:
        Version of the interpreter, e.g. ``"3.11.9"``; ``""`` where it could not be asked.
    distributions:
        Sorted by name. Only what is imported or named by an install line, not what these depend on in turn.
    system:
        Debian packages that the notebook asks for, ``"ffmpeg"`` or ``"graphviz=2.42.2-7"``, sorted.
    """

    python: str = ""
    distributions: tuple[Requirement, ...] = ()
    system: tuple[str, ...] = ()

    def lines(self) -> list[str]:
        """Return the distributions as the lines of a requirements file."""
        return [str(requirement) for requirement in self.distributions]

    def changed(self, changes: Mapping[str, str | None]) -> Requirements:
        """Return the requirements with some changed: by name the new specifier, None to leave it out.

        Raises
        ------
        InvalidInput
            A name or a specifier that PEP 508 does not know; ``details["field"]`` is ``requirements.NAME``.
        """
        from .environment import normalise  # a runner reads requirements, and changes none

        found = {one.name: one for one in self.distributions}
        for name, specifier in changes.items():
            key = normalise(name)
            if specifier is None:
                found.pop(key, None)
            else:
                _check_line(name, specifier)
                found[key] = replace(found.get(key, Requirement(key)), specifier=specifier.rstrip())
        return replace(self, distributions=tuple(found[key] for key in sorted(found)))

    def to_dict(self) -> dict[str, Any]:
        """Return the requirements as JSON."""
        return {
            "python": self.python,
            "distributions": [
                {"name": one.name, "specifier": one.specifier, "modules": list(one.modules)}
                for one in self.distributions
            ],
            # Left out where there are none: a program from before there were any keeps its digest.
            **({"system": list(self.system)} if self.system else {}),
        }

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Requirements:
        """Read what ``to_dict`` wrote."""
        found = (Requirement(o["name"], o["specifier"], tuple(o["modules"])) for o in data["distributions"])
        return cls(data["python"], tuple(found), tuple(data.get("system", ())))


def _check_line(name: str, specifier: str) -> None:
    from packaging.requirements import InvalidRequirement
    from packaging.requirements import Requirement as Line

    try:
        Line(name + specifier)
    except InvalidRequirement:
        raise InvalidInput(
            f"{name + specifier!r} is not what pip takes as a requirement.",
            hint="Write it like ==1.2.3, >=1.2,<2 or [extra]==1.2; leave it empty for any version.",
            field=f"requirements.{name}",
        ) from None

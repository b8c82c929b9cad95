"""What a notebook needs installed, with exact versions."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


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
    """

    python: str = ""
    distributions: tuple[Requirement, ...] = ()

    def lines(self) -> list[str]:
        """Return the distributions as the lines of a requirements file."""
        return [str(requirement) for requirement in self.distributions]

    def to_dict(self) -> dict[str, Any]:
        """Return the requirements as JSON."""
        return {
            "python": self.python,
            "distributions": [
                {"name": one.name, "specifier": one.specifier, "modules": list(one.modules)}
                for one in self.distributions
            ],
        }

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Requirements:
        """Read what ``to_dict`` wrote."""
        found = (Requirement(o["name"], o["specifier"], tuple(o["modules"])) for o in data["distributions"])
        return cls(data["python"], tuple(found))

"""System packages that a notebook asks for: ``# mltrain: apt ffmpeg``, ``!apt-get install -y ffmpeg`` and the like.

An image is built with them. What the lines themselves do when the notebook runs stays as it is: a comment does
nothing, and an install line is run like any other. In a container, whose user is not root, it then fails. IPython goes
on after ``!``, but a ``%%bash`` cell that ends with a failure ends the run.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import PurePosixPath
from typing import Any, Final

from ..model.findings import Finding, Severity
from .installs import shell_commands
from .read import Cell
from .source import Code

# Debian policy 5.6.1 and 5.6.12; apt would take a name with "-" at its end for one to remove.
PACKAGE: Final = re.compile(r"(?P<name>[a-z0-9][a-z0-9+.-]*[a-z0-9+.])(?:=(?P<version>[0-9A-Za-z][0-9A-Za-z.+~:-]*))?")

_COMMENT: Final = re.compile(r"^[ \t]*#[ \t]*mltrain:[ \t]*apt\b(?P<words>[^#\n]*)", re.M)
_APT: Final = ("apt", "apt-get", "aptitude")
_APT_VALUES: Final = frozenset(("-o", "--option", "-t", "--target-release", "-c", "--config-file", "-a"))
_OTHERS: Final = {
    **dict.fromkeys(("yum", "dnf", "microdnf", "zypper", "brew", "snap"), "install"),
    **{"apk": "add", "pacman": "-S"},
}
_REPOSITORIES: Final = ("add-apt-repository", "apt-add-repository", "apt-key")
# What may stand before a command on its line, beside options and assignments.
_BEFORE: Final = frozenset(
    ("sudo", "env", "exec", "command", "nohup", "time", "then", "do", "else", "if", "!", "{", "(")
)
_REDIRECTION: Final = re.compile(r"(?:\d*|&)[<>]+(?P<target>.*)")


@dataclass(frozen=True, slots=True)
class SystemPackage:
    """A Debian package that a notebook asks for; ``version`` is ``""`` where any will do."""

    name: str
    version: str = ""
    where: Mapping[str, Any] = field(default_factory=dict, compare=False)

    def __str__(self) -> str:
        """Return it as apt takes it: ``ffmpeg``, ``graphviz=2.42.2-7``."""
        return f"{self.name}={self.version}" if self.version else self.name


def system_packages(cells: Mapping[int, Cell], codes: Mapping[int, Code]) -> tuple[list[SystemPackage], list[Finding]]:
    """Return what a notebook's code cells ask for, in order, each once, and findings on it.

    Parameters
    ----------
    cells, codes:
        By index in the notebook: the cell, and its parsed source.
    """
    reader = _Reader()
    for index, cell in cells.items():
        for match in _COMMENT.finditer(cell.source):
            line = cell.source.count("\n", 0, match.start()) + 1
            reader.names(re.split(r"[\s,]+", match["words"].strip()), {"cell": index, "line": line})
        for magic in codes[index].magics:
            for line, words in shell_commands(magic):
                reader.command(words, {"cell": index, "line": line}, stops=magic.whole_cell)
    return list(reader.packages.values()), [*reader.findings, *reader.summary()]


class _Reader:
    """Gathers packages and findings."""

    def __init__(self) -> None:
        self.packages: dict[str, SystemPackage] = {}
        self.findings: list[Finding] = []
        self._lines: list[tuple[Mapping[str, Any], bool]] = []  # of install commands; whether a failure stops the run

    def command(self, words: Sequence[str], where: Mapping[str, Any], *, stops: bool) -> None:
        """Read one shell command, whatever it is."""
        tool, arguments = _tool(words)
        if tool in _APT and "install" in arguments:
            self.names(_operands(arguments), where)
            self._lines.append((where, stops))
        elif tool in _APT and "build-dep" in arguments:
            self._unclear("asks for what a package is built with", where)
        elif tool == "dpkg" and {"-i", "--install"} & set(arguments):
            self._unclear("installs a .deb file", where)
        elif tool in _REPOSITORIES:
            self._unclear(f"adds a source of packages ({tool})", where)
        elif tool in _OTHERS and _OTHERS[tool] in arguments:
            self._unclear(f"installs with {tool}, where an image has apt", where)

    def names(self, words: Sequence[str], where: Mapping[str, Any]) -> None:
        """Take the names of packages."""
        for word in filter(None, words):
            match = PACKAGE.fullmatch(word)
            if match is None:
                self._unclear(f"names {word!r}, which {_what(word)}", where)
            else:
                self._add(SystemPackage(match["name"], match["version"] or "", where))

    def summary(self) -> Iterator[Finding]:
        """Yield what will become of the install lines."""
        if self.packages:
            first = next(iter(self.packages.values()))
            message = f"The notebook asks for system packages: {', '.join(map(str, self.packages.values()))}."
            hint = "An image is built with them; a job on this machine finds those that are installed here."
            yield Finding("system-packages", Severity.INFO, message, hint, dict(first.where))
        for where, stops in self._lines:
            if stops:
                message = "A container's user may not install packages: this cell will fail there, and the run with it."
                hint = "Write `# mltrain: apt NAME` instead, or install in a line that begins with `!`."
                yield Finding("system-install-fails", Severity.WARNING, message, hint, dict(where))

    def _add(self, package: SystemPackage) -> None:
        known = self.packages.get(package.name)
        if known is None or not known.version:
            where = package.where if known is None else known.where
            self.packages[package.name] = SystemPackage(package.name, package.version, where)
        elif package.version not in ("", known.version):
            message = f"The notebook asks for {package} and, before that, for {known}; the first counts."
            self.findings.append(
                Finding("system-differs", Severity.WARNING, message, "Make both agree.", dict(package.where))
            )

    def _unclear(self, what: str, where: Mapping[str, Any]) -> None:
        message = f"An install line {what}; an image is built without it."
        hint = "Name Debian packages, or use a base image that has what the notebook needs."
        self.findings.append(Finding("system-unclear", Severity.WARNING, message, hint, dict(where)))


def _tool(words: Sequence[str]) -> tuple[str, list[str]]:
    """Return the program that a command runs, without what stands before it, and its arguments."""
    for index, word in enumerate(words):
        name = PurePosixPath(word.lstrip("({")).name
        if name and name not in _BEFORE and not name.startswith("-") and not re.match(r"\w+=", word):
            return name, [word.rstrip(")") for word in words[index + 1 :]]
    return "", []


def _operands(arguments: Sequence[str]) -> list[str]:
    """Return what stands behind ``install``: without options, their values, and redirections."""
    found: list[str] = []
    rest = iter(arguments[arguments.index("install") + 1 :])
    for word in rest:
        redirection = _REDIRECTION.fullmatch(word)
        if word in _APT_VALUES or (redirection and not redirection["target"]):
            next(rest, None)
        elif not word.startswith("-") and not redirection:
            found.append(word)
    return found


def _what(word: str) -> str:
    """Return why a word is no name of a package."""
    if any(mark in word for mark in "${`"):
        return "is known only when it runs"
    if word.endswith(".deb") or "/" in word:
        return "is a file or asks for another release"
    return "is no name of a Debian package"

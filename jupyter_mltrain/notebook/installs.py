"""Install lines of a notebook - ``%pip install``, ``!pip install``, ``%conda install`` ... - as requirements."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from ..model.findings import Finding, Severity
from .environment import normalise
from .files import Root
from .source import SHELL, Code, Magic

_CONDA: Final = ("conda", "mamba", "micromamba")
_TOOLS: Final = ("pip", *_CONDA, "uv")
# Options that take a value; all others stand alone.
_PIP_VALUES: Final = frozenset(
    (
        *("-c", "--constraint", "-i", "--index-url", "--extra-index-url", "-f", "--find-links", "--no-binary"),
        *(
            "--only-binary",
            "-t",
            "--target",
            "--prefix",
            "--root",
            "--python-version",
            "--platform",
            "--implementation",
        ),
        *("--abi", "--progress-bar", "--timeout", "--proxy", "--retries", "--trusted-host", "--cache-dir", "-C"),
        *("--config-settings", "--global-option", "--src", "--upgrade-strategy", "--index", "--default-index", "-p"),
        *("--python", "--report", "--log", "--cert", "--client-cert", "--exists-action", "--root-user-action"),
    )
)
_CONDA_VALUES: Final = frozenset(
    ("-c", "--channel", "-n", "--name", "-p", "--prefix", "--file", "--revision", "--solver")
)
_CONDA_SPEC: Final = re.compile(r"(?:[\w.\-/]+::)?(?P<name>[\w.\-]+)(?P<version>.*)")


@dataclass(frozen=True, slots=True)
class Install:
    """One distribution that an install line names.

    Attributes
    ----------
    name:
        Normalised.
    specifier:
        Version clauses such as ``">=1,<2"``, or ``""``.
    extras:
        Such as ``"[s3]"``, or ``""``.
    url:
        Where it comes from, if from no index.
    """

    name: str
    specifier: str
    extras: str
    url: str
    where: Mapping[str, Any]


def installs_of(cells: Mapping[int, Code], root: Root, directory: Path) -> tuple[list[Install], list[Finding]]:
    """Return what the install lines of a notebook's cells name, in order, and findings on what they leave unclear.

    Requirements files are read where they lie below the root.
    """
    installs: list[Install] = []
    findings: list[Finding] = []
    for index, code in cells.items():
        for magic in code.magics:
            for line, words in _install_commands(magic):
                reader = _Reader(root, directory, {"cell": index, "line": line})
                reader.read(words)
                installs += reader.installs
                findings += reader.findings
    return installs, findings


def _install_commands(magic: Magic) -> Iterator[tuple[int, list[str]]]:
    """Yield (line, words) of each install command, the words beginning with ``pip``, ``conda`` or ``uv``."""
    if magic.name in _TOOLS and not magic.whole_cell:
        commands = [(magic.lineno, words) for words in _simple_commands(f"{magic.name} {magic.line}")]
    else:
        commands = shell_commands(magic)
    for line, words in commands:
        start = _start_of_install(words)
        if start is not None:
            yield line, words[start:]


def shell_commands(magic: Magic) -> list[tuple[int, list[str]]]:
    """Return (line, words) of each command that a magic gives to the shell."""
    if magic.name != SHELL:
        return []
    lines = enumerate(magic.line.replace("\\\n", " ").splitlines(), magic.lineno)
    return [(number, words) for number, line in lines for words in _simple_commands(line)]


def _simple_commands(command: str) -> list[list[str]]:
    """Split a shell line at ``;``, ``&&``, ``||`` and ``|`` into commands of words."""
    lexer = shlex.shlex(command, posix=True, punctuation_chars=";&|")
    lexer.whitespace_split = True
    lexer.commenters = ""  # shlex takes one within a word too, as in a URL's #egg=name
    commands: list[list[str]] = [[]]
    try:
        for word in lexer:
            if word.startswith("#"):
                break
            if set(word) <= set(";&|"):
                commands.append([])
            else:
                commands[-1].append(word)
    except ValueError:  # an unbalanced quote: the shell would refuse it too
        return []
    return commands


def _start_of_install(words: Sequence[str]) -> int | None:
    """Return the index of the tool in ``[sudo] [python -m] pip install ...``, or ``None`` for any other command."""
    for index, word in enumerate(words):
        name = Path(word).name
        if (re.fullmatch(r"pip[\d.]*", name) or name in _TOOLS) and "install" in words[index + 1 : index + 3]:
            return index
    return None


class _Reader:
    """Reads one install command."""

    def __init__(self, root: Root, directory: Path, where: Mapping[str, Any]) -> None:
        self.installs: list[Install] = []
        self.findings: list[Finding] = []
        self._root = root
        self._directory = directory
        self._where = dict(where)
        self._read: set[Path] = set()

    def read(self, words: Sequence[str]) -> None:
        """Read the words of a command from its tool on."""
        conda = words[0] in _CONDA
        arguments = iter(words[words.index("install") + 1 :])
        for word in arguments:
            option, _, value = word.partition("=") if word.startswith("--") else (word, "", "")
            if option in ("-r", "--requirement", "--requirements"):
                self._requirements_file(value or next(arguments, ""), self._directory)
            elif option in ("-e", "--editable"):
                next(arguments, None)
                self._unclear("installs a folder in editable mode, which only exists on this machine")
            elif option.startswith("-"):
                if not value and option in (_CONDA_VALUES if conda else _PIP_VALUES):
                    next(arguments, None)
            else:
                (self._conda if conda else self._pip)(word)

    def _pip(self, word: str) -> None:
        from packaging.requirements import InvalidRequirement, Requirement

        try:
            wanted = Requirement(word)
        except InvalidRequirement:
            self._bare_url(word)
            return
        if wanted.marker is None or wanted.marker.evaluate():
            extras = f"[{','.join(sorted(wanted.extras))}]" if wanted.extras else ""
            self._add(wanted.name, str(wanted.specifier), extras, wanted.url or "")

    def _bare_url(self, word: str) -> None:
        """Take a URL whose fragment names the distribution: ``git+https://...#egg=name``."""
        named = re.search(r"#(?:.*&)?egg=([\w.\-]+)", word)
        if "://" in word and named:
            self._add(named[1], "", "", word)
        else:
            self._unclear("names something that is no requirement (a variable, a file, or a URL without #egg=name)")

    def _conda(self, word: str) -> None:
        spec = _CONDA_SPEC.fullmatch(word)
        if spec is None or spec["name"] == "python":
            return
        version = spec["version"].strip()
        if re.match(r"=[\w]", version):  # conda's fuzzy =1.2 is PyPI's ==1.2.*
            version = f"={version.split('=')[1]}"
            version = f"={version}.*" if not version.endswith("*") else f"={version}"
        self._pip(spec["name"] + version)

    def _add(self, name: str, specifier: str, extras: str, url: str) -> None:
        self.installs.append(Install(normalise(name), specifier, extras, url, self._where))

    def _requirements_file(self, name: str, directory: Path) -> None:
        path = Path(directory, name)
        if path in self._read:
            return
        self._read.add(path)
        try:
            if not self._root.contains(path):
                raise PermissionError
            lines = path.read_text(encoding="utf-8-sig").replace("\\\n", " ").splitlines()
        except (OSError, ValueError):
            self._unclear(f"reads the requirements file {name!r}, which cannot be read")
            return
        for line in lines:
            text = re.sub(r"(^|\s)#.*", "", line).strip()
            nested = re.match(r"(?:-r|--requirement)[\s=]+(\S+)", text)
            if nested:
                self._requirements_file(nested[1], path.parent)
            elif text and not text.startswith("-"):
                self._pip(re.split(r"\s--", text)[0])

    def _unclear(self, what: str) -> None:
        self.findings.append(
            Finding(
                "install-unclear",
                Severity.WARNING,
                f"An install line {what}; it is not taken into the requirements.",
                "Name the distribution and its version.",
                self._where,
            )
        )

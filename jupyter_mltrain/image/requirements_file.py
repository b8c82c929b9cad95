"""Requirements files as pip reads them, with all that they include, and nothing of outside one folder.

Source of the format: https://pip.pypa.io/en/stable/reference/requirements-file-format/
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final
from urllib.parse import unquote, urlsplit

from ..errors import InvalidInput, NotFound

_DEEPEST: Final = 20  # files that include each other
_SHORT: Final = {
    "-r": "--requirement",
    "-c": "--constraint",
    "-e": "--editable",
    "-i": "--index-url",
    "-f": "--find-links",
}
_INDEX: Final = frozenset({"--index-url", "--extra-index-url", "--find-links"})
_HANDED_ON: Final = frozenset({"--no-index", "--pre", "--no-binary", "--only-binary"})
_WITHOUT_EFFECT: Final = frozenset({"--prefer-binary", "--require-hashes"})  # as this project does it anyway
_REFUSED: Final = {
    "--trusted-host": "Set UV_INSECURE_HOST instead, which is for you alone.",
    "--config-settings": "Publish a wheel of the package: images are made of wheels.",
    "--global-option": "Publish a wheel of the package: images are made of wheels.",
}
_COMMENT: Final = re.compile(r"(^|\s+)#.*$")
_HASH: Final = re.compile(r"\s--hash[= ]\s*(?P<algorithm>\w+):(?P<digest>\S+)")
_NAME: Final = re.compile(r"\s*([A-Za-z0-9][A-Za-z0-9._-]*)")
_WHEEL: Final = re.compile(r"\S*/([^/\s-]+)-[^/\s]+\.whl(?=$|[\s?#;])")
_NAMED_URL: Final = re.compile(r"(?P<name>[A-Za-z0-9][\w.-]*\s*(?:\[[^\]]*\])?)\s*@\s*(?P<url>\S+)(?P<rest>.*)")
_SPACED: Final = re.compile(r"(?P<path>\.{0,2}/[^\[;]*[^\[;\s])(?P<rest>\s*(?:[\[;].*)?)")
_PATH: Final = re.compile(r"(?P<path>(?:\.{1,2}(?=/|$|\[|\s)|/|file:|[^\s\[@;<>=!~]*/)[^\[;\s]*)(?P<rest>.*)")


@dataclass(slots=True)
class RequirementLines:
    """What a requirements file says, with the files that it includes.

    Attributes
    ----------
    requirements, constraints:
        PEP 508 lines; paths are absolute.
    options:
        Lines that say where packages come from. They may hold passwords: they are handed to uv and shown nowhere.
    hashes:
        Normalised name -> the sha256 digests that are allowed, in hexadecimal.
    """

    requirements: list[str] = field(default_factory=list)
    constraints: list[str] = field(default_factory=list)
    options: list[str] = field(default_factory=list)
    hashes: dict[str, set[str]] = field(default_factory=dict)


def read(path: Path, root: Path) -> RequirementLines:
    """Read a requirements file.

    Raises
    ------
    InvalidInput
        It has what an image cannot take, or leads out of ``root``; the message names file and line.
    NotFound
        It, or a file that it includes, is not there.
    """
    found = RequirementLines()
    _Reader(root.resolve(), found).file(path, path.name, 0)
    return found


def read_lines(lines: list[str], path: Path, root: Path) -> RequirementLines:
    """Read lines of a requirements file that stand in another file."""
    found = RequirementLines()
    _Reader(root.resolve(), found).lines(lines, path, 0)
    return found


def within(path: Path, root: Path, where: str) -> Path:
    """Return a path without links. Raises ``InvalidInput`` where it leads out of the root."""
    resolved = path.resolve()
    if not resolved.is_relative_to(root.resolve()):
        raise InvalidInput(
            f"{where} leads out of the notebook's folder, to {path.name!r}.",
            hint="Put it below that folder, or make a wider folder the root.",
        )
    return resolved


def name_of(line: str) -> str:
    """Return the normalised name that a requirement starts with, ``""`` for a bare path or URL."""
    match = _NAME.match(line)
    if match is None or "://" in line.split("@")[0] or line[match.end() :].startswith(("/", ":")):
        return ""
    return re.sub(r"[-_.]+", "-", match[1]).lower()


def _name_of_wheel(line: str) -> str:
    """Return the name of the package whose wheel is at a bare URL, ``""`` where it is not one."""
    match = _WHEEL.match(line)
    return name_of(unquote(match[1])) if match else ""


class _Reader:
    def __init__(self, root: Path, found: RequirementLines) -> None:
        self._root = root
        self._found = found

    def file(self, path: Path, where: str, depth: int, *, constrains: bool = False) -> None:
        if depth > _DEEPEST:
            raise InvalidInput(f"{where}: requirements files include each other without end.")
        path = within(path, self._root, where)
        try:
            lines = path.read_text(encoding="utf-8-sig").splitlines()
        except FileNotFoundError:
            raise NotFound(f"{where}: the requirements file {path.name!r} is not there.") from None
        except (OSError, ValueError) as error:
            reason = "it is not UTF-8" if isinstance(error, ValueError) else (error.strerror or error)
            raise InvalidInput(f"{where}: {path.name!r} cannot be read: {reason}.") from None
        self.lines(lines, path, depth, constrains=constrains)

    def lines(self, lines: list[str], path: Path, depth: int, *, constrains: bool = False) -> None:
        for number, line in _joined(lines):
            where = f"{path.name}, line {number}"
            if line.startswith("-"):
                self._option(line, path, where, depth)
            else:
                self._requirement(line, path.parent, where, constrains=constrains)

    def _option(self, line: str, path: Path, where: str, depth: int) -> None:
        name, value = _split(line)
        if name in {"--requirement", "--constraint"}:
            if "://" in value:
                raise InvalidInput(f"{where}: a file of another machine is not included.", hint="Put a copy beside it.")
            self.file(path.parent / value, where, depth + 1, constrains=name == "--constraint")
        elif name == "--editable":
            self._requirement(value, path.parent, where, constrains=False)
        elif name in _INDEX:
            self._found.options.append(f"{name} {self._place(value, path.parent, where)}")
        elif name in _HANDED_ON:
            self._found.options.append(f"{name} {value}".rstrip())
        elif name not in _WITHOUT_EFFECT:
            hint = _REFUSED.get(name, "Leave it out.")
            raise InvalidInput(f"{where}: {name} is nothing that an image can be made with.", hint=hint)

    def _place(self, value: str, folder: Path, where: str) -> str:
        """Return an index or a folder of packages: what lies on this machine must lie in the root."""
        try:
            url = urlsplit(value)
            _ = url.port  # in http://me:a/b@host/ it is "a", which is none
        except ValueError:
            hint = "In a login, %5B stands for [, and %2F, %3F, %23, %40 for / ? # @."
            raise InvalidInput(f"{where}: this is not the address of an index.", hint=hint) from None
        if url.scheme in {"http", "https"} or value.startswith("${"):
            return value
        path = Path(unquote(url.path)) if url.scheme == "file" else folder / value
        return within(path, self._root, where).as_uri()

    def _requirement(self, line: str, folder: Path, where: str, *, constrains: bool) -> None:
        hashes = {match["digest"].lower() for match in _HASH.finditer(line) if match["algorithm"] == "sha256"}
        if " --hash" in line and not hashes:
            raise InvalidInput(f"{where}: none of the hashes is a sha256.", hint="Add one: --hash=sha256:DIGEST")
        line = self._rooted(_HASH.sub("", line).strip(), folder, where)
        if " --" in line:
            option = line[line.index(" --") :].split()[0].partition("=")[0]
            raise InvalidInput(
                f"{where}: {option} is nothing that an image can be made with.", hint=_REFUSED.get(option, "")
            )
        if hashes:
            name = name_of(line) or _name_of_wheel(line)
            if not name:
                hint = "Write NAME @ ADDRESS before it, with the package's name."
                raise InvalidInput(f"{where}: it is not clear which package the hash is of.", hint=hint)
            self._found.hashes.setdefault(name, set()).update(hashes)
        (self._found.constraints if constrains else self._found.requirements).append(line)

    def _rooted(self, line: str, folder: Path, where: str) -> str:
        """Return a requirement whose path, if it is one, is a URL below the root."""
        named = _NAMED_URL.fullmatch(line)
        if named:
            url = named["url"]
            if url.startswith("file:") or "://" not in url:
                url = self._local(url, folder, where)
            return f"{named['name'].rstrip()} @ {url}{named['rest']}"
        spaced = _SPACED.fullmatch(line)
        if spaced and " " in spaced["path"] and (folder / spaced["path"]).exists():
            return self._local(spaced["path"], folder, where) + spaced["rest"]
        local = _PATH.fullmatch(line)
        if local and "://" not in line.removeprefix("file://"):
            return self._local(local["path"], folder, where) + local["rest"]
        return line

    def _local(self, text: str, folder: Path, where: str) -> str:
        path = Path(unquote(text.removeprefix("file:").removeprefix("//"))) if text.startswith("file:") else Path(text)
        resolved = within(folder / path, self._root, where)
        if not resolved.exists():
            raise NotFound(f"{where}: {path.name!r} is not there.")
        return resolved.as_uri()


def _joined(lines: list[str]) -> Iterator[tuple[int, str]]:
    """Yield logical lines without comments, each with its number from 1."""
    start, parts = 0, list[str]()
    for number, line in enumerate([*lines, ""], 1):
        start = start or number
        if line.endswith("\\") and not line.lstrip().startswith("#"):
            parts.append(line[:-1])
            continue
        logical = _COMMENT.sub("", "".join((*parts, line))).strip()
        if logical:
            yield start, logical
        start, parts = 0, []


def _split(line: str) -> tuple[str, str]:
    """Return an option's long name and its value: of ``-r x``, ``-rx``, ``--requirement x``, ``--requirement=x``."""
    if line.startswith("--"):
        name, _, value = re.sub(r"^(--[\w-]+)[=\s]\s*", r"\1 ", line).partition(" ")
    else:
        name, value = _SHORT.get(line[:2], line[:2]), line[2:].lstrip(" =")
    return name, value.strip().strip("\"'")

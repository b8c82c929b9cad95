"""What an image's environment is to have: by the notebook's kernel, or by a file beside the notebook."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final, Protocol
from urllib.parse import unquote, urlsplit

from ..errors import InvalidInput, NotFound
from ..model.findings import Finding, Severity
from . import requirements_file
from .requirements_file import RequirementLines, name_of, within

OWN: Final = "jupyter-mltrain"
"""This project: images get it from the machine that builds them, not from an index."""


class Installed(Protocol):
    """A distribution of the kernel's environment; ``url`` is set where it came from elsewhere than an index."""

    @property
    def name(self) -> str: ...  # noqa: D102
    @property
    def version(self) -> str: ...  # noqa: D102
    @property
    def url(self) -> str: ...  # noqa: D102


@dataclass(frozen=True, slots=True)
class Wanted:
    """What an environment is to have.

    Attributes
    ----------
    requirements:
        PEP 508 lines that must hold.
    constraints:
        Lines that bind versions and places of packages without asking for them.
    preferred:
        Normalised name -> version that the kernel has, which is taken where it can be had.
    options:
        Lines for uv that say where packages come from. They may hold passwords: they are shown nowhere.
    hashes:
        Normalised name -> sha256 digests of which the locked file must have one.
    project:
        A ``pyproject.toml``: without its optional dependencies and dependency groups.
    lock:
        A ``pylock.toml`` that is taken as it is.
    python:
        What is said of the Python's version, as PEP 440 writes it: ``"==3.11.*"``; ``""``: nothing.
    folder:
        The notebook's root: nothing outside of it is read, and uv's settings for a project are taken from it.
    findings:
        What was left out, for the user.
    """

    folder: Path
    requirements: tuple[str, ...] = ()
    constraints: tuple[str, ...] = ()
    preferred: Mapping[str, str] = field(default_factory=dict)
    options: tuple[str, ...] = field(default=(), repr=False)
    hashes: Mapping[str, frozenset[str]] = field(default_factory=dict)
    project: Path | None = None
    lock: Path | None = None
    python: str = ""
    findings: tuple[Finding, ...] = ()

    @property
    def settings(self) -> Path:
        """The folder that uv takes a project's settings from."""
        return self.project.parent if self.project else self.folder

    def including(self, lines: Iterable[str]) -> Wanted:
        """Return the same with more requirements, such as those of the runner."""
        return replace(self, requirements=_without_own((*self.requirements, *lines)))


def from_kernel(requirements: Iterable[str], installed: Iterable[Installed], root: Path) -> Wanted:
    """Return the environment of a notebook by what its kernel has.

    Parameters
    ----------
    requirements:
        Lines of what the notebook needs itself; they hold exactly.
    installed:
        Everything that the kernel's environment has. Versions of what is needed in turn are taken from there where an
        index has them for the image's platform; what was installed from a folder, a commit or an address is taken from
        there again.
    root:
        The notebook's root.
    """
    distributions = {_normalised(one.name): one for one in installed if _normalised(one.name) != OWN}
    origins = {name: origin for name, one in distributions.items() if (origin := _origin(one.url))}
    lines = [_at_origin(line, origins) for line in requirements]
    return Wanted(
        folder=root,
        requirements=_without_own(lines),
        constraints=tuple(f"{name} @ {origin}" for name, origin in sorted(origins.items())),
        preferred={name: one.version for name, one in distributions.items()},
    )


def _origin(url: str) -> str:
    """Return where a distribution can be had again; ``""`` for an index, and for files that are gone."""
    if not url.startswith("file:"):
        return url
    path = Path(unquote(urlsplit(url).path))
    buildable = path.is_file() or (path / "pyproject.toml").is_file() or (path / "setup.py").is_file()
    return path.as_uri() if buildable else ""


def _at_origin(line: str, origins: Mapping[str, str]) -> str:
    """Return a requirement that names the place of a package which no index may have."""
    origin = origins.get(name_of(line))
    match = re.match(r"\s*[A-Za-z0-9][\w.-]*\s*(?:\[[^\]]*\])?", line)
    if not origin or not match:
        return line
    _, semicolon, marker = line.partition(";")
    return f"{match[0].strip()} @ {origin}" + (f" ; {marker.strip()}" if semicolon else "")


def from_file(path: Path, root: Path) -> Wanted:
    """Return the environment that a file describes: its name tells which kind of file it is.

    ``pyproject.toml``, ``environment.yml``, ``pylock.toml`` and ``pylock.NAME.toml``; any other is a requirements file.

    Raises
    ------
    InvalidInput
        The file is malformed, has what no image can be made with, or leads out of the root.
    NotFound
        It, or what it names, is not there.
    """
    path = within(path, root, path.name)
    if not path.is_file():
        raise NotFound(f"The file {path.name!r} is not there.", hint="Name the file that describes the environment.")
    if path.name == "pyproject.toml":
        return _project(path, root)
    if re.fullmatch(r"pylock(\.[^.]+)?\.toml", path.name):
        return Wanted(folder=root, lock=path)
    if path.suffix in {".yml", ".yaml"}:
        return _conda(path, root)
    return _of_lines(requirements_file.read(path, root), root)


def _of_lines(found: RequirementLines, root: Path) -> Wanted:
    return Wanted(
        folder=root,
        requirements=_without_own(found.requirements),
        constraints=tuple(found.constraints),
        options=tuple(found.options),
        hashes={name: frozenset(digests) for name, digests in found.hashes.items()},
    )


# --- pyproject.toml


def _project(path: Path, root: Path) -> Wanted:
    document = _toml(path)
    project = document.get("project", {})
    if not isinstance(project, dict) or not project:
        hint = "Add [project] with dependencies, or name another file."
        raise InvalidInput("pyproject.toml has no [project], so that it says nothing of an environment.", hint=hint)
    if "dependencies" in project.get("dynamic", ()):
        hint = "Write them into [project], or name a requirements file."
        raise InvalidInput(
            "The dependencies in pyproject.toml are dynamic: only building it would tell them.", hint=hint
        )
    _check_sources(document, path.parent, root)
    python = str(project.get("requires-python", ""))
    return Wanted(folder=root, project=path, python=python)


def _check_sources(document: Mapping[str, Any], folder: Path, root: Path) -> None:
    """Refuse sources that lie outside of the root: uv would follow them."""
    for name, places in document.get("tool", {}).get("uv", {}).get("sources", {}).items():
        for place in places if isinstance(places, list) else [places]:
            where = f"pyproject.toml, source of {name}"
            if "path" in place:
                within(folder / str(place["path"]), root, where)
            if place.get("workspace"):
                raise InvalidInput(f"{where}: members of a workspace are not taken.", hint="Name its path instead.")


def _toml(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise InvalidInput(f"{path.name} cannot be read: {error}.") from None


# --- environment.yml


def _conda(path: Path, root: Path) -> Wanted:
    """Take the pip part of a conda environment; the rest is told to the user."""
    conda, pip = _conda_dependencies(path)
    wanted = _of_lines(requirements_file.read_lines(pip, path, root), root)
    python = next((spec for name, spec in conda if name == "python"), "")
    left = sorted(name + spec for name, spec in conda if name not in {"python", "pip"})
    return replace(wanted, python=_pep440(python), findings=(_left_out(left, path),) if left else ())


def _conda_dependencies(path: Path) -> tuple[list[tuple[str, str]], list[str]]:
    """Return conda's packages as name and version, and the lines for pip."""
    import yaml

    try:
        document = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, yaml.YAMLError) as error:
        raise InvalidInput(f"{path.name} cannot be read: {error}.") from None
    entries = document.get("dependencies") or [] if isinstance(document, dict) else None
    if not isinstance(entries, list):
        raise InvalidInput(f"{path.name} has no list of dependencies.", hint="It is not conda's environment.yml.")
    conda, pip = list[tuple[str, str]](), list[str]()
    for entry in entries:
        if isinstance(entry, str):
            conda.append(_conda_spec(entry))
        elif isinstance(entry, dict) and isinstance(lines := entry.get("pip"), list):
            pip.extend(map(str, lines))
        else:
            raise InvalidInput(f"{path.name}: {entry!r} is no dependency.", hint="Packages for pip stand below 'pip:'.")
    return conda, pip


def _conda_spec(text: str) -> tuple[str, str]:
    """Return name and version of ``channel::name=version=build``."""
    match = re.match(r"\s*([\w.-]+)\s*(.*)", text.rpartition("::")[2])
    return (match[1].lower(), match[2].strip()) if match else (text, "")


def _pep440(spec: str) -> str:
    """Return conda's version of Python as PEP 440 has it: ``=3.11`` is any 3.11. ``""`` for what has no such form."""
    exact = re.fullmatch(r"={0,2}\s*(\d+(?:\.\d+)*)(?:\.\*)?(?:=\S+)?", spec)
    if exact:
        return f"=={exact[1]}.*" if exact[1].count(".") < 2 else f"=={exact[1]}"
    return spec if re.fullmatch(r"[<>!~][<>=!~.*,\d\s]*", spec) else ""


def _left_out(names: list[str], path: Path) -> Finding:
    return Finding(
        "conda-packages",
        Severity.WARNING,
        f"The image does not get what {path.name} has from conda: {', '.join(names)}.",
        "Move what the notebook needs below 'pip:', under its name on PyPI.",
        {"file": path.name},
    )


def _without_own(lines: Iterable[str]) -> tuple[str, ...]:
    return tuple(line for line in lines if name_of(line) != OWN)


def _normalised(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()

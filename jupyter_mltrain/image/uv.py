"""The uv program: how it is run, what decides its answers, and what its errors mean."""

from __future__ import annotations

import os
import re
import tomllib
from collections.abc import Callable, Sequence
from functools import lru_cache
from importlib import metadata
from pathlib import Path
from typing import Any, Final

from ..errors import MltrainError, NotInstalled, PackageIndexError, ResolutionError, StorageError
from . import programs
from .credentials import for_people
from .programs import Done

_LINES: Final = 15
_NO_DECISION: Final = re.compile(
    r"UV_(CACHE_DIR|CONCURRENT_\w+|NO_PROGRESS|HTTP_\w+|LINK_MODE|KEYRING_PROVIDER|INDEX_\w+_(USERNAME|PASSWORD))"
)
_LEFT_OUT: Final = frozenset(
    {
        *("VIRTUAL_ENV", "CONDA_PREFIX", "PYTHONPATH", "PYTHONHOME"),
        *("UV_SYSTEM_PYTHON", "UV_PYTHON", "UV_WORKING_DIR", "UV_PROJECT", "UV_REQUIRE_HASHES"),
    }
)


def run(arguments: Sequence[str], folder: Path, *, waiting: Callable[[], object], **env: str) -> Done:
    """Run uv in a folder, from which it takes a project's settings; ``env`` are variables over this process's.

    See `programs.run`. Raises ``NotInstalled`` where there is no uv.
    """
    return programs.run([_program(), *arguments], folder, {**environment(), **env}, waiting)


def environment() -> dict[str, str]:
    """Return the variables that uv gets: not those of the Python that runs this. It downloads no Python by itself."""
    found = {name: value for name, value in os.environ.items() if name not in _LEFT_OUT}
    return {"UV_PYTHON_DOWNLOADS": "never", **found, "NO_COLOR": "1", "UV_NO_PROGRESS": "1"}


@lru_cache(maxsize=1)
def version() -> str:
    """Return the version of uv that is installed. Raises ``NotInstalled``."""
    try:
        return metadata.version("uv")
    except metadata.PackageNotFoundError:
        raise NotInstalled("uv is not installed.", hint="pip install uv") from None


@lru_cache(maxsize=1)
def _program() -> str:
    try:
        from uv import find_uv_bin

        return find_uv_bin()
    except (ImportError, FileNotFoundError):
        raise NotInstalled("uv is not installed.", hint="pip install uv") from None


# --- settings


def settings(folder: Path) -> list[dict[str, Any]]:
    """Return uv's settings for a project, for this user and for the machine, as far as they can be read."""
    return [table for path in _settings_files(folder) if (table := _read(path))]


def has_settings(folder: Path) -> bool:
    """Return whether a folder has settings for uv."""
    return any(_read(folder / name) for name in ("uv.toml", "pyproject.toml"))


def deciding(folder: Path) -> list[Any]:
    """Return what, beside its arguments, decides uv's answer; without passwords."""
    variables = sorted((name, value) for name, value in os.environ.items() if name.startswith("UV_"))
    return [
        version(),
        [[name, for_people(value)] for name, value in variables if not _NO_DECISION.fullmatch(name)],
        for_people(repr(settings(folder))),
    ]


def _settings_files(folder: Path) -> list[Path]:
    if os.environ.get("UV_NO_CONFIG"):
        return []
    if os.environ.get("UV_CONFIG_FILE"):
        return [Path(os.environ["UV_CONFIG_FILE"])]
    user = Path(os.environ.get("XDG_CONFIG_HOME") or Path.home() / ".config") / "uv" / "uv.toml"
    return [folder / "uv.toml", folder / "pyproject.toml", user, Path("/etc/uv/uv.toml")]


def _read(path: Path) -> dict[str, Any]:
    try:
        document = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    if path.name == "pyproject.toml":
        document = document.get("tool", {}).get("uv", {})
    return document if isinstance(document, dict) else {}


# --- what went wrong


def error_of(output: str, what: str, folder: Path, *, head: int = 4) -> MltrainError:
    """Return the error that uv's output means.

    Parameters
    ----------
    output:
        What it wrote.
    what:
        What could not be done, as a sentence's beginning: ``"The environment cannot be resolved"``.
    folder:
        The temporary folder it worked in, which the message leaves out.
    head:
        How many of the first lines stay where not all can.
    """
    reason = reason_of(output, folder, head=head)
    if "No space left on device" in output:
        return StorageError(f"{what}: the disk is full.", hint="Free some space, or set UV_CACHE_DIR.")
    if re.search(r"401 Unauthorized|403 Forbidden|valid authentication credentials", output) and (
        "was not found" in output or "No solution found" not in output
    ):
        hint = "Give uv its login: UV_INDEX_<NAME>_USERNAME and _PASSWORD, netrc, or in the index's address."
        return PackageIndexError(f"{what}: a package index asks for a login.\n{reason}", hint=hint, code=_UNAUTHORISED)
    if "No solution found" not in output and _UNREACHABLE.search(output):
        hint = "Check the network, the proxy, and the address of the index."
        return PackageIndexError(
            f"{what}: a package index or a repository does not answer.\n{reason}", hint=hint, code=_SILENT
        )
    return ResolutionError(f"{what}.\n{reason}", hint=_hint(output), reason=reason)


_UNAUTHORISED: Final = "index-unauthorised"
_SILENT: Final = "index-unreachable"
_UNREACHABLE: Final = re.compile(
    r"Failed to fetch|error sending request|dns error|Connection refused|operation timed out|Request failed after"
    r"|unable to access|network connectivity is disabled|HTTP status (server|client) error"
)
_HINTS: Final = (
    ("network connectivity is disabled", "uv is set to work offline (UV_OFFLINE)."),
    ("network was disabled", "uv is set to work offline (UV_OFFLINE), and its cache does not have it."),
    ("requires Python", "Take a base image with another Python, or other versions."),
    ("does not satisfy Python", "Take a base image with another Python, or other versions."),
    ("matching Python ABI tag", "Take a base image with another Python, or other versions."),
    ("matching platform tag", "There is no wheel for the image's platform: take another version or base image."),
    ("was not found in the package registry", "Check the name; if it is on an index of your own, tell uv of that."),
    ("there is no version of", "Take a version that the index has."),
    ("ailed to build", "Take a version with a wheel, or publish one."),
    ("Couldn't parse requirement", "Write it as pip does: name>=1.2"),
    ("the start of a requirement", "Write requirements as pip does, one a line: name>=1.2"),
    ("unsatisfiable", "Loosen one of the versions that contradict each other."),
)


def _hint(output: str) -> str:
    return next((hint for mark, hint in _HINTS if mark in output), "")


_NO_REASON: Final = (
    *("warning:", "Using ", "Resolved ", "Building wheel", "No solution found when resolving"),
    "hint: Build failures usually",
)


def reason_of(output: str, folder: Path, *, head: int) -> str:
    """Return uv's own words: no paths of this machine, no logins, no tracebacks, 15 lines at most."""
    text = for_people(output).replace(str(folder.resolve()), "").replace(str(folder), "")
    text = re.sub(r"`?/?requirements\.in`?", "the requirements", text)  # a file that nobody but uv has seen
    text = re.sub(r"(?<![\w:/])/(?:[^\s/:'\"`]+/)+([^\s/:'\"`]+)", r"\1", text)
    text = re.sub(r"file://(?:/[^\s/'\"`]+)*/([^\s/'\"`]+)", r"\1", text)
    lines = [_plain(line) for line in text.splitlines() if line.strip()]
    lines = [line for line in lines if not line.startswith(_NO_REASON)]
    if len(lines) > _LINES:  # the beginning says what was tried, the end what went wrong
        lines = [*lines[:head], "...", *lines[head - _LINES + 1 :]]
    return "\n".join(lines)


def _plain(line: str) -> str:
    """Return a line without the marks that uv draws trees with."""
    return re.sub(r"^\s*(?:error: |cause: |[×╰─▶├│╮]+\s*)*", "", line).rstrip()

"""Where a program came from. It stands beside the program and is no part of its hash."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

_TIMEOUT: Final = 20.0  # seconds
_BATCH: Final = 500  # paths in one command line


@dataclass(frozen=True, slots=True)
class Provenance:
    """The source of a program.

    Attributes
    ----------
    source:
        The notebook's absolute path.
    commit:
        The 40 hex digits of the commit that the folder is at; ``None`` outside of a git repository.
    dirty:
        Whether the notebook or a shipped file is not what that commit has; ``None`` without a commit.
    """

    source: str
    commit: str | None = None
    dirty: bool | None = None

    def to_dict(self) -> dict[str, Any]:
        """Return the provenance as JSON."""
        return asdict(self)


def provenance_of(notebook: Path, files: Iterable[Path]) -> Provenance:
    """Ask git where a notebook and the files shipped with it stand. Without git, or on trouble, there is no commit."""
    commit = _git(notebook.parent, ["rev-parse", "--verify", "--quiet", "HEAD"])
    if not commit:
        return Provenance(str(notebook))
    return Provenance(str(notebook), commit.strip(), _is_dirty(notebook.parent, [notebook, *files]))


def last_change(notebook: Path, files: Sequence[Path]) -> str:
    """Return the commit that last changed one of these files, ``""`` where git knows none.

    Unlike the commit that the folder is at, it stays the same when something else in the repository changes.
    """
    paths = [f":(literal){path}" for path in (notebook, *files)][:_BATCH]
    return (_git(notebook.parent, ["log", "-1", "--format=%H", "--", *paths]) or "").strip()


def _is_dirty(folder: Path, paths: Sequence[Path]) -> bool | None:
    status = ["status", "--porcelain", "--ignored", "--untracked-files=all", "--"]
    for start in range(0, len(paths), _BATCH):
        found = _git(folder, status + [f":(literal){path}" for path in paths[start : start + _BATCH]])
        if found is None or found:
            return None if found is None else True
    return False


def _git(folder: Path, arguments: list[str]) -> str | None:
    """Return what a git command prints, or ``None`` if it fails. It takes no locks and reads no ``GIT_DIR``."""
    env = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    try:
        done = subprocess.run(
            ["git", "-C", str(folder), *arguments],  # noqa: S607
            capture_output=True,
            timeout=_TIMEOUT,
            stdin=subprocess.DEVNULL,
            env=env | {"GIT_OPTIONAL_LOCKS": "0"},
            check=True,
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout.decode("utf-8", "replace")

"""Fetches one commit of a git repository."""

from __future__ import annotations

import base64
import os
from collections.abc import Callable
from pathlib import Path

from ..errors import NotInstalled, PackageIndexError
from . import programs
from .credentials import Login, for_people


def checkout(url: str, commit: str, folder: Path, login: Login | None, waiting: Callable[[], object]) -> None:
    """Put the files of a commit, with those of its submodules, into a folder.

    Raises
    ------
    NotInstalled
        There is no git.
    PackageIndexError
        The repository does not answer, refuses, or does not have the commit.
    """
    folder.mkdir()
    _git(["init", "--quiet"], folder, url, None, waiting)
    try:
        _git(["fetch", "--quiet", "--depth=1", url, commit], folder, url, login, waiting)
    except PackageIndexError:  # not every server gives a commit by its id
        _git(["fetch", "--quiet", url, "+refs/*:refs/all/*"], folder, url, login, waiting)
    _git(["-c", "advice.detachedHead=false", "checkout", "--quiet", commit], folder, url, None, waiting)
    _git(["submodule", "--quiet", "update", "--init", "--recursive", "--depth=1"], folder, url, login, waiting)


def _git(arguments: list[str], folder: Path, url: str, login: Login | None, waiting: Callable[[], object]) -> None:
    try:
        done = programs.run(["git", *arguments], folder, _environment(url, login), waiting)
    except FileNotFoundError:
        raise NotInstalled("git is not installed, which a package is fetched with.", hint="Install git.") from None
    if done.code:
        reason = for_people(done.output).strip().rpartition("\n")[2]
        hint = "Check the address and the login, by hand with git fetch."
        raise PackageIndexError(f"{for_people(url)} gives no package: {reason}", hint=hint, code="index-unreachable")


def _environment(url: str, login: Login | None) -> dict[str, str]:
    """Return git's variables: it asks nobody, and a login is no argument that others can see."""
    found = {**os.environ, "GIT_TERMINAL_PROMPT": "0", "LC_ALL": "C"}
    if login:
        token = base64.b64encode(":".join(login).encode()).decode()
        found |= {
            "GIT_CONFIG_COUNT": "1",
            "GIT_CONFIG_KEY_0": f"http.{url}.extraHeader",
            "GIT_CONFIG_VALUE_0": f"Authorization: Basic {token}",
        }
    return found

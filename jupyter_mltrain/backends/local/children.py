"""Processes that this one has started and must take in at their end, so that none stays behind as a zombie.

A double fork would leave that to the first process of the machine, which in a container often does not care.
"""

from __future__ import annotations

import os

_children: set[int] = set()


def adopt(pid: int) -> None:
    """Have a process taken in once it has ended."""
    _children.add(pid)


def take_in() -> None:
    """Let those go that have ended. Cheap, and for any thread: called wherever something is started or looked at."""
    for pid in list(_children):
        try:
            ended, _ = os.waitpid(pid, os.WNOHANG)
        except ChildProcessError:  # somebody else has waited for it
            ended = pid
        if ended:
            _children.discard(pid)

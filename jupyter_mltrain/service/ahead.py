"""What a command begins before it has loaded all that it needs."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from threading import Thread


def ask_interpreter(notebook: Path, python: str | None) -> None:
    """Have the interpreter of a notebook's environment asked what it has, and return at once.

    One that was not asked before takes as long to answer as this process takes to load what builds images. What is
    wrong is told when the notebook is frozen.
    """
    # Loaded here, since two threads that load the same modules get in each other's way.
    import jupyter_core.paths  # noqa: F401

    from ..notebook import snapshot

    def ask() -> None:
        with suppress(Exception):  # whatever it is, freezing the notebook meets it again, where it can be told
            snapshot.ask_interpreter(notebook, python)

    Thread(target=ask, name="ask-interpreter", daemon=True).start()

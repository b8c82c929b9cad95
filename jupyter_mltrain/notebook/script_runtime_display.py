"""How an exported script shows results and figures. ``script_preamble`` copies these definitions into it, as text."""

import contextlib
import os
import sys
import traceback
from collections.abc import Iterator
from typing import Any

from .script_runtime_printer import plain_text


class Output:
    """Something that was displayed inside of a ``%%capture``."""

    def __init__(self, value: Any) -> None:
        self.value = value
        self.data = {"text/plain": plain_text(value)}

    def display(self) -> None:
        """Display it now."""
        publish(self.value)


captured: list[list[Output]] = []  # for each %%capture that runs, innermost last: what was displayed in it


def publish(value: Any) -> None:
    """Print a value as a notebook shows it, or keep it for the ``%%capture`` around."""
    own = getattr(type(value), "_ipython_display_", None)
    if own is not None and own.__module__ == __name__:  # a class of the notebook that displays itself
        own(value)
    elif captured:
        captured[-1].append(Output(value))
    else:
        print(plain_text(value))


def show(value: Any) -> None:
    """Show the value of a cell's last expression."""
    if value is not None:
        publish(value)


class Verbatim(str):
    """A text that is shown without quotes."""

    __repr__ = str.__str__


class DisplayHandle:
    """What ``display(..., display_id=True)`` returns, to show something newer later."""

    def __init__(self, display_id: Any = None) -> None:
        self.display_id = f"{id(self):032x}" if display_id in (None, True) else display_id

    def __repr__(self) -> str:
        return f"<DisplayHandle display_id={self.display_id}>"

    def display(self, value: Any, **options: Any) -> None:
        """Show the newer value below the old one, which stays."""
        publish(value)

    update = display


def display(*values: Any, display_id: Any = None, raw: bool = False, **options: Any) -> DisplayHandle | None:
    """Show values; with ``raw``, dicts of texts by their type."""
    for value in values:
        publish(Verbatim(value.get("text/plain", "")) if raw else value)
    return DisplayHandle(display_id) if display_id else None


def update_display(value: Any, *, display_id: Any, **options: Any) -> None:
    """Show the newer value of a display below the old one, which stays."""
    publish(value)


def clear_output(wait: bool = False) -> None:
    """Do nothing: what has been printed stays."""


class Markup:
    """HTML, Markdown, an image ...: in plain text a notebook shows its type only."""

    def __init__(self, data: Any = None, *args: Any, **options: Any) -> None:
        self.data = data
        vars(self).update(options)

    def __repr__(self) -> str:
        return f"<{type(self).__module__}.{type(self).__name__} object>"


def markup(name: str, module: str = "IPython.core.display") -> type:
    """Return a stand-in for one class of ``IPython.display``."""
    return type(name, (Markup,), {"__module__": module})


results: dict[int, Any] = {}  # Out
latest: list[Any] = ["", "", ""]  # what _, __ and ___ were set to


def remember(value: Any, number: int) -> Any:
    """Keep a result as ``_``, ``_5`` and ``Out[5]``, and return it. A ``_`` that the notebook has set stays."""
    names = globals()
    if value is None or value is results:
        return value
    free = all(names.get(name, last) is last for name, last in zip(("_", "__", "___"), latest, strict=True))
    latest[:] = value, *latest[:2]
    if free:
        names.update(zip(("_", "__", "___"), latest, strict=True))
    names[f"_{number}"] = results[number] = value
    return value


def show_figures(*args: Any, **options: Any) -> None:
    """Show matplotlib's open figures, as text, and close them: ``plt.show()``, and the end of each cell."""
    pyplot: Any = sys.modules.get("matplotlib.pyplot")
    for number in pyplot.get_fignums() if pyplot else ():
        publish(pyplot.figure(number))
    if pyplot:
        pyplot.close("all")


def use_figures() -> None:
    """Draw without a window, and let ``plt.show()`` show and close the figures as a notebook does."""
    os.environ["MPLBACKEND"] = "Agg"
    with contextlib.suppress(ImportError):
        import matplotlib.pyplot

        matplotlib.pyplot.show = show_figures


@contextlib.contextmanager
def expected_error() -> Iterator[None]:
    """Print the error of a cell and go on: its tag ``raises-exception`` allows that."""
    try:
        yield
    except Exception:  # noqa: BLE001
        traceback.print_exc()

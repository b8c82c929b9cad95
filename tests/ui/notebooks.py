"""Small notebooks that the tests train; those that wait do so at a gate."""

from __future__ import annotations

import json
import platform
from pathlib import Path

from tests.support import write_notebook
from tests.ui.gate import Gate

# As the kernel tells it: where a notebook says less, JupyterLab adds it, and the notebook has unsaved changes.
LANGUAGE = {
    "codemirror_mode": {"name": "ipython", "version": 3},
    "file_extension": ".py",
    "mimetype": "text/x-python",
    "name": "python",
    "nbconvert_exporter": "python",
    "pygments_lexer": "ipython3",
    "version": platform.python_version(),
}


def with_language(path: Path) -> Path:
    document = json.loads(path.read_text())
    document["metadata"] = {
        "kernelspec": {"display_name": "Python 3 (ipykernel)", "language": "python", "name": "python3"},
        "language_info": LANGUAGE,
    }
    path.write_text(json.dumps(document))
    return path


def write_quick(folder: Path, name: str) -> Path:
    """Write a notebook that prints its parameters and is done."""
    path = write_notebook(
        folder / f"{name}.ipynb",
        "print('rate is', rate)",
        "print('epochs are', epochs)",
        "print('that is all')",
        parameters='rate: float = 0.5  # how fast\nepochs: int = 2  # how long\nmood: str = "good"',
    )
    return with_language(path)


def write_steps(folder: Path, name: str, gate: Gate, steps: int = 3) -> Path:
    """Write a notebook that reports one loss for each step of the gate, and waits once more before it ends."""
    loop = (
        "for step in range(steps):\n    wait()\n    run.report(step=step, loss=1 / (step + 1))\n"
        "    print(f'step {step} done', flush=True)"
    )
    path = write_notebook(
        folder / f"{name}.ipynb",
        f"from jupyter_mltrain import run\n{gate.source}",
        loop,
        "wait()\nprint('that is all')",
        parameters=f"steps: int = {steps}  # how many",
    )
    return with_language(path)


def write_failing(folder: Path, name: str) -> Path:
    """Write a notebook whose second cell fails."""
    path = write_notebook(folder / f"{name}.ipynb", "print('so far so good')", "1 / 0", "print('never')")
    return with_language(path)


def write_cells(folder: Path, name: str, *sources: str, parameters: str | None = None) -> Path:
    """Write a notebook of these code cells."""
    return with_language(write_notebook(folder / f"{name}.ipynb", *sources, parameters=parameters))


def turn_to_markdown(path: Path, index: int, **more: object) -> Path:
    """Make a cell one of Markdown, which runs nothing; ``more`` goes into it, such as its attachments."""
    document = json.loads(path.read_text())
    cell = document["cells"][index]
    document["cells"][index] = (
        {key: cell[key] for key in ("id", "metadata", "source")} | {"cell_type": "markdown"} | more
    )
    path.write_text(json.dumps(document))
    return path

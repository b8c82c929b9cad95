"""Freezing a notebook of 200 cells with 100 local modules, and again when nothing changed."""

import json
import sys
import tempfile
from pathlib import Path

from report import heading, median_time, row, timed


def make_notebook(folder: Path, cells: int, modules: int) -> Path:
    """Write a notebook whose cells import a chain of local modules."""
    for index in range(modules):
        following = f"import module_{index + 1}\n" if index + 1 < modules else ""
        (folder / f"module_{index}.py").write_text(
            f"import json, math\n{following}\ndef work(x):\n    return x + {index}\n"
        )
    sources = ["n: int = 1  # how many", "import module_0, numpy as np"]
    sources += [f"value_{index} = np.arange(n).sum() + module_0.work({index})" for index in range(cells - 2)]
    document = {
        "nbformat": 4,
        "nbformat_minor": 5,
        "metadata": {"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}},
        "cells": [
            {
                "cell_type": "code",
                "id": f"cell-{index}",
                "metadata": {"tags": ["parameters"]} if index == 0 else {},
                "source": source,
                "outputs": [],
                "execution_count": None,
            }
            for index, source in enumerate(sources)
        ],
    }
    path = folder / "large.ipynb"
    path.write_text(json.dumps(document))
    return path


def main() -> None:
    from jupyter_mltrain.notebook import freeze, program

    heading("Program of 200 cells and 100 modules")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        path = make_notebook(folder, 200, 100)
        row("freeze, first (asks the interpreter for its packages)", timed(lambda: freeze(path, python=sys.executable)))
        row("freeze, again", median_time(lambda: freeze(path, python=sys.executable)))
        frozen = freeze(path, python=sys.executable)
        assert len(frozen.program.files) == 100
        stores = iter(range(1000))
        row("save", median_time(lambda: program.save(frozen.program, frozen.blobs, folder / f"store{next(stores)}")))
        store = folder / "store0"
        row("load and verify", median_time(lambda: program.load(frozen.program.digest, [store])))


if __name__ == "__main__":
    main()

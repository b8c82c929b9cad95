"""The income sample from end to end, against the same notebook written without a thought for time, at equal figures.

Straightforward means: scikit-learn's sparse one-hot matrix, and alibi imported as it comes, with TensorFlow.
Needs the real data: MLTRAIN_DATA names a folder with ``income/adult.data``. Aim: 2.5 times faster.
"""

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

from report import heading, interleaved, row, timed

NOTEBOOK = Path(__file__).parents[1] / "notebooks" / "income.ipynb"
# TensorFlow and Triton each bring an LLVM of their own; the process dies where Triton's is loaded second.
TRITON_FIRST = "try:\n    import triton._C.libtriton\nexcept ImportError:\n    pass"
PLAINER = {
    ", sparse_output=False": "",
    'for heavy in ("tensorflow", "torch"):\n    sys.modules.setdefault(heavy, None)': TRITON_FIRST,
}


def script(folder: Path, data: Path, *, straightforward: bool) -> Path:
    """Write the notebook's code as a script."""
    cells = [cell for cell in json.loads(NOTEBOOK.read_text())["cells"] if cell["cell_type"] == "code"]
    sources = ["".join(cell["source"]) for cell in cells]
    sources.insert(1, f"data_dir = {str(data)!r}")
    text = "\n".join(sources)
    for fast, plain in PLAINER.items() if straightforward else ():
        assert fast in text, fast
        text = text.replace(fast, plain)
    path = folder / f"income_{'plain' if straightforward else 'ours'}.py"
    path.write_text(text)
    return path


def figures(output: str) -> list[str]:
    """Return the lines with accuracies, anchors, precision and coverage."""
    words = ("accuracy", "Anchor", "No anchor", "Precision", "Coverage")
    return [line for line in output.splitlines() if any(word in line for word in words)]


def main() -> None:
    data = Path(os.environ.get("MLTRAIN_DATA") or "missing") / "income"
    if not data.is_dir():
        print("Income: skipped, MLTRAIN_DATA names no folder with income/adult.data")
        return
    from importlib.metadata import version

    heading(
        "Income: load, fit, explain, export", f"scikit-learn {version('scikit-learn')}", f"alibi {version('alibi')}"
    )
    with tempfile.TemporaryDirectory() as name:
        outputs: dict[bool, str] = {}

        def run(straightforward: bool) -> float:
            path = script(Path(name), data, straightforward=straightforward)

            def work() -> None:
                done = subprocess.run(
                    [sys.executable, path],
                    cwd=name,
                    check=True,
                    stdout=subprocess.PIPE,
                    stderr=subprocess.DEVNULL,
                    text=True,
                )
                outputs[straightforward] = done.stdout

            return timed(work)

        ours, peer = interleaved(lambda: run(False), lambda: run(True), 3)
        row("income, end to end", ours, peer=peer, target="aim >= 2.5x")
        assert figures(outputs[False]) == figures(outputs[True])
        print("figures of both:", *figures(outputs[False]), sep="\n  ")


if __name__ == "__main__":
    main()

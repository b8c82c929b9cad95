"""``mltrain --help`` against a bare start of Python. Aim: at most 0.2 s more."""

import subprocess
import sys
from pathlib import Path

from report import heading, interleaved, row, timed

MLTRAIN = Path(sys.executable).with_name("mltrain")


def run(*command: object) -> float:
    return timed(lambda: subprocess.run([*map(str, command)], stdout=subprocess.DEVNULL, check=True))


def main() -> None:
    heading("mltrain --help")
    ours, bare = interleaved(lambda: run(MLTRAIN, "--help"), lambda: run(sys.executable, "-c", "pass"), 15)
    row("mltrain --help", ours)
    row("python -c pass", bare)
    row("difference", ours - bare, target="aim <= 0.2 s")


if __name__ == "__main__":
    main()

"""Building and pushing an image of a notebook: this project against buildah, by turns, on the same lock and base.

The input: ``notebooks/penguins.ipynb`` with what it and the runner need, 55 wheels of 88 MB, on Debian 12 with Python.
Both push to one registry on loopback, which has the base image and is empty otherwise, in layers with zstd. Before
anything is measured buildah has the base in its storage, and this project has looked at it. Packages come from PyPI,
for both as often as they ask for them; with ``--local`` the network costs nothing: buildah's pip has the wheels in a
folder, and this project in its cache. The fresh machine of either has what the registry has of the first one. Each
round has a new registry, new caches and new storages.

``python benchmarks/bench_image.py [--local] [--rounds 3] [--changes 7] [--no-memory]``, as root for buildah: ten
minutes with nothing else on the machine.
"""

from __future__ import annotations

import argparse
import os
import statistics
import tempfile
from collections import defaultdict
from collections.abc import Callable
from itertools import count
from pathlib import Path

import pytest
from image_builders import Buildah, Ours, Spent, buildah_version
from image_inputs import ADDED, Project, add_large_wheel, index, project, registry
from image_memory import peak
from report import heading, row

from tests.image.base_image import CannotMake

AIMS = {
    "nothing known but the base": "aim >= 6x",
    "one dependency added": "aim >= 30x",
    "fresh machine, lock known to the registry": "aim >= 30x",
    "notebook changed, by command line": "aim <= 0.25 s",
}
COLD, ADD, FRESH, CHANGED = AIMS
HERE = "notebook changed, in process"
GZIP = "nothing known; buildah with gzip, its default"

Pair = tuple[Spent, Spent | None]


class Rounds:
    """Measures, and keeps what each took."""

    def __init__(self, project: Project, index: str, folder: Path, *, peer: bool) -> None:
        self.pairs: dict[str, list[Pair]] = defaultdict(list)
        self.here: list[float] = []
        self._project = project
        self._index = index
        self._folder = folder
        self._peer = peer
        self._numbers = count()

    def run(self, number: int, changes: int) -> None:
        """Measure everything once, and changes of the notebook some times."""
        folder = self._folder / f"round{number}"
        with registry(folder) as host:
            ours, peer = self._builders(host, folder / "first")
            self._both(COLD, lambda: ours.build("all"), peer, lambda one: one.build("all"))
            _compare(ours, peer)
            ours.build_here("all")  # which imports what it needs
            for _ in range(changes):
                self._change()
                self.here.append(ours.build_here("all"))
                self._change()
                self._both(CHANGED, lambda: ours.build("all"), peer, lambda one: one.build("all"))
            added = ADDED[number % len(ADDED)]
            self._both(ADD, lambda: ours.build(added), peer, lambda one: one.build(added))
            if peer is not None:
                peer.share("all")
            self._change()
            other, other_peer = self._builders(host, folder / "second", fresh=True)
            self._both(FRESH, lambda: other.build("all"), other_peer, lambda one: one.build("all", shared=True))
            for each in (peer, other_peer):
                if each is not None:
                    each.discard()

    def gzip(self) -> None:
        """Measure buildah as it is by default."""
        folder = self._folder / "gzip"
        with registry(folder) as host:
            _, peer = self._builders(host, folder)
            if peer is not None:
                theirs = peer.build("all", compression="gzip")
                self.pairs[GZIP] = [(ours, theirs) for ours, _ in self.pairs[COLD]]
                peer.discard()

    def memory(self, lock: str) -> tuple[float, float | None]:
        """Return the most memory, in MiB, of building and pushing where nothing is known but wheels and base."""
        folder = self._folder / f"memory-{lock}"
        with registry(folder) as host:
            ours, peer = self._builders(host, folder)
            used = peak([ours.command(lock)], ours.environment)
            if peer is None:
                return used, None
            peer.prepare(lock)
            used_by_peer = peak(peer.commands())
            peer.discard()
            return used, used_by_peer

    def _builders(self, host: str, folder: Path, *, fresh: bool = False) -> tuple[Ours, Buildah | None]:
        ours = Ours(self._project, host, self._index, folder / "ours")
        peer = Buildah(self._project, host, folder / "peer") if self._peer else None
        if not fresh:
            ours.look_at_base()
            if self._project.local:
                ours.take_wheels()
        if peer is not None and not fresh:
            peer.pull_base()
        return ours, peer

    def _change(self) -> None:
        self._project.change(next(self._numbers))

    def _both(
        self, name: str, ours: Callable[[], Spent], peer: Buildah | None, theirs: Callable[[Buildah], Spent]
    ) -> None:
        self.pairs[name].append((ours(), None if peer is None else theirs(peer)))


def _compare(ours: Ours, peer: Buildah | None) -> None:
    """Stop if the two images have not the same packages."""
    if peer is None:
        return
    made, theirs = (peer.distributions(reference) for reference in (f"{ours.repository}:latest", peer.repository))
    differing = {name for name in made ^ theirs if not name.startswith("jupyter_mltrain-")}
    assert not differing, f"the images differ in {differing}"


def show(name: str, pairs: list[Pair], target: str = "") -> None:
    """Print the medians of one measurement, by the clock and of the processors."""
    ours, peers = zip(*pairs, strict=True)
    for title, field, aim in ((name, "wall", target), ("    processors' time of that", "processor", "")):
        values = [getattr(one, field) for one in ours]
        theirs = [getattr(one, field) for one in peers if one is not None]
        row(title, statistics.median(values), peer=statistics.median(theirs) if theirs else None, target=aim)


def load() -> str:
    """Return what else the machine does."""
    return "load " + " ".join(f"{one:.1f}" for one in os.getloadavg())


def measure(folder: Path, rounds: int, changes: int, *, local: bool, memory: bool) -> None:
    """Run all rounds and print what they gave."""
    version = buildah_version()
    peer = f"buildah {version}, overlay, chroot, --layers" if version else "no peer: buildah is missing, or not root's"
    made = project(folder / "project", local=local)
    every = made.locks["all"].wheels
    size = sum(one.size or 0 for one in every) / 1000**2
    heading("Image: build and push", peer, f"{len(every)} wheels, {size:.0f} MB", load() + " before")
    print("packages are local" if local else "packages from PyPI")
    with index(made) as url:
        done = Rounds(made, url, folder, peer=bool(version))
        for number in range(rounds):
            done.run(number, changes)
        report(done)
        if version:
            done.gzip()
            show(GZIP, done.pairs[GZIP])
    if memory:
        measure_memory(project(folder / "local", local=True), folder, peer=bool(version))
    print(f"{load()} after")


def measure_memory(made: Project, folder: Path, *, peer: bool) -> None:
    """Print the most memory of a build with and without a large wheel."""
    add_large_wheel(made)
    with index(made) as url:
        done = Rounds(made, url, folder / "memory", peer=peer)
        for name, lock in (("memory, nothing known", "all"), ("memory, and a wheel of 500 MB more", "large")):
            ours, theirs = done.memory(lock)
            row(name, ours, "MiB", peer=theirs, target="aim: bounded")


def report(done: Rounds) -> None:
    """Print the medians of the rounds."""
    changed = [theirs.wall for _, theirs in done.pairs[CHANGED] if theirs is not None]
    row(HERE, statistics.median(done.here), peer=statistics.median(changed) if changed else None, target="aim <= 0.1 s")
    for name in (CHANGED, COLD, ADD, FRESH):
        show(name, done.pairs[name], AIMS[name])


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--changes", type=int, default=7, help="changes of the notebook in each round")
    parser.add_argument("--local", action="store_true", help="the network costs nothing")
    parser.add_argument("--no-memory", dest="memory", action="store_false")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="mltrain-bench-") as name:
        try:
            measure(Path(name), options.rounds, options.changes, local=options.local, memory=options.memory)
        except (CannotMake, pytest.skip.Exception) as error:
            print(f"Image: skipped, {error}")


if __name__ == "__main__":
    main()

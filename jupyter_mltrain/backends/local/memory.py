"""What a replica may use of the machine: memory for its whole process tree, and how many threads it starts.

The memory limit is held by the kernel where this user may make a control group, else by the shim, which measures the
tree (see ``shim.Memory``). With cgroup v1 a group is made below our own; with v2, where a group that has processes
cannot have such children, below the nearest one that can, but never so that a limit set on us would be left behind.
Without a limit a group is made too where that can be: by it a process is found that has left all other traces behind.
"""

from __future__ import annotations

import contextlib
import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

_THREAD_COUNTS = (
    "OMP_NUM_THREADS",  # OpenMP: scikit-learn, torch, oneDNN
    "OPENBLAS_NUM_THREADS",
    "MKL_NUM_THREADS",
    "BLIS_NUM_THREADS",
    "VECLIB_MAXIMUM_THREADS",
    "NUMEXPR_NUM_THREADS",
    "NUMEXPR_MAX_THREADS",
    "NUMBA_NUM_THREADS",
    "RAYON_NUM_THREADS",
    "POLARS_MAX_THREADS",
    "LOKY_MAX_CPU_COUNT",  # joblib
    "TF_NUM_INTRAOP_THREADS",
    "TF_NUM_INTEROP_THREADS",
    "PYTHON_CPU_COUNT",  # os.cpu_count() from Python 3.13 on
)


def thread_env(cpus: float, env: Mapping[str, str]) -> dict[str, str]:
    """Return variables that keep libraries to ``cpus`` processors (rounded up), without those that ``env`` sets."""
    count = str(max(1, math.ceil(cpus)))
    return {name: count for name in _THREAD_COUNTS if name not in env}


@dataclass(frozen=True, slots=True)
class Group:
    """A control group, in either version of the interface."""

    folder: Path
    version: int
    limited: bool = False

    def files(self) -> dict[str, str]:
        """Return the files that the shim uses; ``control`` only exists in version 1, where it announces a shortage."""
        if not self.limited:
            names = {"procs": "cgroup.procs"}
        elif self.version == 2:
            names = {"procs": "cgroup.procs", "events": "memory.events", "peak": "memory.peak"}
        else:
            names = {
                "procs": "cgroup.procs",
                "events": "memory.oom_control",
                "peak": "memory.max_usage_in_bytes",
                "control": "cgroup.event_control",
            }
        return {use: str(self.folder / name) for use, name in names.items()}

    def limit(self, size: int) -> None:
        """Set the limit in bytes, swap included. Raises ``OSError``."""
        if self.version == 2:
            (self.folder / "memory.max").write_text(str(size))
            optional = {"memory.swap.max": "0", "memory.oom.group": "1"}
        else:
            (self.folder / "memory.limit_in_bytes").write_text(str(size))
            optional = {"memory.memsw.limit_in_bytes": str(size)}
        for name, value in optional.items():
            with contextlib.suppress(OSError):  # a kernel without swap accounting, or before 4.19
                (self.folder / name).write_text(value)

    def members(self) -> list[int]:
        """Return the processes in the group."""
        try:
            return [int(line) for line in (self.folder / "cgroup.procs").read_text().split()]
        except OSError:
            return []

    def remove(self) -> None:
        """Remove the group if nothing is in it. Idempotent."""
        with contextlib.suppress(OSError):
            self.folder.rmdir()


@dataclass(frozen=True, slots=True)
class Hierarchy:
    """A mounted tree of control groups, and our own place in it."""

    version: int
    root: Path
    own: Path

    def ancestry(self) -> Iterator[Path]:
        """Yield our own group and those above it."""
        folder = self.own
        yield folder
        while folder != self.root:
            folder = folder.parent
            yield folder

    def parent(self) -> Path | None:
        """Return the group below which we may make others with a memory limit, if there is one."""
        if self.version == 1:
            return self.own
        for folder in self.ancestry():
            if "memory" in read(folder / "cgroup.subtree_control").split():
                return folder
            if {read(folder / name) or "max" for name in ("memory.max", "memory.high")} != {"max"}:
                return None
        return None


def make_group(uid: str, limit: int | None) -> Group | None:
    """Make a group for a run, with a limit in bytes or without; ``None`` where this user or this kernel cannot."""
    for hierarchy in hierarchies():
        parent = hierarchy.own if limit is None else hierarchy.parent()
        if parent is None:
            continue
        group = Group(parent / _name(uid), hierarchy.version, limited=limit is not None)
        try:
            group.folder.mkdir(exist_ok=True)  # a launch that was cut off may have left it
            if limit is not None:
                group.limit(limit)
        except OSError:
            group.remove()
            continue
        return group
    return None


def find_groups(uid: str) -> list[Group]:
    """Find what groups there are of a run, whoever made them and wherever that was."""
    return [Group(path, each.version) for each in hierarchies() for path in each.root.rglob(_name(uid))]


def hierarchies(controller: str = "memory") -> list[Hierarchy]:
    """Return the mounted hierarchies with a controller; none where there are no control groups."""
    mounts, groups = read(Path("/proc/self/mountinfo")), read(Path("/proc/self/cgroup"))
    return parse_hierarchies(mounts.splitlines(), groups.splitlines(), controller)


def parse_hierarchies(mounts: Iterable[str], groups: Iterable[str], controller: str) -> list[Hierarchy]:
    """Read the lines of ``/proc/self/mountinfo`` (proc(5)) and ``/proc/self/cgroup`` (cgroups(7))."""
    own = {}
    for line in groups:
        _, controllers, path = line.split(":", 2)
        if not controllers:
            own[2] = path
        elif controller in controllers.split(","):
            own[1] = path
    found = []
    for line in mounts:
        left, _, right = line.partition(" - ")
        mounted_path, mount_point = left.split()[3:5]
        kind, _, options = right.split(" ", 2)
        version = 2 if kind == "cgroup2" else 1 if kind == "cgroup" and controller in options.split(",") else 0
        if version in own and _below(own[version], mounted_path):
            root = Path(mount_point)
            found.append(Hierarchy(version, root, root / Path(own[version]).relative_to(mounted_path)))
    return found


def _below(path: str, root: str) -> bool:
    return ".." not in Path(path).parts and Path(path).is_relative_to(root)


def _name(uid: str) -> str:
    return f"mltrain-{uid}"


def read(path: Path) -> str:
    """Return the content of a kernel's file, stripped; empty if there is none."""
    try:
        return path.read_text().strip()
    except OSError:
        return ""

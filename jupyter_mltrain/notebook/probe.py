"""Run by the kernel's interpreter, which may be any Python from 3.8: print what is installed there, as JSON.

Standard library only, and never imported by this project: its text is handed to ``python -c``.

Printed: ``version``; ``paths`` (each folder of ``sys.path`` with its modification time in ns, taken first);
``suffixes`` of modules; ``stdlib`` (top-level names); ``distributions`` (name, version, url, editable); ``providers``
(top-level name -> indices of the distributions that have modules below it); ``shared`` (for the top-level names that
are namespaces or have several providers: dotted module -> indices); ``loose`` (top-level modules that no distribution
brings).
"""

from __future__ import annotations

import json
import os
import pkgutil
import re
import sys
import sysconfig
from importlib import machinery, metadata
from pathlib import Path

SUFFIXES = tuple(machinery.SOURCE_SUFFIXES + machinery.EXTENSION_SUFFIXES)
LONGEST_FIRST = sorted(SUFFIXES, key=len, reverse=True)
NAME = re.compile(r"^Name:[ \t]*(\S+)", re.MULTILINE | re.IGNORECASE)
VERSION = re.compile(r"^Version:[ \t]*(\S+)", re.MULTILINE | re.IGNORECASE)


def stat_paths() -> list[tuple[str, int]]:
    """Return the folders that imports come from, with the time of their last change."""
    found = []
    for path in sys.path:
        try:
            found.append((path, Path(path).stat().st_mtime_ns))
        except OSError:
            continue
    return found


def stdlib_names() -> set[str]:
    """Return the top-level names of the standard library."""
    names = getattr(sys, "stdlib_module_names", None)  # from 3.10
    if names is None:
        stdlib = Path(sysconfig.get_path("stdlib"))
        found = {module.name for module in pkgutil.iter_modules([str(stdlib), str(stdlib / "lib-dynload")])}
        names = found | set(sys.builtin_module_names)
    return set(names)


def name_of(distribution: metadata.Distribution) -> tuple[str, str]:
    """Return (name, version) of a distribution, each "" where it has none.

    The standard library parses a whole description for each of both; that of a large environment takes a second.
    """
    text = next(filter(None, map(distribution.read_text, ("METADATA", "PKG-INFO", ""))), "")
    headers = text.replace("\r\n", "\n").partition("\n\n")[0]
    name, version = NAME.search(headers), VERSION.search(headers)
    return (name.group(1) if name else ""), (version.group(1) if version else "")


def record_of(distribution: metadata.Distribution) -> list[str]:
    """Return the paths of a distribution's installed files, as its metadata has them."""
    return [line.rsplit(",", 2)[0].strip('"') for line in (distribution.read_text("RECORD") or "").splitlines()]


def module_of(path: str) -> str | None:
    """Return the dotted name of the module in a file, or None where the file is no importable module."""
    if not path.endswith(SUFFIXES):  # most files: there can be a hundred thousand
        return None
    suffix = next(suffix for suffix in LONGEST_FIRST if path.endswith(suffix))
    parts = path[: -len(suffix)].split("/")
    if parts[-1] == "__init__":
        parts.pop()
    return ".".join(parts) if parts and all(part.isidentifier() for part in parts) else None


def origin_of(distribution: metadata.Distribution) -> tuple[str, bool]:
    """Return (url, editable) of a distribution that came from elsewhere than an index."""
    try:
        origin = json.loads(distribution.read_text("direct_url.json") or "{}")
    except ValueError:
        return "", False
    url = origin.get("url", "")
    vcs = origin.get("vcs_info", {})
    if vcs:
        url = "{}+{}@{}".format(vcs.get("vcs", "git"), url, vcs.get("commit_id", ""))
    return url, bool(origin.get("dir_info", {}).get("editable"))


def linked_modules(distribution: metadata.Distribution, files: list[str]) -> set[str]:
    """Return the top-level modules in the folders that an editable install's .pth files name."""
    folders: list[str] = []
    for file in files:
        if file.endswith(".pth") and "/" not in file:
            try:
                lines = Path(str(distribution.locate_file(file))).read_text(encoding="utf-8").splitlines()
            except (OSError, UnicodeDecodeError):
                continue
            folders += [line.strip() for line in lines if line.strip() and Path(line.strip()).is_dir()]
    return {module.name for module in pkgutil.iter_modules(folders)}


def modules_of(distribution: metadata.Distribution, editable: bool) -> set[str]:
    """Return the dotted modules of a distribution; only top-level ones where its metadata says no more."""
    files = record_of(distribution)
    found = {module for module in map(module_of, files) if module}
    tops = {module.split(".")[0] for module in found}
    declared = (distribution.read_text("top_level.txt") or "").split()
    found |= {name for name in declared if name.isidentifier() and name not in tops}
    return found | linked_modules(distribution, files) if editable else found


def shared_modules(providers: dict[str, list[int]], modules: list[set[str]]) -> dict[str, dict[str, list[int]]]:
    """Return who brings which module below the top-level names that are namespaces or come from several."""
    shared: dict[str, dict[str, list[int]]] = {}
    for top, indices in providers.items():
        if len(indices) == 1 and top in modules[indices[0]]:
            continue
        below = shared.setdefault(top, {})
        for index in indices:
            for name in modules[index]:
                if name.split(".")[0] == top:
                    below.setdefault(name, []).append(index)
    return shared


def loose_modules(paths: list[tuple[str, int]]) -> set[str]:
    """Return the top-level modules outside of the standard library's own folders."""
    stdlib = {str(Path(os.__file__).parent), sysconfig.get_path("stdlib"), sysconfig.get_path("platstdlib")}
    outside = [path for path, _ in paths if path not in stdlib and not path.endswith("lib-dynload")]
    return {module.name for module in pkgutil.iter_modules(outside)}


def inspect() -> dict[str, object]:
    """Gather everything that is printed."""
    paths, stdlib = stat_paths(), stdlib_names()
    distributions: list[tuple[str, str, str, bool]] = []
    modules: list[set[str]] = []
    seen: set[str] = set()
    for distribution in metadata.distributions():
        name, version = name_of(distribution)
        if not name or name.lower() in seen:  # the first on sys.path counts
            continue
        seen.add(name.lower())
        url, editable = origin_of(distribution)
        distributions.append((name, version, url, editable))
        modules.append(modules_of(distribution, editable))
    providers: dict[str, list[int]] = {}
    for index, names in enumerate(modules):
        for top in {name.split(".")[0] for name in names}:
            providers.setdefault(top, []).append(index)
    return {
        "version": "{}.{}.{}".format(*sys.version_info[:3]),
        "paths": paths,
        "suffixes": SUFFIXES,
        "stdlib": sorted(stdlib),
        "distributions": distributions,
        "providers": providers,
        "shared": shared_modules(providers, modules),
        "loose": sorted(loose_modules(paths) - stdlib - set(providers)),
    }


if __name__ == "__main__":
    if sys.path and not sys.path[0]:
        del sys.path[0]
    sys.stdout.write(json.dumps(inspect()))

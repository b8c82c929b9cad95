"""Which packages an image's Python has, by their metadata."""

from __future__ import annotations

import re
from pathlib import PurePosixPath

from ..inspected import BasePython
from .python import library_folders
from .tree import File, Folder, Node, Tree

_METADATA = {".dist-info": "METADATA", ".egg-info": "PKG-INFO"}


def find_packages(tree: Tree, python: BasePython) -> dict[str, str]:
    """Return the packages that ``python`` imports in an image: names as indexes write them -> versions."""
    from packaging.utils import canonicalize_name

    found: dict[str, str] = {}
    for path in _site_folders(tree, python):
        folder = tree.folder(path)
        for name in sorted(folder.children) if folder else ():
            if package := _package(tree, f"{path}/{name}", tree.find(f"{path}/{name}")):
                found.setdefault(canonicalize_name(package[0]), package[1])
    return found


def _site_folders(tree: Tree, python: BasePython) -> list[str]:
    """Return the folders with packages, in the order in which Python looks through them."""
    if python.environment:
        config = tree.file(f"{python.environment}/pyvenv.cfg")
        own = [f"{python.environment}/{lib}/python{python.minor}/site-packages" for lib in ("lib", "lib64")]
        if not config or not re.search(rb"(?mi)^\s*include-system-site-packages\s*=\s*true", config.content):
            return own
        return own + _base_folders(tree, python)
    return _base_folders(tree, python)


def _base_folders(tree: Tree, python: BasePython) -> list[str]:
    libraries = library_folders(tree, python.prefix, python.minor)
    found = [f"{library}/site-packages" for library in libraries]
    if python.prefix == "/usr":
        # Debian's Python has its packages in folders of other names, Fedora's has what is no part of it in /usr/local.
        local = [f"/usr/local/{lib}/python{python.minor}" for lib in ("lib", "lib64")]
        found = [f"{folder}/{name}" for folder in local for name in ("dist-packages", "site-packages")] + found
        found.append("/usr/lib/python3/dist-packages")
    return found


def _package(tree: Tree, path: str, node: Node | None) -> tuple[str, str] | None:
    """Return name and version of an installed package, or None where a path is not the metadata of one."""
    name = _METADATA.get(PurePosixPath(path).suffix)
    if name is None:
        return None
    if isinstance(node, Folder):
        node = tree.file(f"{path}/{name}")
    if not isinstance(node, File):
        return None
    header = re.split(r"\r?\n\r?\n", node.content.decode("utf-8", "replace"), maxsplit=1)[0]
    fields = dict(re.findall(r"(?m)^(Name|Version):[ \t]*(\S+)", header))
    return (fields["Name"], fields["Version"]) if len(fields) == 2 else None

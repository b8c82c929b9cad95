"""The files of an image as its layers leave them, without their content.

Layers lie over each other as the OCI image specification says (layer.md, "Applying changesets"): a later file replaces
an earlier one, ``.wh.NAME`` takes away what lower layers have under that name, ``.wh..wh..opq`` all that they have in
the folder. As in the runtimes that unpack images, a layer's path goes through links that are there already: ``lib/x``
lies in ``usr/lib`` where ``lib`` is a link to it. No link leads out of the image.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

from .elf import Elf

_WHITEOUT: Final = ".wh."
_OPAQUE: Final = ".wh..wh..opq"
_MOST_LINKS: Final = 40  # in one path, as in Linux


@dataclass(slots=True)
class File:
    """A file that matters.

    Attributes
    ----------
    content:
        Of text files.
    elf:
        Headers of programs and libraries that were read, else None.
    versions:
        Those that a program's or a library's own text names, in its order.
    layer:
        Number of the layer that it came with.
    """

    executable: bool = False
    content: bytes = b""
    elf: Elf | None = None
    versions: tuple[str, ...] = ()
    layer: int = 0


@dataclass(slots=True)
class Link:
    """A symbolic link."""

    target: str
    layer: int = 0


@dataclass(slots=True)
class Folder:
    """A folder, and of its files those that matter."""

    children: dict[str, Node] = field(default_factory=dict)
    layer: int = 0


Node = File | Link | Folder


def is_whiteout(path: str) -> bool:
    """Whether a layer's entry takes files of lower layers away."""
    return path.rpartition("/")[2].startswith(_WHITEOUT)


class Tree:
    """An image's files. Paths are as in tars, with or without a leading ``/`` or ``./``."""

    def __init__(self) -> None:
        self.root = Folder()
        self.nodes = 0

    def add(self, path: str, node: Node | None) -> None:
        """Put a node of the layer that is being read; None is a file that does not matter, which may replace one."""
        *above, name = _parts(path) or [""]
        folder = self._folder(above, node)
        if folder is None or name in {"", ".."}:
            return
        there = folder.children.get(name)
        if isinstance(node, Folder) and isinstance(there, Folder):
            there.layer = node.layer
        elif node is None:
            folder.children.pop(name, None)
        else:
            folder.children[name] = node
            self.nodes += 1

    def take_away(self, path: str, layer: int) -> None:
        """Apply a whiteout of a layer: what the layer itself has stays."""
        *above, name = _parts(path)
        folder = self.find("/".join(above))
        if not isinstance(folder, Folder):
            return
        names = list(folder.children) if name == _OPAQUE else [name.removeprefix(_WHITEOUT)]
        for each in names:
            there = folder.children.get(each)
            if there is not None and not _kept(there, layer):
                del folder.children[each]

    def hard_link(self, path: str, target: str, layer: int) -> None:
        """Give a file a second name."""
        there = self._at(target, follow_last=False)[1]
        if isinstance(there, File):
            self.add(path, File(there.executable, there.content, there.elf, there.versions, layer))
        elif isinstance(there, Link):
            self.add(path, Link(there.target, layer))
        else:
            self.add(path, None)

    def find(self, path: str) -> Node | None:
        """Return what is at a path, links followed, or None."""
        return self._at(path)[1]

    def file(self, path: str) -> File | None:
        """Return the file at a path, links followed, or None."""
        found = self.find(path)
        return found if isinstance(found, File) else None

    def folder(self, path: str) -> Folder | None:
        """Return the folder at a path, links followed, or None."""
        found = self.find(path)
        return found if isinstance(found, Folder) else None

    def real(self, path: str) -> str | None:
        """Return the path without links at which a path's file or folder lies, or None where there is nothing."""
        names, found = self._at(path)
        return None if found is None else "/" + "/".join(names)

    def files(self, folder: Folder | None = None, prefix: str = "") -> list[tuple[str, File]]:
        """Return all files below a folder with their paths, by name."""
        found: list[tuple[str, File]] = []
        stack: list[tuple[str, Node]] = [(prefix, folder or self.root)]
        while stack:
            path, node = stack.pop()
            if isinstance(node, File):
                found.append((path, node))
            elif isinstance(node, Folder):
                stack.extend((f"{path}/{name}", child) for name, child in node.children.items())
        return sorted(found, key=lambda one: one[0])

    def _folder(self, names: list[str], node: Node | None) -> Folder | None:
        """Return the folder in which a node goes; made where there is a node for it."""
        if node is None:
            return self.folder("/".join(names))
        found = self._at("/".join(names), make=node.layer)[1]
        return found if isinstance(found, Folder) else None

    def _at(self, path: str, *, follow_last: bool = True, make: int | None = None) -> tuple[list[str], Node | None]:
        """Walk down a path; with ``make``, the number of a layer, folders that are missing are made in it."""
        todo = _parts(path)[::-1]
        names: list[str] = []
        nodes: list[Node] = [self.root]
        links = 0
        while todo:
            name = todo.pop()
            if name == "..":
                del names[-1:], nodes[max(1, len(nodes) - 1) :]
                continue
            child = self._child(nodes[-1], name, make)
            if isinstance(child, Link) and (todo or follow_last):
                links += 1
                if links > _MOST_LINKS:
                    return names, None
                if child.target.startswith("/"):
                    del names[:], nodes[1:]
                todo.extend(_parts(child.target)[::-1])
                continue
            if child is None:
                return names, None
            names.append(name)
            nodes.append(child)
        return names, nodes[-1]

    def _child(self, node: Node, name: str, make: int | None) -> Node | None:
        if not isinstance(node, Folder):
            return None
        child = node.children.get(name)
        if make is not None and (child is None or isinstance(child, File)):
            child = node.children[name] = Folder(layer=make)
            self.nodes += 1
        return child


def _kept(node: Node, layer: int) -> bool:
    """Take what lower layers have out of a node, and return whether anything is left."""
    if not isinstance(node, Folder):
        return node.layer == layer
    # Folders may be nested as deep as a path is long: a stack instead of recursion.
    found: list[Folder] = [node]
    for folder in found:
        folder.children = {
            name: child for name, child in folder.children.items() if isinstance(child, Folder) or child.layer == layer
        }
        found.extend(child for child in folder.children.values() if isinstance(child, Folder))
    for folder in reversed(found):
        folder.children = {
            name: child
            for name, child in folder.children.items()
            if not isinstance(child, Folder) or child.children or child.layer == layer
        }
    return bool(node.children) or node.layer == layer


def _parts(path: str) -> list[str]:
    return [part for part in path.split("/") if part not in {"", "."}]

"""What is in an image, by reading its layers once, as they come over the wire: its Python, above all.

``elf`` and ``programs`` read single files, ``unpack`` a layer, ``tree`` lays layers over each other, ``python`` and
``libc`` find what is looked for in the result.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import replace
from functools import partial
from typing import BinaryIO

from .. import oci
from ..inspected import BasePython, Inspection
from .packages import find_packages
from .python import find_python
from .tree import Tree
from .unpack import LayerReader

__all__ = ["BasePython", "Inspection", "inspect"]


def inspect(
    layers: Sequence[tuple[oci.Layer, Callable[[], AbstractContextManager[BinaryIO]]]],
    env: Mapping[str, str],
    architecture: str,
    told: Callable[[int, int], None],
) -> tuple[Inspection, tuple[oci.Layer, ...]]:
    """Read an image's layers and return what is in them, and the layers with their unpacked sizes.

    Parameters
    ----------
    layers:
        Lowest first, each with what opens its blob.
    env:
        Environment of the image's config.
    architecture:
        What the image says that it is for, as images name it.
    told:
        Gets the number of a layer, from 0 on, and how many bytes of it have been read.

    Raises
    ------
    ImageError
        A layer is damaged, or the image has no Python that an environment can be made with.
    """
    tree = Tree()
    reader = LayerReader(tree)
    unpacked = []
    for number, (layer, opened) in enumerate(layers):
        with opened() as stream:
            size = reader.read(layer, stream, partial(told, number))
        unpacked.append(replace(layer, unpacked=size))
    python = find_python(tree, env, architecture)
    shell = tree.file("/bin/sh")
    inspection = Inspection(
        python,
        find_packages(tree, python),
        _content(tree, "/etc/passwd"),
        _content(tree, "/etc/group"),
        _system(tree),
        bool(shell and shell.executable),
    )
    return inspection, tuple(unpacked)


def _content(tree: Tree, path: str) -> bytes:
    file = tree.file(path)
    return file.content if file else b""


def _system(tree: Tree) -> str:
    """Return the name in os-release(5)."""
    text = (_content(tree, "/etc/os-release") or _content(tree, "/usr/lib/os-release")).decode("utf-8", "replace")
    for key in ("PRETTY_NAME", "NAME"):
        if found := re.search(rf"(?m)^{key}=[\"']?(.*?)[\"']?\s*$", text):
            return found[1]
    return ""

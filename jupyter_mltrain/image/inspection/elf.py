"""What the headers of a Linux program tell: the processor that it is for, and the C library that loads it.

Source: System V ABI, chapter 4 (object files) and 5 (program loading); numbers of architectures in <elf.h>.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import Final

_MAGIC: Final = b"\x7fELF"
_PT_INTERP: Final = 3
_LONGEST_PATH: Final = 4096

# (e_machine, bits, little endian) -> the name that images have for it, which is Go's
_ARCHITECTURES: Final = {
    (3, 32, True): "386",
    (20, 32, False): "ppc",
    (21, 64, False): "ppc64",
    (21, 64, True): "ppc64le",
    (22, 64, False): "s390x",
    (40, 32, True): "arm",
    (62, 64, True): "amd64",
    (183, 64, True): "arm64",
    (243, 64, True): "riscv64",
    (258, 64, True): "loong64",
}


@dataclass(frozen=True, slots=True)
class Elf:
    """A program or a library.

    Attributes
    ----------
    architecture:
        As images name it: ``amd64``; ``machine-<number>`` for those without a name.
    interpreter:
        The loader that it asks for, ``/lib64/ld-linux-x86-64.so.2``; ``""`` for libraries and static programs.
    """

    architecture: str
    interpreter: str


def parse(data: bytes) -> Elf | None:
    """Return what a file's first bytes tell, or None where they are no whole ELF headers."""
    try:
        return _parse(data)
    except (struct.error, KeyError):
        return None


def _parse(data: bytes) -> Elf | None:
    if not data.startswith(_MAGIC):
        return None
    bits = {1: 32, 2: 64}[_byte(data, 4)]
    order = {1: "<", 2: ">"}[_byte(data, 5)]
    (machine,) = struct.unpack_from(f"{order}H", data, 18)
    architecture = _ARCHITECTURES.get((machine, bits, order == "<"), f"machine-{machine}")
    return Elf(architecture, _interpreter(data, order, bits))


def _byte(data: bytes, at: int) -> int:
    return int(struct.unpack_from("B", data, at)[0])


def _interpreter(data: bytes, order: str, bits: int) -> str:
    """Return what the segment of type PT_INTERP has."""
    if bits == 64:
        (table,) = struct.unpack_from(f"{order}Q", data, 32)
        size, count = struct.unpack_from(f"{order}HH", data, 54)
        place, length = f"{order}8xQ", f"{order}32xQ"
    else:
        (table,) = struct.unpack_from(f"{order}I", data, 28)
        size, count = struct.unpack_from(f"{order}HH", data, 42)
        place, length = f"{order}4xI", f"{order}16xI"
    for number in range(count):
        at = table + number * size
        if at > len(data):
            break
        if struct.unpack_from(f"{order}I", data, at)[0] == _PT_INTERP:
            (start,), (held,) = struct.unpack_from(place, data, at), struct.unpack_from(length, data, at)
            path = data[start : start + min(held, _LONGEST_PATH)]
            return path.split(b"\0")[0].decode("utf-8", "replace")
    return ""

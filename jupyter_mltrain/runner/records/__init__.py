"""The live notebook in a replica's log: `encode` writes a record's lines, `decode` reads one, `Rebuilder` reads all."""

from .format import (
    MAX_LINE,
    PREFIX,
    SNAPSHOT_EVERY,
    SNAPSHOT_LIMIT,
    SUFFIX,
    Record,
    decode,
    encode,
    pack_metric,
    stream_text,
    unpack_metric,
)
from .rebuild import CellState, Progress, Rebuilder

__all__ = [
    "MAX_LINE",
    "PREFIX",
    "SNAPSHOT_EVERY",
    "SNAPSHOT_LIMIT",
    "SUFFIX",
    "CellState",
    "Progress",
    "Rebuilder",
    "Record",
    "decode",
    "encode",
    "pack_metric",
    "stream_text",
    "unpack_metric",
]

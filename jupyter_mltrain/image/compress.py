"""How layers are compressed, so that equal content becomes equal bytes, whatever machine does it."""

from __future__ import annotations

import gzip
from typing import IO, BinaryIO, Final, Literal, Protocol, cast

from . import oci

Compression = Literal["zstd", "gzip"]

_ZSTD_LEVEL: Final = 3
_ZSTD_WORKERS: Final = 2
"""Threads of one compressor. Zstandard's output is the same for any number from one on, but another one for zero."""
_GZIP_LEVEL: Final = 6
_MEDIA_TYPES: Final[dict[Compression, str]] = {"zstd": oci.LAYER_ZSTD, "gzip": oci.LAYER_GZIP}


class Sink(Protocol):
    """Takes bytes."""

    def write(self, data: bytes, /) -> int: ...  # noqa: D102

    def flush(self) -> None: ...  # noqa: D102


def media_type(compression: Compression) -> str:
    """Return the media type of a layer that is compressed so."""
    return _MEDIA_TYPES[compression]


def codec_version(compression: Compression) -> str:
    """Return what beside the content decides a layer's bytes: the compressor, its version and settings."""
    if compression == "gzip":
        import zlib

        return f"gzip-{zlib.ZLIB_RUNTIME_VERSION}-{_GZIP_LEVEL}"
    import zstandard

    return f"zstd-{'.'.join(str(part) for part in zstandard.ZSTD_VERSION)}-{_ZSTD_LEVEL}-threads"


def compressor(out: Sink, compression: Compression, *, workers: int = _ZSTD_WORKERS) -> BinaryIO:
    """Return a file whose bytes go compressed to ``out``, which stays open when it is closed.

    It takes some 50 MiB, however much is written to it.
    """
    if compression == "gzip":
        # Neither a name nor a time in the header: both would be part of the digest.
        file = cast("IO[bytes]", out)
        return cast(BinaryIO, gzip.GzipFile("", "wb", compresslevel=_GZIP_LEVEL, fileobj=file, mtime=0))
    import zstandard

    # The size is not known before the end, so it is in no header; the digest makes a checksum superfluous.
    packer = zstandard.ZstdCompressor(
        level=_ZSTD_LEVEL, threads=workers, write_content_size=False, write_checksum=False
    )
    return cast(BinaryIO, packer.stream_writer(cast("IO[bytes]", out), closefd=False))

"""Layers as bytes: how they are compressed, what is wrong with them, and how much they may hold."""

import gzip
import io
import struct
import tarfile
from collections.abc import Callable
from contextlib import suppress

import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st

from jupyter_mltrain.errors import ImageError
from jupyter_mltrain.image import oci
from jupyter_mltrain.image.inspection import unpack
from jupyter_mltrain.image.inspection.tree import Tree
from jupyter_mltrain.image.inspection.unpack import LayerReader
from tests.image.base_image import Symlink, tar

CONTENT = tar({"etc/passwd": b"root:x:0:0\n", "bin/sh": b"x" * 100_000, "etc/group": Symlink("passwd")})


def read(blob: bytes, content: bytes = CONTENT, told: Callable[[int], None] = lambda size: None) -> Tree:
    """Read a layer; ``content`` is the tar that the image's config tells."""
    tree = Tree()
    layer = oci.Layer(oci.Descriptor.of(oci.LAYER_GZIP, blob), oci.digest_of(content))
    assert LayerReader(tree).read(layer, io.BytesIO(blob), told) == len(content)
    return tree


def refusal(blob: bytes, content: bytes = CONTENT) -> str:
    with pytest.raises(ImageError) as caught:
        read(blob, content)
    assert caught.value.hint
    return caught.value.message


@pytest.mark.parametrize(
    "blob",
    [
        CONTENT,
        gzip.compress(CONTENT),
        gzip.compress(CONTENT[:70_000]) + gzip.compress(CONTENT[70_000:]),
        zstandard.compress(CONTENT),
        zstandard.compress(CONTENT[:70_000]) + zstandard.compress(CONTENT[70_000:]),
        zstandard.compress(CONTENT) + b"\x50\x2a\x4d\x18" + struct.pack("<I", 5) + b"table",
        b"\x50\x2a\x4d\x18" + struct.pack("<I", 5) + b"table" + zstandard.compress(CONTENT),
    ],
    ids=["plain", "gzip", "gzip in parts", "zstd", "zstd in parts", "zstd and a table", "a table and zstd"],
)
def test_it_is_known_by_its_bytes(blob: bytes) -> None:
    tree = read(blob)
    group = tree.file("etc/group")
    assert group
    assert group.content == b"root:x:0:0\n"


def test_it_tells_how_far_it_is() -> None:
    told: list[int] = []
    blob = gzip.compress(CONTENT)
    read(blob, told=told.append)
    assert told[-1] == len(blob)
    assert told == sorted(told)


def test_what_a_report_raises_ends_it() -> None:
    class Cancelled(Exception):
        pass

    def cancel(size: int) -> None:
        raise Cancelled

    with pytest.raises(Cancelled):
        read(gzip.compress(CONTENT), told=cancel)


def test_the_config_tells_another_tar() -> None:
    other = tar({"etc/passwd": b"me"})
    assert f"it unpacks to {oci.digest_of(CONTENT)}" in refusal(gzip.compress(CONTENT), other)


def test_bytes_behind_the_end_count() -> None:
    content = CONTENT + b"more"
    assert read(gzip.compress(content), content)
    assert "it unpacks to" in refusal(gzip.compress(content))


@pytest.mark.parametrize("pack", [gzip.compress, zstandard.compress])
def test_other_bytes_than_the_digest_says(pack: Callable[[bytes], bytes]) -> None:
    blob = pack(CONTENT)
    layer = oci.Layer(oci.Descriptor.of(oci.LAYER_GZIP, blob), oci.digest_of(CONTENT))
    cut, other = blob[:-5], pack(tar({"etc/passwd": b"other"}))
    for wrong in (b"", cut, other, blob + b"x"):
        with pytest.raises(ImageError, match="is damaged"):
            LayerReader(Tree()).read(layer, io.BytesIO(wrong), lambda size: None)


@pytest.mark.parametrize("pack", [bytes, gzip.compress, zstandard.compress])
@given(data=st.data())
def test_any_byte_changed(pack: Callable[[bytes], bytes], data: st.DataObject) -> None:
    blob = bytearray(pack(tar({"etc/passwd": b"root", "bin/python3": b"\x7fELF", "a": Symlink("b")})))
    at = data.draw(st.integers(0, len(blob) - 1))
    blob[at] ^= data.draw(st.integers(1, 255))
    # As somebody may push it: the digests are those of the damaged bytes, or none of them.
    layer = oci.Layer(oci.Descriptor.of(oci.LAYER_TAR, bytes(blob)), oci.digest_of(bytes(blob)))
    with suppress(ImageError):
        LayerReader(Tree()).read(layer, io.BytesIO(bytes(blob)), lambda size: None)


@given(st.binary(max_size=3000))
def test_any_bytes(blob: bytes) -> None:
    with pytest.raises(ImageError, match="is damaged"):
        read(blob)


def with_header(kind: bytes, size: int) -> bytes:
    """Return a tar that begins with an entry of a kind that tools read into memory whole."""
    info = tarfile.TarInfo("header")
    info.type, info.size = kind, size
    return info.tobuf() + bytes(size + -size % 512) + CONTENT


@pytest.mark.parametrize("kind", [tarfile.XHDTYPE, tarfile.XGLTYPE, tarfile.GNUTYPE_LONGNAME, tarfile.GNUTYPE_LONGLINK])
def test_a_huge_header(kind: bytes) -> None:
    content = with_header(kind, 1 << 24)
    assert "a header in it is too large" in refusal(gzip.compress(content), content)


def test_a_huge_header_behind_a_large_file() -> None:
    content = tar({"large": bytes(1 << 24)})[: 512 + (1 << 24)] + with_header(tarfile.XHDTYPE, 1 << 24)
    assert "a header in it is too large" in refusal(gzip.compress(content), content)


def test_a_large_file_is_no_huge_header() -> None:
    content = tar([("large", bytes(1 << 24)), ("etc/passwd", b"me"), ("larger", bytes(1 << 24))])
    assert read(gzip.compress(content), content).file("etc/passwd")


def test_a_path_too_long_for_linux() -> None:
    content = tar({"/".join(["folder"] * 1000): b""})
    assert "a path in it has more than 4096 characters" in refusal(content, content)


def test_it_unpacks_to_too_much(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(unpack, "_LARGEST_LAYER", 1 << 22)
    content = tar({"bomb": bytes(1 << 23)})
    assert "it unpacks to more than" in refusal(gzip.compress(content), content)


def test_it_has_too_many_files(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(unpack, "_MOST_NODES", 100)
    content = tar({f"bin/{number}": b"" for number in range(200)})
    assert "more files than any image" in refusal(content, content)


def test_it_has_too_much_text(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(unpack, "_MOST_TEXT", 10_000)
    content = tar({f"{number}/pyvenv.cfg": b"x" * 1000 for number in range(20)})
    assert "more files than any image" in refusal(content, content)


def test_a_list_of_users_that_would_be_cut_off() -> None:
    content = tar({"etc/passwd": bytes(2 << 20)})
    assert "etc/passwd in it is larger than 1 MiB" in refusal(content, content)


def test_devices_and_pipes_are_nothing() -> None:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as archive:
        for kind in (tarfile.CHRTYPE, tarfile.BLKTYPE, tarfile.FIFOTYPE):
            info = tarfile.TarInfo(f"dev/{kind.decode()}")
            info.type = kind
            archive.addfile(info)
    assert read(out.getvalue(), out.getvalue()).files() == []

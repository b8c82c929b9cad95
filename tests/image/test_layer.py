"""Layers: what is in the tar, that other programs read it back, and what none can hold."""

from __future__ import annotations

import hashlib
import io
import os
import random
import shutil
import subprocess
import tarfile
import tempfile
import threading
from pathlib import Path
from typing import Any

import pytest
import zstandard
from hypothesis import given, settings
from hypothesis import strategies as st

from jupyter_mltrain.errors import ImageError
from jupyter_mltrain.image import oci
from jupyter_mltrain.image.compress import Compression, codec_version, compressor
from jupyter_mltrain.image.layer import Entry, LayerWriter, fingerprint, write_layer

COMPRESSIONS: list[Compression] = ["zstd", "gzip"]


def layer(entries: list[Entry], compression: Compression = "zstd") -> tuple[oci.Layer, bytes, bytes]:
    """Return what points at a layer, its bytes and its tar."""
    out = io.BytesIO()
    result = write_layer(entries, out, compression)
    return result, out.getvalue(), unpacked(out.getvalue(), compression)


def unpacked(data: bytes, compression: Compression) -> bytes:
    if compression == "gzip":
        import gzip

        return gzip.decompress(data)
    return zstandard.ZstdDecompressor().stream_reader(io.BytesIO(data), read_across_frames=True).read()


def members(tar: bytes) -> list[tarfile.TarInfo]:
    with tarfile.open(fileobj=io.BytesIO(tar), encoding="utf-8") as archive:
        return archive.getmembers()


def contents(tar: bytes) -> dict[str, Any]:
    """Return what Python reads of a tar: path -> mode and content, or kind and target."""
    found: dict[str, Any] = {}
    with tarfile.open(fileobj=io.BytesIO(tar), encoding="utf-8") as archive:
        for member in archive:
            if member.isreg():
                file = archive.extractfile(member)
                assert file is not None
                found[member.name] = (member.mode, file.read())
            elif member.islnk() or member.issym():
                found[member.name] = (member.type, member.linkname)
            else:
                assert member.isdir()
                found[member.name] = (member.mode, None)
    return found


# --- random trees -----------------------------------------------------------------------------------------------------

_usable = st.text(st.characters(exclude_characters="/\0", codec="utf-8"), min_size=1, max_size=60)
_long = st.text(st.sampled_from("abcü漢"), min_size=90, max_size=150)
_bytes = st.binary(min_size=1, max_size=20).map(
    lambda data: data.replace(b"/", b"").replace(b"\0", b"").decode("utf-8", "surrogateescape")
)
NAMES = st.one_of(st.sampled_from("abcdef"), _usable, _long, _bytes).filter(
    lambda name: name not in ("", ".", "..") and not name.startswith(".wh.") and len(os.fsencode(name)) <= 255
)
FILES = st.tuples(st.binary(max_size=2000), st.booleans())
TREES: st.SearchStrategy[Any] = st.recursive(
    FILES, lambda inner: st.dictionaries(NAMES, inner, max_size=4), max_leaves=12
).filter(lambda tree: isinstance(tree, dict))


def entries_of(tree: dict[str, Any], prefix: str = "") -> list[Entry]:
    found = []
    for name, node in tree.items():
        if isinstance(node, dict):
            found += [Entry(prefix + name), *entries_of(node, f"{prefix}{name}/")]
        else:
            found.append(Entry(prefix + name, *node))
    return found


def linked(entries: list[Entry]) -> list[Entry]:
    """Return entries and a hard and a symbolic link for each file."""
    files = [entry for entry in entries if entry.kind == "file"]
    hard = [Entry(f"0 hard/{index}", link=file.path, hard=True) for index, file in enumerate(files)]
    return [*entries, *hard, *(Entry(f"soft/{index}", link=f"../{file.path}") for index, file in enumerate(files))]


@given(TREES, st.randoms(use_true_random=False), st.sampled_from(COMPRESSIONS))
def test_a_layer_reads_back_as_what_went_in(
    tree: dict[str, Any], random: random.Random, compression: Compression
) -> None:
    entries = linked(entries_of(tree))
    random.shuffle(entries)
    result, data, tar = layer(entries, compression)
    found = contents(tar)
    expected: dict[str, Any] = {}
    for entry in entries:
        for depth in range(1, entry.path.count("/") + 1):
            expected["/".join(entry.path.split("/")[:depth])] = (0o755, None)
    for entry in entries:
        if entry.kind == "file":
            expected[entry.path] = (0o755 if entry.executable else 0o644, entry.source)
        elif entry.kind == "folder":
            expected[entry.path] = (0o755, None)
        else:
            expected[entry.path] = (tarfile.LNKTYPE if entry.hard else tarfile.SYMTYPE, entry.link)
    assert found == expected
    assert result.descriptor == oci.Descriptor(
        oci.LAYER_ZSTD if compression == "zstd" else oci.LAYER_GZIP, oci.digest_of(data), len(data)
    )
    assert (result.diff_id, result.unpacked) == (oci.digest_of(tar), len(tar))


@given(TREES, st.randoms(use_true_random=False))
def test_the_order_of_the_entries_does_not_matter(tree: dict[str, Any], random: random.Random) -> None:
    entries = linked(entries_of(tree))
    once = layer(entries)[1]
    before = fingerprint(entries)
    random.shuffle(entries)
    assert layer(entries)[1] == once
    assert fingerprint(entries) == before


@given(TREES)
def test_every_path_is_there_once_below_its_folder_and_says_nothing_of_its_maker(tree: dict[str, Any]) -> None:
    tar = layer(linked(entries_of(tree)))[2]
    seen: set[str] = set()
    for member in members(tar):
        folder, _, _ = member.name.rpartition("/")
        assert folder == "" or folder in seen
        assert member.name not in seen
        assert not member.islnk() or member.linkname in seen
        seen.add(member.name)
        assert (member.uid, member.gid, member.uname, member.gname, member.mtime) == (0, 0, "", "", 0)
        assert set(member.pax_headers) <= {"path", "linkpath", "hdrcharset"}


@given(TREES)
def test_extended_headers_are_only_where_a_name_needs_one(tree: dict[str, Any]) -> None:
    for member in members(layer(entries_of(tree))[2]):
        written = member.name + "/" * member.isdir()
        assert bool(member.pax_headers) == (not written.isascii() or len(written) > 100)


@settings(max_examples=25)
@given(TREES)
@pytest.mark.skipif(shutil.which("tar") is None, reason="no tar here")
def test_tar_unpacks_the_same_tree(tree: dict[str, Any]) -> None:
    entries = linked(entries_of(tree))
    tar = layer(entries)[2]
    with tempfile.TemporaryDirectory() as folder:
        command = ["tar", "--extract", "--preserve-permissions", "--warning=no-unknown-keyword", "--directory", folder]
        done = subprocess.run(command, input=tar, capture_output=True, env={**os.environ, "LC_ALL": "C.UTF-8"})
        assert done.returncode == 0, done.stderr
        found = {str(path.relative_to(folder)) for path in Path(folder).rglob("*")}
        assert found == set(contents(tar))
        for entry in entries:
            path = Path(folder, entry.path)
            if entry.kind == "file":
                assert path.read_bytes() == entry.source
                assert path.stat().st_mode & 0o777 == (0o755 if entry.executable else 0o644)
            elif entry.hard:
                assert path.samefile(Path(folder, entry.link))
            elif entry.kind == "link":
                assert str(path.readlink()) == entry.link
            else:
                assert path.is_dir()


# --- bytes ------------------------------------------------------------------------------------------------------------

TREE = [
    Entry("opt/a.py", b"print(1)\n"),
    Entry("opt/run", b"#!/bin/sh\n", executable=True),
    Entry("opt/empty", b""),
    Entry("opt/ünïcode 漢字", b"x" * 2000),
    Entry("opt/" + "long/" * 40 + "name", b"y"),
    Entry("opt/link", link="run"),
    Entry("opt/again", link="opt/run", hard=True),
    Entry("home/me", mode=0o1777, owner=(1000, 100)),
]


def test_the_tar_is_what_it_was_in_the_release_before() -> None:
    result, _, tar = layer(TREE)
    assert result.unpacked == len(tar) == 31_232
    assert result.diff_id == "sha256:66801ad19d1d96a7bfbc4730f57d098a09ae32460bb9c017df1c3362f662b9fb"


def test_the_uncompressed_tar_does_not_depend_on_the_compression() -> None:
    assert layer(TREE, "zstd")[0].diff_id == layer(TREE, "gzip")[0].diff_id


def test_gzip_has_neither_name_nor_time_in_its_header(tmp_path: Path) -> None:
    with (tmp_path / "named.gz").open("wb") as out:
        write_layer(TREE, out, "gzip")
    header = (tmp_path / "named.gz").read_bytes()[:10]
    assert header == b"\x1f\x8b\x08\0\0\0\0\0\0\xff"


def test_zstd_has_neither_size_nor_checksum_in_its_header() -> None:
    parameters = zstandard.get_frame_parameters(layer(TREE)[1])
    assert parameters.content_size == zstandard.CONTENTSIZE_UNKNOWN
    assert not parameters.has_checksum


def noise(size: int) -> bytes:
    """Return bytes of which some repeat, the same ones each time."""
    source = random.Random(0)
    block = source.randbytes(300_000)
    return b"".join(block[: source.randrange(300_000)] + source.randbytes(1000) for _ in range(size // 150_000))[:size]


def compressed(data: bytes, chunks: list[int], compression: Compression, workers: int) -> bytes:
    out = io.BytesIO()
    packer = compressor(out, compression, workers=workers)
    start = 0
    while start < len(data):
        step = chunks[start % len(chunks)]
        packer.write(data[start : start + step])
        start += step
    packer.close()
    return out.getvalue()


@pytest.mark.parametrize("size", [0, 1, 100_000, 30_000_000])
def test_compressed_bytes_depend_neither_on_the_number_of_threads_nor_on_how_they_were_written(size: int) -> None:
    data = noise(size)
    expected = compressed(data, [1 << 20], "zstd", 1)
    for workers, chunks in ((2, [1 << 20]), (3, [512, 70_001]), (7, [1 << 23]), (1, [4096])):
        assert compressed(data, chunks, "zstd", workers) == expected
    assert unpacked(expected, "zstd") == data


def test_gzip_does_not_depend_on_how_bytes_were_written() -> None:
    data = noise(2_000_000)
    assert compressed(data, [1 << 20], "gzip", 1) == compressed(data, [512, 70_001], "gzip", 1)


def test_threads_that_write_at_once_do_not_disturb_each_other() -> None:
    expected, found = layer(TREE)[1], []
    threads = [threading.Thread(target=lambda: found.append(layer(TREE)[1])) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [expected] * 8


@pytest.mark.parametrize("compression", COMPRESSIONS)
def test_a_codec_names_itself_and_its_version(compression: Compression) -> None:
    name, version, *_ = codec_version(compression).split("-")
    assert name == compression
    assert version[0].isdigit()


# --- sizes ------------------------------------------------------------------------------------------------------------


class Zeros:
    """So many zero bytes, which are nowhere."""

    def __init__(self, size: int) -> None:
        self.left = size

    def read(self, size: int) -> bytes:
        size = min(size, self.left)
        self.left -= size
        return bytes(size)


@pytest.mark.slow
def test_a_file_larger_than_the_old_tar_format_knows(tmp_path: Path) -> None:
    size = (8 << 30) + 7
    with (tmp_path / "layer").open("wb") as out:
        writer = LayerWriter(out, "zstd")
        writer.add_stream("huge", Zeros(size), size)
        writer.add(Entry("small", b"behind it"))
        result = writer.finish()
    assert result.unpacked > size
    assert result.descriptor.size < 2 << 20
    found = []
    with (tmp_path / "layer").open("rb") as file:
        stream = zstandard.ZstdDecompressor().stream_reader(file, read_size=1 << 20)
        with tarfile.open(fileobj=stream, mode="r|", bufsize=1 << 20) as archive:
            for member in archive:
                found.append((member.name, member.size, dict(member.pax_headers)))
    assert found == [("huge", size, {"size": str(size)}), ("small", 9, {})]


def test_a_sparse_file_of_the_disk_is_read_as_it_is(tmp_path: Path) -> None:
    with (tmp_path / "sparse").open("wb") as file:
        file.truncate(5 << 20)
    assert contents(layer([Entry("a", tmp_path / "sparse")])[2]) == {"a": (0o644, bytes(5 << 20))}


# --- rules ------------------------------------------------------------------------------------------------------------


def test_of_two_entries_with_one_path_the_first_counts() -> None:
    tar = layer([Entry("a/b", b"first"), Entry("a/b", b"second"), Entry("a/b", link="third"), Entry("a")])[2]
    assert contents(tar) == {"a": (0o755, None), "a/b": (0o644, b"first")}


def test_a_folder_keeps_its_mode_when_something_is_in_it() -> None:
    tar = layer([Entry("home/me/file", b""), Entry("home/me", mode=0o1777, owner=(1000, 100))])[2]
    home = next(member for member in members(tar) if member.name == "home/me")
    assert (home.mode, home.uid, home.gid) == (0o1777, 1000, 100)


@pytest.mark.parametrize("above", [Entry("a", b""), Entry("a", link="b")])
def test_nothing_lies_below_a_file_or_a_link(above: Entry) -> None:
    with pytest.raises(ImageError, match=r"'a' cannot be a (file|link) and a folder at once"):
        layer([above, Entry("a/b", b"")])


@pytest.mark.parametrize(
    "path", ["", "/a", "a/", "a//b", "./a", "a/.", "..", "a/../b", "a/..", "a\0b", "a/\0"], ids=repr
)
def test_paths_that_lead_elsewhere(path: str) -> None:
    with pytest.raises(ImageError, match="no path inside of an image"):
        layer([Entry(path, b"")])


@pytest.mark.parametrize(
    ("path", "said"),
    [
        (".wh.a", "deletes files of other layers"),
        ("a/.wh..wh..opq/b", "deletes files of other layers"),
        ("a" * 256, "too long"),
        ("ü" * 128, "too long"),
        ("a/" * 2047 + "a", "too long"),
        ("\ud800", "no file name can have"),
    ],
)
def test_names_that_no_file_can_have(path: str, said: str) -> None:
    with pytest.raises(ImageError, match=said):
        layer([Entry(path, b"")])


def test_the_longest_names_that_a_file_can_have() -> None:
    paths = ["a" * 255, "ü" * 127, "a/" * 2046 + "aa"]
    assert set(contents(layer([Entry(path, b"") for path in paths])[2])) >= set(paths)


def test_what_cannot_be_read_is_named(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    for name in ("missing", "pipe", "."):
        with pytest.raises(ImageError, match="is no file that an image can have") as caught:
            layer([Entry("a", tmp_path / name)])
        assert str(tmp_path / name) in caught.value.message


@pytest.mark.parametrize("size", [9, 11])
def test_a_file_that_changes_while_it_is_read(size: int) -> None:
    writer = LayerWriter(io.BytesIO(), "zstd")
    with pytest.raises(ImageError, match="'a' changed while it was put into a layer"):
        writer.add_stream("a", io.BytesIO(bytes(10)), size)


def test_a_file_with_other_content_than_it_should_have(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"now")
    right = hashlib.sha256(b"now").hexdigest()
    assert contents(layer([Entry("a", tmp_path / "a", sha256=right)])[2]) == {"a": (0o644, b"now")}
    with pytest.raises(ImageError, match="'a' changed"):
        layer([Entry("a", tmp_path / "a", sha256=hashlib.sha256(b"before").hexdigest())])


# --- fingerprints -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "other",
    [
        Entry("b", b"x"),
        Entry("a", b"y"),
        Entry("a", b"x", executable=True),
        Entry("a", link="x"),
        Entry("a", link="x", hard=True),
        Entry("a"),
        Entry("a", b"x", mode=0o600),
        Entry("a", b"x", owner=(1, 0)),
        Entry("a", b"x", owner=(0, 1)),
    ],
)
def test_a_fingerprint_tells_layers_apart(other: Entry) -> None:
    assert fingerprint([Entry("a", b"x")]) != fingerprint([other])
    assert layer([Entry("a", b"x")])[0].diff_id != layer([other])[0].diff_id


def test_a_fingerprint_does_not_depend_on_where_the_bytes_are(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"x")
    told = Entry("a", Path("/nowhere"), sha256=hashlib.sha256(b"x").hexdigest())
    assert fingerprint([Entry("a", b"x")]) == fingerprint([Entry("a", tmp_path / "a")]) == fingerprint([told])

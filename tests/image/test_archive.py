"""Images in archives."""

import os
import tarfile
import threading
from pathlib import Path

import pytest

from jupyter_mltrain.errors import ImageError, InvalidInput, StorageError
from jupyter_mltrain.image import archive, layout, oci
from jupyter_mltrain.image.archive import Archive
from jupyter_mltrain.image.layout import Contents
from jupyter_mltrain.image.progress import Progress
from jupyter_mltrain.image.reference import Reference
from tests.image.samples import Sample

NAME = Reference.parse("localhost:5000/me/recommender:1")


def write(file: Path, sample: Sample, content: bytes = b"one") -> Contents:
    contents = Contents.of([sample.image(content)], {}, NAME)
    archive.write(file, contents, sample.blob)
    return contents


def test_an_archive_is_the_layout_in_a_file(sample: Sample, tmp_path: Path) -> None:
    contents = write(tmp_path / "new" / "image.tar", sample)
    layout.write(tmp_path / "layout", contents, sample.blob)
    with tarfile.open(tmp_path / "new" / "image.tar", "r:") as tar:
        members = tar.getmembers()
        tar.extractall(tmp_path / "extracted", filter="data")
    folders = [tmp_path / "extracted", tmp_path / "layout"]
    extracted, written = (
        {path.relative_to(folder): path.read_bytes() for path in folder.rglob("*") if path.is_file()}
        for folder in folders
    )
    assert extracted == written
    assert [member.name for member in members] == sorted(member.name for member in members)
    assert {(member.mtime, member.uid, member.gid, member.uname, member.mode) for member in members} == {
        (0, 0, 0, "", 0o644)
    }
    assert [path.name for path in (tmp_path / "new").iterdir()] == ["image.tar"]


def test_equal_images_are_equal_files(sample: Sample, tmp_path: Path) -> None:
    for name in ("one", "another"):
        write(tmp_path / name, sample)
    assert (tmp_path / "one").read_bytes() == (tmp_path / "another").read_bytes()


def test_what_is_written_can_be_read(sample: Sample, tmp_path: Path) -> None:
    built = sample.image(os.urandom(300_000))
    archive.write(tmp_path / "image.tar", Contents.of([built], {}, NAME), sample.blob)
    read = Archive(tmp_path / "image.tar")
    assert read.get_manifest()[1] == read.get_manifest("1")[1] == built.manifest
    for layer in built.layers:
        content = sample.blob(layer.descriptor).read_bytes()
        with read.open_blob(layer.descriptor.digest) as file:
            assert file.read() == content
            assert file.seek(-10, os.SEEK_END) == len(content) - 10
            assert file.read() == content[-10:]
            assert file.read(1) == b""
            file.seek(5)
            file.seek(5, os.SEEK_CUR)
            assert (file.tell(), file.read(7)) == (10, content[10:17])


def test_several_platforms(sample: Sample, tmp_path: Path) -> None:
    images = [sample.image(b"same", architecture=architecture) for architecture in ("amd64", "arm64")]
    archive.write(tmp_path / "image.tar", Contents.of(images, {}, NAME), sample.blob)
    read = Archive(tmp_path / "image.tar")
    assert read.get_manifest()[0].media_type == oci.INDEX
    assert [read.get_manifest(built.digest)[1] for built in images] == [built.manifest for built in images]


def test_blobs_are_read_by_several_threads(sample: Sample, tmp_path: Path) -> None:
    built = sample.image(os.urandom(2 << 20))
    archive.write(tmp_path / "image.tar", Contents.of([built], {}, NAME), sample.blob)
    read, found = Archive(tmp_path / "image.tar"), []

    def look() -> None:
        for layer in built.layers:
            with read.open_blob(layer.descriptor.digest) as file:
                found.append(oci.digest_of(file.read()) == layer.descriptor.digest)

    threads = [threading.Thread(target=look) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [True] * 16


def test_an_older_archive_is_replaced(sample: Sample, tmp_path: Path) -> None:
    write(tmp_path / "image.tar", sample, b"one")
    newer = write(tmp_path / "image.tar", sample, b"two")
    assert Archive(tmp_path / "image.tar").find().digest == newer.image.digest


def test_an_empty_file_is_replaced(sample: Sample, tmp_path: Path) -> None:
    """As ``mktemp`` makes them."""
    (tmp_path / "image.tar").touch()
    written = write(tmp_path / "image.tar", sample)
    assert Archive(tmp_path / "image.tar").find().digest == written.image.digest


def test_nothing_else_is_replaced(sample: Sample, tmp_path: Path) -> None:
    (tmp_path / "train.ipynb").write_text("{}")
    with tarfile.open(tmp_path / "other.tar", "w") as tar:
        tar.add(tmp_path / "train.ipynb")
    (tmp_path / "folder").mkdir()
    for name in ("train.ipynb", "other.tar", "folder"):
        before = (tmp_path / name).stat()
        with pytest.raises(InvalidInput) as caught:
            write(tmp_path / name, sample)
        assert caught.value.details["field"] == "output"
        assert (tmp_path / name).stat() == before


def test_progress(sample: Sample, tmp_path: Path) -> None:
    told: list[Progress] = []
    contents = Contents.of([sample.image(b"one")], {}, NAME)
    archive.write(tmp_path / "image.tar", contents, sample.blob, report=told.append)
    assert told[-1] == Progress("write", "image.tar", contents.size, contents.size, "done")
    assert [each.done for each in told] == sorted(each.done for each in told)


def test_a_build_that_is_cancelled_leaves_the_older_archive(sample: Sample, tmp_path: Path) -> None:
    class Cancelled(Exception):
        pass

    def cancel(progress: Progress) -> None:
        raise Cancelled

    target = tmp_path / "new" / "image.tar"
    older = write(target, sample)
    with pytest.raises(Cancelled):
        archive.write(target, Contents.of([sample.image(b"two")], {}, NAME), sample.blob, report=cancel)
    assert Archive(target).find().digest == older.image.digest
    assert list(target.parent.iterdir()) == [target]


def test_a_full_disk(sample: Sample, small_disk: Path) -> None:
    target = small_disk / "image.tar"
    older = write(target, sample)
    with pytest.raises(StorageError) as caught:
        write(target, sample, os.urandom(4 << 20))
    assert caught.value.hint == "Free some space on the disk."
    assert Archive(target).find().digest == older.image.digest
    assert list(small_disk.iterdir()) == [target]


# --- archives of others


def pack(file: Path, sample: Sample, mode: str = "w", prefix: str = "") -> Contents:
    """Write an archive as tools do that pack a layout's folder."""
    contents = Contents.of([sample.image(b"one")], {}, NAME)
    folder = file.with_name("packed")
    layout.write(folder, contents, sample.blob)
    with tarfile.open(file, mode) as tar:  # type: ignore[call-overload]
        tar.add(folder, prefix or ".")
    return contents


def test_an_archive_with_folders_in_it(sample: Sample, tmp_path: Path) -> None:
    contents = pack(tmp_path / "image.tar", sample)
    read = Archive(tmp_path / "image.tar")
    assert read.get_manifest("1")[0].digest == contents.image.digest
    with pytest.raises(FileNotFoundError):
        read.open("blobs")


def test_damage_is_found(sample: Sample, tmp_path: Path) -> None:
    contents = write(tmp_path / "image.tar", sample)
    read = Archive(tmp_path / "image.tar")
    whole = (tmp_path / "image.tar").read_bytes()
    layer = contents.layers[-1]
    content = sample.blob(layer).read_bytes()
    (tmp_path / "image.tar").write_bytes(whole.replace(content, bytes(len(content))))
    with pytest.raises(StorageError, match="damaged"):
        read.open_blob(layer.digest)


@pytest.mark.parametrize("kind", ["nothing", "text", "cut", "gzip", "elsewhere", "folder"])
def test_what_is_no_archive(sample: Sample, tmp_path: Path, kind: str) -> None:
    target = tmp_path / "image.tar"
    if kind == "text":
        target.write_text("mine\n" * 1000)
    elif kind == "cut":
        write(target, sample)
        target.write_bytes(target.read_bytes()[:700])
    elif kind == "gzip":
        pack(target, sample, "w:gz")
    elif kind == "elsewhere":
        pack(target, sample, prefix="image")
    elif kind == "folder":
        target.mkdir()
    with pytest.raises(ImageError) as caught:
        Archive(target).find()
    assert str(target) in caught.value.message

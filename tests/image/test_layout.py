"""Images in layout folders."""

import json
import os
import signal
import stat
import subprocess
import sys
import threading
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from jupyter_mltrain.errors import ImageError, InvalidInput, StorageError
from jupyter_mltrain.image import layout, oci
from jupyter_mltrain.image.config import Image
from jupyter_mltrain.image.layout import Contents, Layout
from jupyter_mltrain.image.progress import Progress
from jupyter_mltrain.image.reference import Reference
from tests.image.base_image import write_index, write_layout
from tests.image.samples import Sample, names

NAME = Reference.parse("localhost:5000/me/recommender:1")


def contents(*images: Image, name: Reference = NAME) -> Contents:
    return Contents.of(images, {}, name)


def files(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


# --- writing


def test_a_layout_has_what_the_image_needs_and_nothing_else(sample: Sample, tmp_path: Path) -> None:
    built = sample.image(b"one")
    target = tmp_path / "new" / "layout"
    layout.write(target, contents(built), sample.blob)
    blobs = {f"blobs/{oci.digest_of(data).replace(':', '/')}": data for data in (built.config, built.manifest)}
    for layer in built.layers:
        blobs[f"blobs/{layer.descriptor.digest.replace(':', '/')}"] = sample.blob(layer.descriptor).read_bytes()
    written = files(target)
    index = json.loads(written.pop("index.json"))
    assert written.pop("oci-layout") == b'{"imageLayoutVersion":"1.0.0"}'
    assert written == blobs
    assert index["mediaType"] == oci.INDEX
    assert index["manifests"] == [
        {
            "mediaType": oci.MANIFEST,
            "digest": built.digest,
            "size": len(built.manifest),
            "platform": {"architecture": "amd64", "os": "linux"},
            "annotations": {
                "org.opencontainers.image.ref.name": "1",
                "io.containerd.image.name": "localhost:5000/me/recommender:1",
            },
        }
    ]


def test_another_image_keeps_the_first(sample: Sample, tmp_path: Path) -> None:
    first, second = sample.image(b"one"), sample.image(b"two")
    layout.write(tmp_path / "layout", contents(first), sample.blob)
    layout.write(tmp_path / "layout", contents(second, name=NAME.tagged("2")), sample.blob)
    both = Layout(tmp_path / "layout")
    assert both.get_manifest("1")[1] == first.manifest
    assert both.get_manifest("localhost:5000/me/recommender:2")[1] == second.manifest


def test_writing_again_changes_nothing(sample: Sample, tmp_path: Path) -> None:
    built, folder = sample.image(b"one"), tmp_path / "layout"
    layout.write(folder, contents(built), sample.blob)
    before = files(folder)

    def none(descriptor: oci.Descriptor) -> Path:
        raise AssertionError(f"{descriptor} is there already")

    layout.write(folder, contents(built), none)
    assert files(folder) == before


def test_a_name_moves(sample: Sample, tmp_path: Path) -> None:
    folder = tmp_path / "layout"
    layout.write(folder, contents(sample.image(b"one")), sample.blob)
    moved = sample.image(b"two")
    layout.write(folder, contents(moved), sample.blob)
    assert Layout(folder).find().digest == moved.digest
    assert Layout(folder).find("1").digest == moved.digest


def test_the_tag_of_another_repository_moves_but_its_image_stays(sample: Sample, tmp_path: Path) -> None:
    folder, other = tmp_path / "layout", Reference.parse("localhost:5000/me/income:1")
    first, second = sample.image(b"one"), sample.image(b"two")
    layout.write(folder, contents(first), sample.blob)
    layout.write(folder, contents(second, name=other), sample.blob)
    assert names(folder)[0] == {"io.containerd.image.name": str(NAME)}
    assert Layout(folder).find(str(NAME)).digest == first.digest
    assert Layout(folder).find("1").digest == second.digest


def test_what_others_wrote_into_the_index_stays(sample: Sample, tmp_path: Path) -> None:
    folder = tmp_path / "layout"
    write_layout(folder, [b""], tag="theirs")
    index = json.loads((folder / "index.json").read_bytes())
    index["annotations"] = {"com.example.note": "kept"}
    index["manifests"][0] |= {"artifactType": "application/example", "platform": {"os": "linux", "architecture": "s"}}
    (folder / "index.json").write_text(json.dumps(index))
    layout.write(folder, contents(sample.image(b"one")), sample.blob)
    written = json.loads((folder / "index.json").read_bytes())
    assert written["annotations"] == index["annotations"]
    assert written["manifests"][0] == index["manifests"][0]
    assert len(written["manifests"]) == 2


def test_several_platforms(sample: Sample, tmp_path: Path) -> None:
    images = [sample.image(b"same", architecture=architecture) for architecture in ("amd64", "arm64")]
    said = {"org.opencontainers.image.title": "sample"}
    layout.write(tmp_path / "layout", Contents.of(images, said, NAME), sample.blob)
    descriptor, data = Layout(tmp_path / "layout").get_manifest("1")
    assert descriptor.media_type == oci.INDEX
    assert data == oci.index([built.descriptor for built in images], said)
    for built in images:
        assert Layout(tmp_path / "layout").get_manifest(built.digest)[1] == built.manifest
    assert len(list((tmp_path / "layout" / "blobs" / "sha256").iterdir())) == 7  # both layers are shared


def test_the_cache_is_not_part_of_the_layout(sample: Sample, tmp_path: Path) -> None:
    built, folder = sample.image(b"one"), tmp_path / "layout"
    layout.write(folder, contents(built), sample.blob)
    for blob in (folder / "blobs" / "sha256").iterdir():
        assert blob.stat().st_nlink == 1
        blob.write_bytes(b"changed by the user")
    for layer in built.layers:
        assert oci.digest_of(sample.blob(layer.descriptor).read_bytes()) == layer.descriptor.digest


def test_files_have_the_modes_that_the_user_wants(sample: Sample, tmp_path: Path) -> None:
    before = os.umask(0o027)
    try:
        layout.write(tmp_path / "layout", contents(sample.image(b"one")), sample.blob)
    finally:
        os.umask(before)
    modes = {stat.S_IMODE(path.stat().st_mode) for path in (tmp_path / "layout").rglob("*") if path.is_file()}
    assert modes == {0o640}


def test_progress(sample: Sample, tmp_path: Path) -> None:
    told: list[Progress] = []
    built = sample.image(b"one")
    layout.write(tmp_path / "layout", contents(built), sample.blob, report=told.append)
    total = sum(layer.descriptor.size for layer in built.layers)
    assert told[-1] == Progress("write", "layout", total, total, "done")
    assert [each.done for each in told] == sorted(each.done for each in told)


def test_a_build_that_is_cancelled_leaves_nothing_half_written(sample: Sample, tmp_path: Path) -> None:
    class Cancelled(Exception):
        pass

    def cancel(progress: Progress) -> None:
        raise Cancelled

    folder = tmp_path / "layout"
    with pytest.raises(Cancelled):
        layout.write(folder, contents(sample.image(b"one")), sample.blob, report=cancel)
    assert list(folder.iterdir()) == []
    layout.write(folder, contents(sample.image(b"one")), sample.blob)
    assert len(Layout(folder).index) == 1


@pytest.mark.parametrize("place", ["file", "full", "blobs"])
def test_what_is_no_layout_is_left_alone(sample: Sample, tmp_path: Path, place: str) -> None:
    target = tmp_path / "target"
    if place == "file":
        target.write_text("mine")
    else:
        (target / place).mkdir(parents=True)
        (target / place / "mine.txt").write_text("mine")
    before = files(tmp_path)
    with pytest.raises(InvalidInput) as caught:
        layout.write(target, contents(sample.image(b"one")), sample.blob)
    assert caught.value.details["field"] == "output"
    assert {name: data for name, data in files(tmp_path).items() if name in before} == before
    assert not [name for name in files(tmp_path) if name.startswith("target") and name not in before]


def test_a_layout_with_a_wrong_index_is_left_alone(sample: Sample, tmp_path: Path) -> None:
    written = write_layout(tmp_path / "layout", [b""])
    (written.folder / "index.json").write_text('{"manifests": [1]}')
    before = files(written.folder)
    with pytest.raises(InvalidInput):
        layout.write(written.folder, contents(sample.image(b"one")), sample.blob)
    assert files(written.folder) == before


@pytest.mark.parametrize("change", [bytes.lower, lambda data: data + b"more", lambda data: data[:-1]])
def test_a_blob_of_other_bytes_is_refused(sample: Sample, tmp_path: Path, change: Callable[[bytes], bytes]) -> None:
    built = sample.image(b"one")
    layer = built.layers[0].descriptor
    sample.blob(layer).write_bytes(change(sample.blob(layer).read_bytes()))
    with pytest.raises(StorageError, match="is damaged") as caught:
        layout.write(tmp_path / "layout", contents(built), sample.blob)
    assert caught.value.details["digest"] == layer.digest
    assert list((tmp_path / "layout").iterdir()) == []


def test_a_full_disk(sample: Sample, small_disk: Path) -> None:
    small, large = sample.image(b"small"), sample.image(os.urandom(4 << 20))
    layout.write(small_disk / "layout", contents(small), sample.blob)
    before = files(small_disk)
    with pytest.raises(StorageError) as caught:
        layout.write(small_disk / "layout", contents(large, name=NAME.tagged("2")), sample.blob)
    assert caught.value.hint == "Free some space on the disk."
    assert files(small_disk) == before


def test_builds_at_the_same_time_all_get_in(sample: Sample, tmp_path: Path) -> None:
    images = [sample.image(b"%d" % number) for number in range(8)]
    threads = [
        threading.Thread(
            target=layout.write,
            args=(tmp_path / "layout", contents(built, name=NAME.tagged(f"v{number}")), sample.blob),
        )
        for number, built in enumerate(images)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    found = {entry.annotations["org.opencontainers.image.ref.name"] for entry in Layout(tmp_path / "layout").index}
    assert found == {f"v{number}" for number in range(8)}


KILLED = """
import os, signal, sys
from pathlib import Path
from jupyter_mltrain.image import files, layout
from jupyter_mltrain.image.reference import Reference
from tests.image.samples import Sample

left = int(sys.argv[3])

def die_at(event, arguments):
    global left
    if event in ("open", "os.rename", "os.mkdir", "os.remove") and "layout" in str(arguments[0]):
        left -= 1
        if left < 0:
            os.kill(os.getpid(), signal.SIGKILL)

sample = Sample(Path(sys.argv[1]))
contents = layout.Contents.of([sample.image(b"new")], {}, Reference.parse("localhost/new:new"))
sys.addaudithook(die_at)
layout.write(Path(sys.argv[2]), contents, sample.blob)
"""


@pytest.mark.slow
@pytest.mark.parametrize("first", ["nothing", "another image"])
def test_a_build_that_is_killed_leaves_a_layout_that_can_be_read(sample: Sample, tmp_path: Path, first: str) -> None:
    """Killed before each change of a file, in turn, until it gets through."""
    old = sample.image(b"old")
    for moment in range(200):
        folder = tmp_path / str(moment) / "layout"
        if first != "nothing":
            layout.write(folder, contents(old), sample.blob)
        command = [sys.executable, "-c", KILLED, str(sample.folder), str(folder), str(moment)]
        done = subprocess.run(command, cwd=Path(__file__).parents[2], capture_output=True, text=True)
        assert done.returncode in (0, -signal.SIGKILL), done.stderr
        for entry in Layout(folder).index if (folder / "index.json").exists() else ():
            manifest = json.loads(Layout(folder).get_manifest(entry.digest)[1])
            for blob in (manifest["config"], *manifest["layers"]):
                Layout(folder).open_blob(blob["digest"]).close()
        if first != "nothing":
            assert Layout(folder).get_manifest("1")[1] == old.manifest
        built = sample.image(b"new")
        layout.write(folder, contents(built, name=NAME.tagged("again")), sample.blob)
        assert Layout(folder).get_manifest("again")[1] == built.manifest
        if done.returncode == 0:
            assert moment > 10
            return
    pytest.fail("it never got through")


def test_what_killed_builds_left_is_removed_after_a_day(sample: Sample, tmp_path: Path) -> None:
    folder = tmp_path / "layout"
    folder.mkdir()
    old, new = folder / ".mltrain-draft-1", folder / ".mltrain-draft-2"
    for path in (old, new):
        path.write_bytes(b"half")
    os.utime(old, (0, 0))
    layout.write(folder, contents(sample.image(b"one")), sample.blob)
    assert not old.exists()
    assert new.exists()


# --- reading


def test_an_image_of_docker(tmp_path: Path) -> None:
    written = write_layout(tmp_path / "layout", [b"layer"], docker=True)
    descriptor, data = Layout(written.folder).get_manifest("latest")
    assert descriptor.media_type == oci.DOCKER_MANIFEST
    assert oci.digest_of(data) == written.digest


def test_an_index(tmp_path: Path) -> None:
    images = {
        f"linux/{each}": write_layout(tmp_path / each, [each.encode()], architecture=each)
        for each in ("amd64", "arm64")
    }
    written = write_index(tmp_path / "layout", images)
    descriptor, data = Layout(written.folder).get_manifest()
    assert descriptor.media_type == oci.INDEX
    for entry in json.loads(data)["manifests"]:
        found, manifest = Layout(written.folder).get_manifest(entry["digest"])
        assert (found.media_type, found.digest) == (oci.MANIFEST, oci.digest_of(manifest))


def test_blobs_are_compared_with_their_digest(tmp_path: Path) -> None:
    written = write_layout(tmp_path / "layout", [b"layer"])
    digest = written.document()["layers"][0]["digest"]
    with Layout(written.folder).open_blob(digest) as file:
        assert oci.digest_of(file.read()) == digest
    written.blob(digest).write_bytes(b"other")
    with pytest.raises(StorageError, match="damaged"):
        Layout(written.folder).open_blob(digest)


def test_a_blob_that_is_missing(tmp_path: Path) -> None:
    written = write_layout(tmp_path / "layout", [b"layer"])
    digest = oci.digest_of(b"never")
    assert not Layout(written.folder).has_blob(digest)
    assert Layout(written.folder).has_blob(written.digest)
    with pytest.raises(ImageError, match="does not have the blob"):
        Layout(written.folder).open_blob(digest)


@pytest.mark.parametrize("digest", ["sha256:../../../etc/passwd", "sha256:12", "", "index.json", "md5:" + "0" * 32])
def test_only_digests_name_blobs(tmp_path: Path, digest: str) -> None:
    with pytest.raises(ImageError, match="is not a digest"):
        Layout(write_layout(tmp_path / "layout", [b"layer"]).folder).open_blob(digest)


def test_a_layer_is_no_manifest(tmp_path: Path) -> None:
    written = write_layout(tmp_path / "layout", [b"layer"])
    with pytest.raises(ImageError, match="not a manifest"):
        Layout(written.folder).get_manifest(written.document()["layers"][0]["digest"])


def test_names_that_do_not_decide(sample: Sample, tmp_path: Path) -> None:
    folder = tmp_path / "layout"
    layout.write(folder, contents(sample.image(b"one")), sample.blob)
    layout.write(folder, contents(sample.image(b"two"), name=NAME.tagged("2")), sample.blob)
    with pytest.raises(ImageError, match="more than one image") as caught:
        Layout(folder).find()
    assert caught.value.hint == "It has '1', '2'."
    with pytest.raises(ImageError, match="has no image '3'"):
        Layout(folder).find("3")


def test_one_image_with_two_names(sample: Sample, tmp_path: Path) -> None:
    built = sample.image(b"one")
    for tag in ("1", "2"):
        layout.write(tmp_path / "layout", contents(built, name=NAME.tagged(tag)), sample.blob)
    assert Layout(tmp_path / "layout").find().digest == built.digest


@pytest.mark.parametrize(
    ("path", "content", "why"),
    [
        ("oci-layout", None, "lacks 'oci-layout'"),
        ("oci-layout", b'{"imageLayoutVersion":"2.0.0"}', "version is '2.0.0'"),
        ("oci-layout", b"[]", "no JSON object"),
        ("index.json", None, "lacks 'index.json'"),
        ("index.json", b"\xff", "cannot be read"),
        ("index.json", b"{}", "'manifests'"),
        ("index.json", b'{"manifests": [{"digest": 1}]}', "is wrong"),
        ("index.json", b'{"manifests": [{"mediaType": "", "size": 1, "digest": "sha256:/etc"}]}', "not a digest"),
    ],
)
def test_what_is_no_layout(tmp_path: Path, path: str, content: bytes | None, why: str) -> None:
    written = write_layout(tmp_path / "layout", [b"layer"])
    if content is None:
        (written.folder / path).unlink()
    else:
        (written.folder / path).write_bytes(content)
    with pytest.raises(ImageError) as caught:
        Layout(written.folder).find()
    assert why in caught.value.message
    assert "skopeo" in caught.value.hint


def test_folders_that_are_none(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("mine")
    for name in ("file", "nothing"):
        with pytest.raises(ImageError):
            Layout(tmp_path / name).find()


def test_the_same_bytes_wherever_they_are_made(sample: Sample, tmp_path: Path) -> None:
    whole = contents(sample.image(b"one"))
    for name in ("here", "there"):
        layout.write(tmp_path / name, replace(whole), sample.blob)
    assert files(tmp_path / "here") == files(tmp_path / "there")

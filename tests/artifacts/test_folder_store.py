"""Artifacts in a folder: whole or not at all, and never outside of it."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

from jupyter_mltrain.artifacts import Artifact, FolderStore, open_store
from jupyter_mltrain.errors import InvalidInput, NotFound, NotInstalled, StorageError


@pytest.fixture
def store(tmp_path: Path) -> FolderStore:
    return FolderStore(tmp_path / "store")


@pytest.fixture
def model(tmp_path: Path) -> Path:
    folder = tmp_path / "model"
    (folder / "variables").mkdir(parents=True)
    (folder / "saved_model.pb").write_bytes(b"graph")
    (folder / "variables" / "données 1").write_bytes(b"weights")
    return folder


def test_a_folder_goes_in_and_comes_out(store: FolderStore, model: Path, tmp_path: Path) -> None:
    uri = store.put(model, "models/1")
    assert uri == (store.root / "models/1").as_uri()
    assert store.list() == [Artifact("models/1/saved_model.pb", 5), Artifact("models/1/variables/données 1", 7)]
    assert store.list("models/1/saved_model.pb") == [Artifact("models/1/saved_model.pb", 5)]
    assert store.list("other") == []
    back = store.get("models/1", tmp_path / "back")
    assert (back / "variables" / "données 1").read_bytes() == b"weights"
    assert store.get("models/1/saved_model.pb", tmp_path / "one").read_bytes() == b"graph"


def test_a_store_that_nobody_wrote_to_is_empty(store: FolderStore) -> None:
    assert store.list() == []
    assert not store.root.exists()


def test_a_put_replaces_and_keeps_mode(store: FolderStore, tmp_path: Path) -> None:
    script = tmp_path / "run.sh"
    for text in ("first", "second"):
        script.write_text(text)
        script.chmod(0o750)
        store.put(script, "run.sh")
    assert (store.root / "run.sh").read_text() == "second"
    assert (store.root / "run.sh").stat().st_mode & 0o777 == 0o750


def test_a_reader_never_sees_half_a_file(store: FolderStore, tmp_path: Path) -> None:
    contents = [bytes([letter]) * 3_000_000 for letter in b"ab"]
    sources = [tmp_path / "a", tmp_path / "b"]
    for source, content in zip(sources, contents, strict=True):
        source.write_bytes(content)
    store.put(sources[0], "model.bin")
    stop = threading.Event()

    def write() -> None:
        for turn in range(30):
            store.put(sources[turn % 2], "model.bin")
        stop.set()

    writer = threading.Thread(target=write)
    writer.start()
    while not stop.is_set():
        assert (store.root / "model.bin").read_bytes() in contents
        assert [artifact.key for artifact in store.list()] == ["model.bin"]
    writer.join()


def test_a_failed_put_leaves_what_was_there(store: FolderStore, tmp_path: Path) -> None:
    source = tmp_path / "report"
    source.write_text("good")
    store.put(source, "report")
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "x").write_text("x")
    with pytest.raises(StorageError, match="could not be stored"):
        store.put(tmp_path / "folder", "report/below")
    assert (store.root / "report").read_text() == "good"
    assert [file.name for file in store.root.iterdir()] == ["report"]


@pytest.mark.parametrize("key", ["../x", "/etc/passwd", "a/../../x", "a\0b"])
def test_a_key_stays_inside(store: FolderStore, model: Path, key: str) -> None:
    for act in (lambda: store.put(model, key), lambda: store.uri(key), lambda: store.list(key)):
        with pytest.raises(InvalidInput):
            act()


def test_what_is_not_there_is_named(store: FolderStore, model: Path, tmp_path: Path) -> None:
    store.put(model / "saved_model.pb", "graph")
    with pytest.raises(NotFound, match="'grap'") as caught:
        store.get("grap", tmp_path / "x")
    assert caught.value.hint == "It has: graph."
    with pytest.raises(NotFound):
        store.put(tmp_path / "nothing", "x")


def test_a_uri_opens_its_store(tmp_path: Path) -> None:
    folder = tmp_path / "my outputs"
    assert isinstance(open_store(folder.as_uri()), FolderStore)
    assert open_store(folder.as_uri()).uri() == open_store(str(folder)).uri() == folder.as_uri()


def test_other_uris_are_refused_with_what_to_do() -> None:
    with pytest.raises(NotInstalled, match="'s3'") as caught:
        open_store("s3://bucket/models")
    assert "folder" in caught.value.hint
    with pytest.raises(InvalidInput):
        open_store("file://host/share")
    with pytest.raises(InvalidInput):
        open_store("")

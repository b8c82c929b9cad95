from __future__ import annotations

import logging
import socket
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jupyter_mltrain.backends.local import volumes
from jupyter_mltrain.backends.local.text import Text
from jupyter_mltrain.backends.local.volumes import Mount, Sources, mount, volume_env
from jupyter_mltrain.errors import ManifestError

NO_SOURCES = Sources.named_in({})


@pytest.fixture
def sources(tmp_path):
    folder = tmp_path / "secrets" / "bucket"
    folder.mkdir(parents=True)
    (folder / "password").write_text("hunter2\n")
    (folder / "user").write_text("me")
    return Sources.named_in({"MLTRAIN_SECRETS": str(tmp_path / "secrets")})


def mount_one(tmp_path: Path, volume: dict, sources: Sources = NO_SOURCES, **options) -> Mount:
    pod = {"metadata": {"name": "p"}, "spec": {"volumes": [{"name": "data", **volume}]}}
    container = {"name": "main", "volumeMounts": [{"name": "data", "mountPath": "/train", **options}]}
    claims, scratch = tmp_path / "volumes", tmp_path / "pod" / "volumes"
    (found,) = mount(pod, container, claims=claims, scratch=scratch, sources=sources)
    assert mount(pod, container, claims=claims, scratch=scratch, sources=sources) == (found,)
    return found


def test_a_claim_is_a_folder_that_jobs_share(tmp_path):
    found = mount_one(tmp_path, {"persistentVolumeClaim": {"claimName": "results"}})
    assert found == Mount("data", "/train", tmp_path / "volumes" / "results")
    assert found.source.is_dir()


@pytest.mark.parametrize("volume", [{"emptyDir": {}}, {"emptyDir": None}, {"ephemeral": {}}, {}])
def test_an_empty_folder_goes_with_the_pod(tmp_path, volume):
    found = mount_one(tmp_path, volume)
    assert found.source == tmp_path / "pod" / "volumes" / "data"
    assert found.source.is_dir()


def test_read_only_is_noted(tmp_path):
    assert mount_one(tmp_path, {"emptyDir": {}}, readOnly=True).read_only


@pytest.mark.parametrize("claim", ["../outside", "/etc", "..", "A", ""])
def test_a_claim_does_not_lead_out_of_the_data_folder(tmp_path, claim):
    with pytest.raises(ManifestError):
        mount_one(tmp_path, {"persistentVolumeClaim": {"claimName": claim}})


# hostPath


def make(path: Path, kind: str) -> Path:
    if kind == "folder":
        path.mkdir()
    elif kind == "file":
        path.write_text("content")
    elif kind == "socket":
        with socket.socket(socket.AF_UNIX) as server:
            server.bind(str(path))
    return path


@pytest.mark.parametrize(
    ("there", "kind", "error"),
    [
        ("folder", "", ""),
        ("nothing", "", ""),
        ("folder", "Directory", ""),
        ("file", "Directory", "is not a directory"),
        ("nothing", "Directory", "is not a directory"),
        ("nothing", "DirectoryOrCreate", ""),
        ("folder", "DirectoryOrCreate", ""),
        ("file", "File", ""),
        ("folder", "File", "is not a file"),
        ("nothing", "File", "is not a file"),
        ("nothing", "FileOrCreate", ""),
        ("file", "FileOrCreate", ""),
        ("socket", "Socket", ""),
        ("file", "Socket", "is not a socket"),
        ("file", "CharDevice", "is not a character device"),
        ("file", "BlockDevice", "is not a block device"),
    ],
)
def test_host_path_types(tmp_path, monkeypatch, there, kind, error):
    monkeypatch.chdir(tmp_path)
    path = make(tmp_path / "p", there)
    volume = {"hostPath": {"path": str(path), **({"type": kind} if kind else {})}}
    if error:
        with pytest.raises(ManifestError, match=f"hostPath type check failed: .* {error}"):
            mount_one(tmp_path, volume)
    else:
        assert mount_one(tmp_path, volume).source == path
        assert path.exists() or kind == ""


def test_a_file_that_is_there_is_not_emptied(tmp_path):
    path = make(tmp_path / "file", "file")
    mount_one(tmp_path, {"hostPath": {"path": str(path), "type": "FileOrCreate"}})
    assert path.read_text() == "content"


# Secrets


def test_a_secret_is_read_in_place(tmp_path, sources):
    found = mount_one(tmp_path, {"secret": {"secretName": "bucket"}}, sources)
    assert found.source == tmp_path / "secrets" / "bucket"
    assert not (tmp_path / "pod").exists()


def test_keys_at_paths_are_links_not_copies(tmp_path, sources):
    items = [{"key": "password", "path": "deep/pass"}]
    found = mount_one(tmp_path, {"secret": {"secretName": "bucket", "items": items}}, sources)
    assert (found.source / "deep" / "pass").read_text() == "hunter2\n"
    assert (found.source / "deep" / "pass").is_symlink()
    assert not (found.source / "user").exists()


def test_one_key_as_a_file(tmp_path, sources):
    found = mount_one(tmp_path, {"secret": {"secretName": "bucket"}}, sources, subPath="password")
    assert found.source.read_text() == "hunter2\n"


@pytest.mark.parametrize(
    ("volume", "message"),
    [
        ({"secret": {"secretName": "absent"}}, "secret 'absent'"),
        ({"secret": {"secretName": "bucket", "items": [{"key": "no", "path": "no"}]}}, "secret 'bucket' with key 'no'"),
        ({"secret": {"secretName": "../secrets/bucket"}}, "secret"),
        ({"configMap": {"name": "settings"}}, "config map 'settings'.* MLTRAIN_CONFIG_MAPS is not set"),
        ({"secret": {"secretName": "bucket", "items": [{"key": "user", "path": "../../x"}]}}, "leads out"),
    ],
)
def test_what_is_missing_is_named(tmp_path, sources, volume, message):
    with pytest.raises(ManifestError, match=message):
        mount_one(tmp_path, volume, sources)


@pytest.mark.parametrize(
    "volume",
    [
        {"secret": {"secretName": "absent", "optional": True}},
        {"configMap": {"name": "absent", "optional": True}},
        {"secret": {"secretName": "bucket", "items": [{"key": "no", "path": "no"}], "optional": True}},
    ],
)
def test_what_is_optional_may_be_missing(tmp_path, sources, volume):
    assert list(mount_one(tmp_path, volume, sources).source.iterdir()) == []


def test_the_value_is_the_file_less_its_last_newline(tmp_path, sources):
    assert sources.secrets.value("bucket", "password") == "hunter2"
    assert sources.secrets.values("bucket") == {"password": "hunter2", "user": "me"}
    (tmp_path / "secrets" / "bucket" / "raw").write_bytes(b"a\n\n\xff")
    assert sources.secrets.value("bucket", "raw").encode(errors="surrogateescape") == b"a\n\n\xff"


def test_without_a_named_folder_the_error_says_what_to_set():
    with pytest.raises(ManifestError, match="secret 'bucket' with key 'password'") as raised:
        NO_SOURCES.secrets.value("bucket", "password")
    assert raised.value.hint == (
        "Put the value into the file $MLTRAIN_SECRETS/bucket/password and set MLTRAIN_SECRETS to the folder."
    )


def test_no_value_is_ever_logged_or_shown(tmp_path, sources, caplog):
    caplog.set_level(logging.DEBUG)
    sources.secrets.values("bucket")
    with pytest.raises(ManifestError) as raised:
        sources.secrets.value("bucket", "absent")
    assert "hunter2" not in f"{caplog.text} {raised.value.to_dict()} {sources!r}"


# Kinds and paths


def test_a_kind_that_is_not_here(tmp_path):
    with pytest.raises(ManifestError, match="Volume 'data' is of kind nfs"):
        mount_one(tmp_path, {"nfs": {"server": "s", "path": "/"}})


def test_a_mount_without_its_volume(tmp_path):
    pod = {"metadata": {"name": "p"}, "spec": {}}
    container = {"name": "main", "volumeMounts": [{"name": "data", "mountPath": "/train"}]}
    with pytest.raises(ManifestError, match="'data', but there is no such volume"):
        mount(pod, container, claims=tmp_path, scratch=tmp_path, sources=NO_SOURCES)


def test_a_folder_in_a_volume(tmp_path):
    claim = {"persistentVolumeClaim": {"claimName": "results"}}
    assert mount_one(tmp_path, claim, subPath="a/b").source == tmp_path / "volumes" / "results" / "a" / "b"
    assert (tmp_path / "volumes" / "results" / "a" / "b").is_dir()
    for wrong in ("../other", "/etc", "a/../../b"):
        with pytest.raises(ManifestError, match="leads out"):
            mount_one(tmp_path, claim, subPath=wrong)


MOUNTS = (
    Mount("data", "/train", Path("/home/me/train")),
    Mount("logs", "/train/logs", Path("/home/me/logs")),
    Mount("data", "/again", Path("/home/me/train")),
)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("/train", "/home/me/train"),
        ("/train/", "/home/me/train/"),
        ("--dir=/train/a b", "--dir=/home/me/train/a b"),
        ("/train/logs/x", "/home/me/logs/x"),
        ("/train/logs2", "/home/me/train/logs2"),
        ("/train:/train/logs", "/home/me/train:/home/me/logs"),
        ("file:///train/x", "file:///home/me/train/x"),
        ('{"data_dir": "/train"}', '{"data_dir": "/home/me/train"}'),
        ("Writes to /train.", "Writes to /home/me/train."),
        ("/trains", "/trains"),
        ("/train-2", "/train-2"),
        ("/train.bak", "/train.bak"),
        ("/other/train", "/other/train"),
        ("./train", "./train"),
        ("~/train", "~/train"),
        ("s3://bucket/train", "s3://bucket/train"),
        ("https://host/train", "https://host/train"),
        ("train", "train"),
    ],
)
def test_mount_paths_in_a_text(text, expected):
    assert volumes.rewrite(Text(text), MOUNTS).whole == expected


@given(st.text(alphabet="/train logs=:.-_x"))
def test_without_mounts_nothing_changes(text):
    assert volumes.rewrite(Text(text), ()).whole == text


@given(st.lists(st.from_regex(r"[a-z0-9_-]{1,5}", fullmatch=True), max_size=4))
def test_whatever_lies_below_a_mount_is_found_there(parts):
    below = "".join(f"/{part}" for part in parts)
    expected = "/home/me/logs" + below[5:] if parts[:1] == ["logs"] else "/home/me/train" + below
    assert volumes.rewrite(Text("/train" + below), MOUNTS).whole == expected


def test_programs_can_ask_for_the_folder():
    mounts = (*MOUNTS, Mount("my-data.v2", "/x", Path("/y")))
    assert volume_env(mounts) == {
        "MLTRAIN_VOLUME_DATA": "/home/me/train",
        "MLTRAIN_VOLUME_LOGS": "/home/me/logs",
        "MLTRAIN_VOLUME_MY_DATA_V2": "/y",
    }

"""What is set about images."""

from __future__ import annotations

from pathlib import Path

import pytest

from jupyter_mltrain.errors import InvalidInput
from jupyter_mltrain.image import settings


@pytest.fixture(autouse=True)
def _own_folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(settings.VARIABLE, raising=False)
    monkeypatch.setenv("XDG_CONFIG_DIRS", str(tmp_path / "site"))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "user"))


def write(folder: Path, text: str) -> Path:
    file = folder / "jupyter-mltrain" / settings.FILE
    file.parent.mkdir(parents=True)
    file.write_text(text)
    return file


def test_nothing_is_set() -> None:
    assert settings.load() == settings.Settings()


def test_the_users_file_wins_over_the_sites(tmp_path: Path) -> None:
    site = 'repository = "site.example/team"\ncompression = "gzip"\n[bases]\ndefault = "a:1"\npytorch = "b:1"\n'
    write(tmp_path / "site", site)
    write(tmp_path / "user", 'repository = "user.example/me/"\nplatforms = ["arm64"]\n[bases]\npytorch = "c:1"\n')
    found = settings.load()
    assert (found.repository, found.compression, found.platforms) == ("user.example/me", "gzip", ("linux/arm64",))
    assert found.bases == {"default": "a:1", "pytorch": "c:1"}


def test_a_named_file_is_the_only_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(tmp_path / "user", 'compression = "gzip"\n')
    other = tmp_path / "other.toml"
    other.write_text("cache_size = 3\n")
    monkeypatch.setenv(settings.VARIABLE, str(other))
    assert settings.load() == settings.Settings(cache_size=3)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("repositry = 'a'", "'repositry' is no setting"),
        ("repository = 'a b'", "repository: "),
        ("repository = 1", "repository is no text"),
        ("platforms = ['windows/amd64/x/y']", "platforms: "),
        ("platforms = 'linux/amd64'", "platforms is no list"),
        ("compression = 'xz'", "compression is not one of zstd, gzip"),
        ("cache_size = 0", "cache_size is no whole number"),
        ("cache_size = true", "cache_size is no whole number"),
        ("build_packages = 1", "build_packages is neither true nor false"),
        ("bases = ['a']", "bases is no table"),
        ("builder = 'docker'", "builder is not one of auto, direct, buildah"),
        ("= 1", "cannot be read"),
    ],
)
def test_a_wrong_file_is_named_with_what_is_wrong(tmp_path: Path, text: str, words: str) -> None:
    file = write(tmp_path / "user", text)
    with pytest.raises(InvalidInput) as error:
        settings.load()
    assert words in error.value.message
    assert str(file) in error.value.message


def test_a_file_that_is_not_there(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(settings.VARIABLE, "/nowhere/image.toml")
    with pytest.raises(InvalidInput, match="not there"):
        settings.load()

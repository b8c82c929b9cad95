"""Logins are found where docker and podman leave them, the most specific first."""

import base64
import json
import os
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jupyter_mltrain.errors import RegistryError
from jupyter_mltrain.image.registry import ConfigFiles, Login
from jupyter_mltrain.image.registry import credentials as module

HUB = "https://index.docker.io/v1/"


def auth(name: str, password: str = "secret") -> dict[str, str]:
    return {"auth": base64.b64encode(f"{name}:{password}".encode()).decode()}


def config(folder: Path, content: Any, name: str = "config.json", **environment: str) -> ConfigFiles:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / name).write_text(content if isinstance(content, str) else json.dumps(content))
    return ConfigFiles({"DOCKER_CONFIG": str(folder), **environment}, home=folder)


def user(found: Login | None) -> str | None:
    return found and found.username


@pytest.mark.parametrize(
    ("key", "host", "repository", "fits"),
    [
        ("reg.example", "reg.example", "a/b", True),
        ("reg.example", "reg.example:443", "a/b", False),
        ("reg.example:5000", "reg.example:5000", "a/b", True),
        ("https://reg.example", "reg.example", "a/b", True),
        ("https://reg.example/v2/", "reg.example", "a/b", True),
        ("http://localhost:5000/v1/", "localhost:5000", "a/b", True),
        ("reg.example/a", "reg.example", "a/b", True),
        ("reg.example/a/b", "reg.example", "a/b", True),
        ("reg.example/a/b/c", "reg.example", "a/b", False),
        ("reg.example/a", "reg.example", "ab/c", False),
        (HUB, "docker.io", "me/x", True),
        ("docker.io", "docker.io", "me/x", True),
        ("docker.io/me", "docker.io", "me/x", True),
        ("index.docker.io", "docker.io", "me/x", True),
        ("registry-1.docker.io", "docker.io", "me/x", True),
        (HUB, "reg.example", "me/x", False),
    ],
)
def test_which_entry_fits(tmp_path: Path, key: str, host: str, repository: str, fits: bool) -> None:
    found = config(tmp_path, {"auths": {key: auth("me")}}).find(host, repository)
    assert user(found) == ("me" if fits else None)


def test_a_login_says_where_it_is_from_and_hides_its_secret(tmp_path: Path) -> None:
    found = config(tmp_path, {"auths": {"reg.example": auth("me", "pass:word")}}).find("reg.example", "a")
    assert found == Login("me", "pass:word", source=f"the entry 'reg.example' of {str(tmp_path / 'config.json')!r}")
    assert "pass:word" not in f"{found} {found!r}"


@pytest.mark.parametrize(
    ("entry", "expected"),
    [
        ({"username": "me", "password": "p"}, Login("me", "p")),
        ({"identitytoken": "t"}, Login(identity_token="t")),
        ({**auth("00000000-0000-0000-0000-000000000000", ""), "identitytoken": "t"}, "t"),
        ({"registrytoken": "t"}, Login(registry_token="t")),
        ({"auth": base64.b64encode(b"me:p\0\0").decode()}, Login("me", "p")),
        ({}, None),
        ({"auth": ""}, None),
        ("me:p", None),
    ],
)
def test_forms_of_entries(tmp_path: Path, entry: Any, expected: Any) -> None:
    found = config(tmp_path, {"auths": {"reg.example": entry}}).find("reg.example", "a")
    if isinstance(expected, str):
        assert found is not None
        assert found.identity_token == expected
    elif expected is None:
        assert found is None
    else:
        assert found is not None
        assert (found.username, found.password, found.identity_token, found.registry_token) == (
            expected.username,
            expected.password,
            expected.identity_token,
            expected.registry_token,
        )


def test_the_files_in_their_order(tmp_path: Path) -> None:
    environment = {
        "REGISTRY_AUTH_FILE": str(tmp_path / "named.json"),
        "DOCKER_CONFIG": str(tmp_path / "docker"),
        "XDG_RUNTIME_DIR": str(tmp_path / "run"),
    }
    places = ConfigFiles(environment, home=tmp_path).places
    assert [str(Path(place).relative_to(tmp_path)) for place in places] == [
        "named.json",
        "docker/config.json",
        "run/containers/auth.json",
        ".config/containers/auth.json",
    ]
    for number, place in reversed(list(enumerate(places))):
        Path(place).parent.mkdir(parents=True, exist_ok=True)
        Path(place).write_text(json.dumps({"auths": {"reg.example": auth(str(number))}}))
        assert user(ConfigFiles(environment, home=tmp_path).find("reg.example", "a")) == str(number)


def test_home_is_looked_in_last(tmp_path: Path) -> None:
    home = tmp_path / ".docker"
    home.mkdir()
    (home / "config.json").write_text(json.dumps({"auths": {"reg.example": auth("me")}}))
    assert user(ConfigFiles({}, home=tmp_path).find("reg.example", "a")) == "me"
    assert ConfigFiles({"DOCKER_CONFIG": str(tmp_path)}, home=tmp_path).find("reg.example", "a") is None


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("{", "no JSON"),
        ("[]", "no JSON object"),
        ('{"auths": {"reg.example": {"auth": "s3cr%t"}}}', "not base64"),
        ('{"auths": {"reg.example": {"auth": "c2VjcmV0"}}}', "not NAME:PASSWORD"),
        ("[" * 100_000, "no JSON"),
    ],
)
def test_files_that_cannot_be_read(tmp_path: Path, content: str, message: str) -> None:
    with pytest.raises(RegistryError, match=message) as caught:
        config(tmp_path, content).find("reg.example", "a")
    assert str(tmp_path / "config.json") in caught.value.message
    assert "s3cr%t" not in caught.value.message


@pytest.mark.parametrize("content", ["", "{}", '{"auths": null}', '{"auths": []}', '{"auths": {"reg.example": 1}}'])
def test_files_that_say_nothing(tmp_path: Path, content: str) -> None:
    assert config(tmp_path, content).find("reg.example", "a") is None


def test_a_file_that_may_not_be_read(tmp_path: Path) -> None:
    (tmp_path / "config.json").mkdir()
    with pytest.raises(RegistryError, match="cannot be read: Is a directory"):
        ConfigFiles({"DOCKER_CONFIG": str(tmp_path)}, home=tmp_path).find("reg.example", "a")


# --- helpers


def helper(folder: Path, script: str) -> str:
    """Install a credential helper called ``tests``; return the PATH on which it is."""
    folder.mkdir(parents=True, exist_ok=True)
    program = folder / "docker-credential-tests"
    program.write_text(f"#!/bin/sh\n{script}\n")
    program.chmod(0o755)
    return f"{folder}{os.pathsep}{os.environ['PATH']}"


ECHO = (
    """test "$1" = get && read server; printf '{"ServerURL":"%s","Username":"me","Secret":"%s"}' "$server" "$server" """
)


@pytest.mark.parametrize(
    ("content", "host", "asked"),
    [
        ({"credsStore": "tests"}, "reg.example", "reg.example"),
        ({"credsStore": "tests"}, "docker.io", HUB),
        ({"credHelpers": {"reg.example": "tests"}}, "reg.example", "reg.example"),
        ({"credHelpers": {"docker.io": "tests"}}, "docker.io", HUB),
        ({"credsStore": "missing", "credHelpers": {"reg.example": "tests"}}, "reg.example", "reg.example"),
        ({"credsStore": "tests", "auths": {"reg.example": {}}}, "reg.example", "reg.example"),
    ],
)
def test_a_helper_is_asked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, content: dict[str, Any], host: str, asked: str
) -> None:
    monkeypatch.setenv("PATH", helper(tmp_path / "bin", ECHO))
    found = config(tmp_path, content, PATH=os.environ["PATH"]).find(host, "a/b")
    assert found == Login("me", asked, source="docker-credential-tests")


def test_an_entry_of_its_own_goes_before_the_store(tmp_path: Path) -> None:
    content = {"credsStore": "missing", "auths": {"reg.example": auth("me")}}
    assert user(config(tmp_path, content).find("reg.example", "a")) == "me"


def test_a_helper_that_gives_an_identity_token(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    script = """echo '{"Username": "<token>", "Secret": "t"}'"""
    monkeypatch.setenv("PATH", helper(tmp_path / "bin", script))
    found = config(tmp_path, {"credsStore": "tests"}, PATH=os.environ["PATH"]).find("reg.example", "a")
    assert found == Login(identity_token="t", source="docker-credential-tests")


@pytest.mark.parametrize(
    "script",
    ["echo credentials not found in native keychain; exit 1", """echo '{"Username": "", "Secret": ""}'"""],
)
def test_a_helper_that_knows_nobody(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, script: str) -> None:
    monkeypatch.setenv("PATH", helper(tmp_path / "bin", script))
    assert config(tmp_path, {"credsStore": "tests"}, PATH=os.environ["PATH"]).find("reg.example", "a") is None


@pytest.mark.parametrize(
    ("script", "message"),
    [
        ("printf 'no \\033[31mbus' >&2; exit 3", r"failed: no \\x1b\[31mbus"),
        ("exit 3", "failed: exit code 3"),
        ("echo hello secret", "not that of a credential helper"),
        ("echo '[\"secret\"]'", "not that of a credential helper"),
        ("exec sleep 60", "did not answer in"),
    ],
)
def test_a_helper_that_fails(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, script: str, message: str) -> None:
    monkeypatch.setattr(module, "_HELPER_SECONDS", 1.0 if "sleep" in script else 30.0)
    monkeypatch.setenv("PATH", helper(tmp_path / "bin", script))
    with pytest.raises(RegistryError, match=message) as caught:
        config(tmp_path, {"credsStore": "tests"}, PATH=os.environ["PATH"]).find("reg.example", "a")
    assert "docker-credential-tests" in caught.value.message
    assert "secret" not in caught.value.message


@pytest.mark.parametrize(("name", "message"), [("missing", "not on the PATH"), ("../x", "no name of a program")])
def test_a_helper_that_is_not_there(tmp_path: Path, name: str, message: str) -> None:
    with pytest.raises(RegistryError, match=message) as caught:
        config(tmp_path, {"credsStore": name}, PATH=os.environ["PATH"]).find("reg.example", "a")
    assert str(tmp_path / "config.json") in caught.value.hint


# --- rules

PART = st.sampled_from(["a", "b", "team", "v1", "v2"])
KEYS = st.lists(PART, max_size=3).map(lambda parts: "/".join(["reg.example", *parts]))


@given(st.sets(KEYS, max_size=5), st.lists(PART, min_size=1, max_size=4).map("/".join))
def test_the_longest_entry_that_is_a_prefix_counts(
    tmp_path_factory: pytest.TempPathFactory, keys: set[str], repository: str
) -> None:
    folder = tmp_path_factory.mktemp("config")
    found = config(folder, {"auths": {key: auth(key.replace("/", "!")) for key in keys}})
    name = f"reg.example/{repository}/"
    fitting = [key for key in keys if name.startswith(f"{key}/")]
    expected = max(fitting, key=len).replace("/", "!") if fitting else None
    assert user(found.find("reg.example", repository)) == expected


@given(st.text(min_size=1).filter(lambda name: ":" not in name), st.text().filter(lambda word: not word.endswith("\0")))
def test_names_and_passwords_of_any_letters(tmp_path_factory: pytest.TempPathFactory, name: str, password: str) -> None:
    try:
        entry = auth(name, password)
    except UnicodeEncodeError:
        return
    found = config(tmp_path_factory.mktemp("config"), {"auths": {"reg.example": entry}}).find("reg.example", "a")
    assert found is not None
    assert (found.username, found.password) == (name, password)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["auths", "auth", "credsStore", "credHelpers", "reg.example", "x"]), inner)
    ),
    max_leaves=10,
)


@given(JSON)
def test_any_json_is_read_or_refused(tmp_path_factory: pytest.TempPathFactory, content: Any) -> None:
    found = config(tmp_path_factory.mktemp("config"), json.dumps(content), PATH="/nowhere")
    with suppress(RegistryError):
        found.find("reg.example", "a")

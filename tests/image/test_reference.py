"""Names of images."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jupyter_mltrain.errors import InvalidInput
from jupyter_mltrain.image.reference import Reference

DIGEST = "sha256:" + "0123456789abcdef" * 4


@pytest.mark.parametrize(
    ("text", "registry", "repository", "tag", "digest"),
    [
        ("python", "docker.io", "library/python", "", ""),
        ("python:3.11-slim", "docker.io", "library/python", "3.11-slim", ""),
        ("tensorflow/tensorflow:2.20.0", "docker.io", "tensorflow/tensorflow", "2.20.0", ""),
        ("docker.io/python", "docker.io", "library/python", "", ""),
        ("index.docker.io/a/b", "docker.io", "a/b", "", ""),
        ("localhost/a", "localhost", "a", "", ""),
        ("localhost:5000/me/recommender", "localhost:5000", "me/recommender", "", ""),
        ("localhost:5000/me/recommender:1", "localhost:5000", "me/recommender", "1", ""),
        ("127.0.0.1:5000/a", "127.0.0.1:5000", "a", "", ""),
        ("[::1]:5000/a:b", "[::1]:5000", "a", "b", ""),
        ("ghcr.io/a/b/c/d_e__f-g.h:v1.2_3-x", "ghcr.io", "a/b/c/d_e__f-g.h", "v1.2_3-x", ""),
        (f"quay.io/a/b@{DIGEST}", "quay.io", "a/b", "", DIGEST),
        (f"quay.io/a/b:1@{DIGEST}", "quay.io", "a/b", "1", DIGEST),
        ("REGISTRY/a", "REGISTRY", "a", "", ""),
    ],
)
def test_names(text: str, registry: str, repository: str, tag: str, digest: str) -> None:
    reference = Reference.parse(text)
    assert reference == Reference(registry, repository, tag, digest)
    assert Reference.parse(str(reference)) == reference


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "empty"),
        ("localhost:5000/Me/x", "write 'me'"),
        ("a//b", "empty"),
        ("quay.io/a/b@sha256:12", "64 hexadecimal digits"),
        ("quay.io/a/b@md5:12", "64 hexadecimal digits"),
        ("a:-b", "tag '-b'"),
        ("a:" + "b" * 129, "128 at most"),
        ("a b", "'a b'"),
        ("-a", "'-a'"),
        ("http://localhost:5000/a", "Leave 'http://' out"),
        ("exa_mple.com/a", "not a host"),
        ("localhost:5000/" + "a/" * 130 + "a", "longer than 255"),
        ("a/b\n", "'b\\n'"),
    ],
)
def test_what_is_no_name(text: str, why: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        Reference.parse(text)
    assert why in caught.value.hint
    assert repr(text) in caught.value.message


COMPONENT = st.from_regex(r"[a-z0-9]+((\.|_|__|-+)[a-z0-9]+){0,3}", fullmatch=True)


@given(
    st.sampled_from(["docker.io", "localhost", "localhost:5000", "r.example.com", "[::1]:1"]),
    st.lists(COMPONENT, min_size=2, max_size=4).map("/".join).filter(lambda name: len(name) < 200),
    st.just("") | st.from_regex(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,20}", fullmatch=True),
    st.sampled_from(["", DIGEST]),
)
def test_every_name_is_read_as_it_is_written(registry: str, repository: str, tag: str, digest: str) -> None:
    reference = Reference(registry, repository, tag, digest)
    assert Reference.parse(str(reference)) == reference


@given(st.text(max_size=60))
def test_any_text_is_a_name_or_says_why_not(text: str) -> None:
    found = _read(text)
    if isinstance(found, InvalidInput):
        assert found.hint
    else:
        assert Reference.parse(str(found)) == found


def _read(text: str) -> Reference | InvalidInput:
    try:
        return Reference.parse(text)
    except InvalidInput as error:
        return error


def test_versions() -> None:
    reference = Reference.parse("r.example.com/a:1")
    assert (reference.version, reference.pinned) == ("1", False)
    assert (reference.at(DIGEST).version, reference.at(DIGEST).pinned) == (DIGEST, True)
    assert str(reference.at(DIGEST).tagged("cache")) == "r.example.com/a:cache"
    assert Reference.parse("r.example.com/a").version == "latest"

"""``WWW-Authenticate`` as registries write it, and as nobody should."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jupyter_mltrain.image.registry.challenges import Challenge, parse

TOKEN = st.text("abcdefghijklmnopqrstuvwxyz0123456789-_.", min_size=1, max_size=10)


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        ("", []),
        ("Basic", [("basic", {})]),
        ('Basic realm="x"', [("basic", {"realm": "x"})]),
        ("BASIC Realm=x", [("basic", {"realm": "x"})]),
        (
            'Bearer realm="https://auth.docker.io/token",service="registry.docker.io",'
            'scope="repository:library/python:pull,push"',
            [
                (
                    "bearer",
                    {
                        "realm": "https://auth.docker.io/token",
                        "service": "registry.docker.io",
                        "scope": "repository:library/python:pull,push",
                    },
                )
            ],
        ),
        ("Bearer realm=https://x/token?a=b, service=y", [("bearer", {"realm": "https://x/token?a=b", "service": "y"})]),
        ('Bearer realm = "a" , service="b"', [("bearer", {"realm": "a", "service": "b"})]),
        (r'Bearer realm="a\"b\\c, d=e"', [("bearer", {"realm": 'a"b\\c, d=e'})]),
        (
            'Negotiate, Basic realm="x", Bearer realm="y"',
            ["negotiate", ("basic", {"realm": "x"}), ("bearer", {"realm": "y"})],
        ),
        ("Negotiate YII+a/b==, Basic realm=x", ["negotiate", ("basic", {"realm": "x"})]),
        ('Bearer realm="x",,  ,service="y"', [("bearer", {"realm": "x", "service": "y"})]),
        ('Bearer realm="first",realm="second"', [("bearer", {"realm": "first"})]),
        ('realm="of nobody", Basic', [("basic", {})]),
        ('Bearer realm="never ends', ["bearer"]),
    ],
)
def test_examples(header: str, expected: list[object]) -> None:
    found = parse([header])
    assert [each.scheme for each in found][: len(expected)] == [
        each if isinstance(each, str) else each[0]  # type: ignore[index]
        for each in expected
    ]
    for challenge, wanted in zip(found, expected, strict=False):
        if isinstance(wanted, tuple):
            assert challenge == Challenge(*wanted)


def test_several_headers_count_as_one() -> None:
    assert [each.scheme for each in parse(["Basic realm=x", 'Bearer realm="y"'])] == ["basic", "bearer"]


@given(st.lists(st.tuples(TOKEN, st.dictionaries(TOKEN, st.text(max_size=20), min_size=1, max_size=4)), max_size=4))
def test_what_is_written_is_read(challenges: list[tuple[str, dict[str, str]]]) -> None:
    def quoted(value: str) -> str:
        return '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'

    written = ", ".join(
        f"{scheme} " + ",".join(f"{name}={quoted(value)}" for name, value in parameters.items())
        for scheme, parameters in challenges
    )
    assert parse([written]) == tuple(Challenge(*each) for each in challenges)


@given(st.text(max_size=200))
def test_nothing_makes_it_fail(header: str) -> None:
    parse([header])

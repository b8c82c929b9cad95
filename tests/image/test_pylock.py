from __future__ import annotations

from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jupyter_mltrain.errors import ResolutionError
from jupyter_mltrain.image.locked import Lock, LockedSource, LockedWheel
from jupyter_mltrain.image.pylock import read
from tests.image.environments import AMD64, ARM64

SHA = "a" * 64
HEAD = 'lock-version = "1.0"\ncreated-by = "test"\n'


def wheel(filename: str, *, hashes: str = f'sha256 = "{SHA}"', more: str = "") -> str:
    return f'{{ url = "https://host/files/{filename}", hashes = {{ {hashes} }}{more} }}'


def package(name: str, version: str = "1.0", *, wheels: tuple[str, ...] = (), more: str = "") -> str:
    listed = f"wheels = [{', '.join(wheels)}]\n" if wheels else ""
    return f'[[packages]]\nname = "{name}"\nversion = "{version}"\n{listed}{more}\n'


def archive(url: str, more: str = "") -> str:
    return f'archive = {{ url = "{url}"{more}, hashes = {{ sha256 = "{SHA}" }} }}'


def files(text: str, folder: Path = Path("/nowhere")) -> list[str]:
    return [one.filename for one in read(HEAD + text, AMD64, folder)[0]]


def test_the_best_wheel_is_chosen() -> None:
    tags = ("cp311-cp311-manylinux_2_17_x86_64", "cp311-cp311-win_amd64", "cp311-abi3-manylinux2014_x86_64")
    text = package("a", wheels=tuple(wheel(f"a-1.0-{tag}.whl") for tag in (*tags, "py3-none-any")))
    assert files(text) == ["a-1.0-cp311-cp311-manylinux_2_17_x86_64.whl"]


def test_markers_decide() -> None:
    text = package("a", wheels=(wheel("a-1.0-py3-none-any.whl"),), more="marker = \"platform_machine == 'aarch64'\"")
    assert files(text) == []
    assert [one.name for one in read(HEAD + text, ARM64, Path("/"))[0]] == ["a"]


def test_everything_that_a_lock_can_name(tmp_path: Path) -> None:
    (tmp_path / "lib").mkdir()
    commit = "b" * 40
    text = (
        package("a", wheels=(wheel("a-1.0-py3-none-any.whl", more=", size = 7"),))
        + package("s", more=f'sdist = {{ url = "https://host/s-1.0.tar.gz", hashes = {{ sha256 = "{SHA}" }} }}')
        + package("w", more=archive("https://host/w-1.0-py3-none-any.whl"))
        + package("z", more=archive("https://host/main.zip", ', subdirectory = "p"'))
        + package("g", more=f'vcs = {{ type = "git", url = "https://me:pw@host/g", commit-id = "{commit}" }}')
        + '[[packages]]\nname = "d"\ndirectory = { path = "lib", editable = true }\n'
    )
    wheels, sources = read(HEAD + text, AMD64, tmp_path)
    assert wheels == (
        LockedWheel("a", "1.0", "a-1.0-py3-none-any.whl", "https://host/files/a-1.0-py3-none-any.whl", SHA, 7),
        LockedWheel("w", "1.0", "w-1.0-py3-none-any.whl", "https://host/w-1.0-py3-none-any.whl", SHA),
    )
    assert [(one.name, one.kind, one.url, one.subdirectory) for one in sources] == [
        ("d", "folder", (tmp_path / "lib").as_uri(), ""),
        ("g", "git", "https://host/g", ""),
        ("s", "archive", "https://host/s-1.0.tar.gz", ""),
        ("z", "archive", "https://host/main.zip", "p"),
    ]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[[packages]", "no TOML"),
        (package("a", wheels=(wheel("a-1.0-py3-none-any.whl", hashes=""),)), "hash"),
        (package("a", wheels=(wheel("a-1.0-py3-none-any.whl", hashes='md5 = "aa"'),)), "no sha256 of a file of a"),
        (package("a", wheels=(wheel("a-1.0-py3-none-any.whl", hashes='sha256 = "../x"'),)), "no sha256 of a file of a"),
        (package("a", wheels=(wheel("b-1.0-py3-none-any.whl"),)), "not consistent"),
        (package("a", wheels=(wheel("a-2.0-py3-none-any.whl"),)), "not consistent"),
        (package("a", wheels=(wheel("a-1.0-py3-none-any.%2F..%2Fx.whl"),)), "Invalid wheel filename"),
        (package("a", wheels=(wheel("a-1.0-py3-none-any.%0Ax.whl"),)), "file name"),
        (package("A_b", wheels=(wheel("a_b-1.0-py3-none-any.whl"),)), "not normalized"),
        (package("a", wheels=(wheel("a-1.0.exe"),)), "Invalid wheel filename"),
        (package("a", wheels=(wheel("a-1.0-py3-none-any.whl").replace("https", "ftp"),)), "cannot be fetched"),
        (package("a", more='directory = { path = "../none" }'), "is not there"),
        (package("a", more='vcs = { type = "hg", url = "https://host/g", commit-id = "1" }'), "comes from hg, at"),
        (package("a", more='vcs = { type = "git", url = "https://host/g", commit-id = "--x" }'), "names no commit"),
        (package("a", more='vcs = { type = "git", url = "ext::sh -c x", commit-id = "1" }'), "at no address"),
        (package("a", wheels=(wheel("a-1.0-py3-none-any.whl").replace("host", "[bad"),)), "malformed"),
        (package("a", wheels=(wheel("a-1.0-py3-none-any.whl"),)) * 2, "Multiple packages"),
        (package("a", wheels=(wheel("a-1.0-py3-none-any.whl"),), more='requires-python = ">=4"'), "is not for Python"),
        (package("a", more=archive("https://h/a-1.0-cp311-cp311-win32.whl")),
         "a-1.0-cp311-cp311-win32.whl is a wheel for another platform than Python 3.11.9 on linux/amd64"),
        (package("a", more=archive("https://h/b-1.0-py3-none-any.whl")),
         "'b-1.0-py3-none-any.whl' as the wheel of a 1.0"),
    ],
)  # fmt: skip
def test_locks_that_are_refused(text: str, message: str) -> None:
    with pytest.raises(ResolutionError) as caught:
        files(text)
    assert message in caught.value.message


def test_versions_of_the_format_that_are_not_known() -> None:
    with pytest.raises(ResolutionError, match=r"version 2\.0 is not supported"):
        read('lock-version = "2.0"\ncreated-by = "x"\npackages = []\n', AMD64, Path("/"))


def test_wheels_of_another_platform_are_named_with_what_the_image_is() -> None:
    text = package(
        "a", wheels=(wheel("a-1.0-cp311-cp311-win_amd64.whl"), wheel("a-1.0-cp311-cp311-macosx_11_0_arm64.whl"))
    )
    with pytest.raises(ResolutionError) as caught:
        files(text + package("b", wheels=(wheel("b-1.0-py3-none-any.whl"),)))
    assert caught.value.message == (
        "The lock has wheels for another platform: the image is Python 3.11.9 on linux/amd64 with glibc 2.36, but "
        "there is a for cp311-cp311-macosx_11_0_arm64, cp311-cp311-win_amd64."
    )
    assert caught.value.details == {"packages": ["a"]}


@given(st.text(max_size=200))
def test_any_text_is_a_lock_or_is_refused(text: str) -> None:
    for candidate in (text, HEAD + text):
        with suppress(ResolutionError):
            read(candidate, AMD64, Path("/nowhere"))


_VALUES = st.one_of(
    st.just('"1.0"'), st.just("7"), st.just("[]"), st.just("{}"), st.just('"../../etc"'), st.just("true"), st.just('""')
)
_KEYS = st.sampled_from(
    ["name", "version", "wheels", "sdist", "vcs", "directory", "archive", "marker", "requires-python", "index"]
)


@given(st.dictionaries(_KEYS, _VALUES, max_size=5))
def test_any_package_is_read_or_refused(fields: dict[str, str]) -> None:
    text = "[[packages]]\n" + "".join(f"{key} = {value}\n" for key, value in fields.items())
    with suppress(ResolutionError):
        read(HEAD + text, AMD64, Path("/nowhere"))


# --- what locks are as values

_NAMES = st.from_regex(r"[a-z][a-z0-9]{0,8}", fullmatch=True)
_VERSIONS = st.tuples(st.integers(0, 30), st.integers(0, 30)).map(lambda parts: ".".join(map(str, parts)))
_DIGESTS = st.text("0123456789abcdef", min_size=64, max_size=64)


@st.composite
def locks(draw: st.DrawFn) -> Lock:
    names = draw(st.lists(_NAMES, unique=True, min_size=1, max_size=6))
    wheels = []
    for name in sorted(names):
        version, digest = draw(_VERSIONS), draw(_DIGESTS)
        filename = f"{name}-{version}-py3-none-any.whl"
        size = draw(st.none() | st.integers(0, 10**12))
        wheels.append(LockedWheel(name, version, filename, f"https://host/{filename}", digest, size))
    return Lock(AMD64, tuple(wheels))


@given(locks())
def test_what_is_written_reads_as_the_same(lock: Lock) -> None:
    assert Lock(AMD64, *read(lock.text, AMD64, Path("/"))) == lock
    assert Lock.from_dict(AMD64, lock.to_dict()) == lock


@given(locks(), st.text("abc/", max_size=5))
def test_digests_know_no_addresses_but_every_byte(lock: Lock, place: str) -> None:
    wheel = lock.wheels[0]
    moved = LockedWheel(wheel.name, wheel.version, wheel.filename, f"https://mirror/{place}", wheel.sha256, 5)
    assert Lock(AMD64, (moved, *lock.wheels[1:])).digest == lock.digest
    assert Lock(ARM64, lock.wheels).digest != lock.digest
    other = wheel.sha256[:-1] + ("0" if wheel.sha256[-1] != "0" else "1")
    changed = LockedWheel(wheel.name, wheel.version, wheel.filename, wheel.url, other, wheel.size)
    assert Lock(AMD64, (changed, *lock.wheels[1:])).digest != lock.digest


def test_a_source_in_a_lock_is_part_of_its_digest() -> None:
    source = LockedSource("a", "", "folder", "file:///home/me/a", SHA)
    lock = Lock(AMD64, (), (source,))
    assert lock.digest != Lock(AMD64, ()).digest
    assert "/home/me" not in lock.text

"""Documents of the OCI, as values."""

import json
import string
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jupyter_mltrain.errors import InvalidInput
from jupyter_mltrain.image import oci
from jupyter_mltrain.image.oci import Descriptor, Platform

WORDS = st.text(string.ascii_lowercase + string.digits, min_size=1, max_size=8)
PLATFORMS = st.builds(Platform, WORDS.filter(lambda word: word != "linux"), st.just("") | WORDS)
DESCRIPTORS = st.builds(
    Descriptor,
    st.sampled_from([oci.MANIFEST, oci.INDEX, oci.LAYER_ZSTD, oci.DOCKER_MANIFEST]),
    st.binary(max_size=8).map(oci.digest_of),
    st.integers(0, 2**40),
    st.dictionaries(st.text(max_size=8), st.text(max_size=8), max_size=3),
    st.none() | PLATFORMS,
)


@pytest.mark.parametrize(
    ("text", "platform"),
    [
        ("linux/amd64", Platform("amd64")),
        ("amd64", Platform("amd64")),
        ("x86_64", Platform("amd64")),
        ("aarch64", Platform("arm64")),
        ("linux/arm64/v8", Platform("arm64", "v8")),
        ("Linux/AMD64", Platform("amd64")),
        ("arm/v7", Platform("arm", "v7")),
    ],
)
def test_platforms(text: str, platform: Platform) -> None:
    assert Platform.parse(text) == platform


@pytest.mark.parametrize("text", ["", "linux", "linux/", "linux/amd64/", "linux/arm/v7/x", "windows/amd64/x", "a b"])
def test_what_is_no_platform(text: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        Platform.parse(text)
    assert repr(text) in caught.value.message


@given(PLATFORMS)
def test_a_platform_is_read_as_it_is_written(platform: Platform) -> None:
    known = Platform.parse(str(platform))
    assert Platform.parse(str(known)) == known
    assert str(known).split("/")[2:] == [platform.variant] * bool(platform.variant)


@given(st.text(max_size=20))
def test_any_text_is_a_platform_or_is_refused(text: str) -> None:
    with suppress(InvalidInput):
        platform = Platform.parse(text)
        assert Platform.parse(str(platform)) == platform


@given(DESCRIPTORS)
def test_a_descriptor_is_read_as_it_is_written(descriptor: Descriptor) -> None:
    assert Descriptor.from_dict(json.loads(oci.to_bytes(descriptor.to_dict()))) == descriptor


@given(st.binary(max_size=64))
def test_a_descriptor_of_bytes(data: bytes) -> None:
    descriptor = Descriptor.of(oci.CONFIG, data)
    assert (descriptor.digest, descriptor.size) == (oci.digest_of(data), len(data))


@pytest.mark.parametrize("missing", ["mediaType", "digest", "size"])
def test_a_descriptor_with_a_part_missing(missing: str) -> None:
    document = Descriptor.of(oci.CONFIG, b"").to_dict()
    del document[missing]
    with pytest.raises(KeyError):
        Descriptor.from_dict(document)


@pytest.mark.parametrize(
    "wrong", [{"digest": "sha256:../../passwd"}, {"digest": 1}, {"digest": ""}, {"size": -1}, {"size": None}]
)
def test_a_descriptor_with_a_wrong_part(wrong: dict[str, object]) -> None:
    with pytest.raises((ValueError, TypeError)):
        Descriptor.from_dict(Descriptor.of(oci.CONFIG, b"").to_dict() | wrong)


@given(st.lists(DESCRIPTORS, max_size=4), st.dictionaries(WORDS, WORDS, max_size=2))
def test_an_index(descriptors: list[Descriptor], annotations: dict[str, str]) -> None:
    document = json.loads(oci.index(descriptors, annotations))
    assert [Descriptor.from_dict(each) for each in document["manifests"]] == descriptors
    assert document.get("annotations", {}) == annotations


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=4),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=8,
)


@given(st.dictionaries(st.text(max_size=4), JSON, max_size=4))
def test_equal_documents_are_equal_bytes(document: dict[str, object]) -> None:
    turned = dict(reversed(document.items()))
    assert oci.to_bytes(document) == oci.to_bytes(turned)
    assert json.loads(oci.to_bytes(document)) == document

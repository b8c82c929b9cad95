"""Which of an index's images is for a platform."""

import pytest

from jupyter_mltrain.errors import ImageError
from jupyter_mltrain.image import oci
from jupyter_mltrain.image.base_manifest import choose_manifest


def chosen(offered: list[str], wanted: str, **more: object) -> str:
    """Return which of the platforms that an index offers is taken, where another is wanted."""
    manifests = {name: oci.to_bytes({"schemaVersion": 2, "mediaType": oci.MANIFEST, "for": name}) for name in offered}
    entries = []
    for name, data in manifests.items():
        system, architecture, *variant = name.split("/")
        entry = oci.Descriptor.of(oci.MANIFEST, data).to_dict() | more
        entry["platform"] = {"os": system, "architecture": architecture, "variant": variant[0] if variant else ""}
        entries.append(entry)
    index = oci.to_bytes({"schemaVersion": 2, "mediaType": oci.INDEX, "manifests": entries})
    by_digest = {oci.digest_of(data): data for data in manifests.values()}
    found, _ = choose_manifest(
        "r.example/a",
        oci.Descriptor.of(oci.INDEX, index),
        index,
        oci.Platform.parse(wanted),
        lambda digest: (oci.Descriptor.of(oci.MANIFEST, by_digest[digest]), by_digest[digest]),
    )
    return next(name for name, data in manifests.items() if oci.digest_of(data) == found.digest)


@pytest.mark.parametrize(
    ("offered", "wanted", "expected"),
    [
        (["linux/amd64", "linux/arm64"], "linux/arm64", "linux/arm64"),
        (["linux/amd64", "linux/arm64/v8"], "linux/arm64", "linux/arm64/v8"),
        (["linux/arm64"], "linux/arm64/v8", "linux/arm64"),
        (["linux/arm64/v8", "linux/arm64/v9"], "linux/arm64", "linux/arm64/v8"),
        (["linux/arm64/v8", "linux/arm64/v9"], "linux/arm64/v9", "linux/arm64/v9"),
        (["linux/amd64", "linux/amd64/v2", "linux/amd64/v3"], "linux/amd64", "linux/amd64"),
        (["linux/amd64/v3", "linux/amd64/v2", "linux/amd64"], "linux/amd64/v3", "linux/amd64/v3"),
        (["linux/amd64/v3", "linux/amd64/v2"], "linux/amd64/v4", "linux/amd64/v3"),
        (["linux/arm/v5", "linux/arm/v6", "linux/arm/v7"], "linux/arm", "linux/arm/v7"),
        (["linux/arm/v5", "linux/arm/v7"], "linux/arm/v6", "linux/arm/v5"),
        (["windows/amd64", "linux/amd64"], "linux/amd64", "linux/amd64"),
        (["unknown/unknown", "linux/amd64"], "linux/amd64", "linux/amd64"),
        (["linux/riscv64", "linux/amd64"], "linux/riscv64", "linux/riscv64"),
    ],
)
def test_the_newest_variant_that_runs_there(offered: list[str], wanted: str, expected: str) -> None:
    assert chosen(offered, wanted) == expected


@pytest.mark.parametrize(
    ("offered", "wanted", "hint"),
    [
        (["linux/amd64"], "linux/arm64", "It is for linux/amd64."),
        (["linux/amd64/v3"], "linux/amd64", "It is for linux/amd64/v3."),
        (["windows/amd64"], "linux/amd64", "It is for windows/amd64."),
        (["linux/arm/v7"], "linux/arm64", "It is for linux/arm/v7."),
        (["linux/riscv64/x"], "linux/riscv64", "It is for linux/riscv64/x."),
        (["unknown/unknown"], "linux/amd64", "It lists no image for any platform."),
        ([], "linux/amd64", "It lists no image for any platform."),
    ],
)
def test_none_that_runs_there(offered: list[str], wanted: str, hint: str) -> None:
    with pytest.raises(ImageError, match=f"is not for {wanted}") as caught:
        chosen(offered, wanted)
    assert caught.value.hint == hint


def test_attestations_are_no_images() -> None:
    attestation = {"vnd.docker.reference.type": "attestation-manifest"}
    with pytest.raises(ImageError, match="is not for linux/amd64"):
        chosen(["linux/amd64"], "linux/amd64", annotations=attestation)


def test_other_bytes_than_the_digest_says() -> None:
    other = oci.Descriptor.of(oci.INDEX, b"x")
    with pytest.raises(ImageError, match="its bytes are not those of"):
        choose_manifest("a", other, b"{}", oci.Platform("amd64"), lambda digest: pytest.fail("it was asked for"))

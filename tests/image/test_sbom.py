"""What is in an image, as CycloneDX."""

import json
import subprocess
import sys
import zipfile
from dataclasses import dataclass, replace
from email.message import Message
from pathlib import Path
from typing import Any

import pytest
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator
from hypothesis import given
from hypothesis import strategies as st

from jupyter_mltrain.image import oci, sbom
from jupyter_mltrain.image.reference import Reference
from jupyter_mltrain.image.sbom import BaseImage, SubjectProgram, licenses_of

BASE = BaseImage("sha256:" + "ba5e" * 16, oci.Platform("arm64"), Reference.parse("quay.io/team/python:3.11-slim"))
PROGRAM = SubjectProgram("recommender", "sha256:" + "3f9a0c1e" * 8)


@dataclass(frozen=True)
class Wheel:
    name: str
    version: str
    sha256: str


WHEELS = (
    Wheel("numpy", "1.26.4", "1" * 64),
    Wheel("Typing_Extensions", "4.12.2", "2" * 64),
    Wheel("torch", "2.5.1+cpu", "3" * 64),
    Wheel("nameless", "0", "4" * 64),
)
LICENSES = {
    "1" * 64: ["BSD-3-Clause AND MIT"],
    "2" * 64: ["mit", "Python Software Foundation License"],
    "3" * 64: ["MIT"],
}
VALIDATOR = JsonStrictValidator(SchemaVersion.V1_6)


def read(document: bytes) -> Any:
    error = VALIDATOR.validate_str(document.decode())
    assert error is None, str(error)[:2000]
    return json.loads(document)


def components(document: bytes) -> dict[str, Any]:
    return {component["name"]: component for component in read(document)["components"]}


def test_packages() -> None:
    found = components(sbom.document(WHEELS, BASE, "0.1.0"))
    assert {name: each["purl"] for name, each in found.items() if each["type"] == "library"} == {
        "numpy": "pkg:pypi/numpy@1.26.4",
        "Typing_Extensions": "pkg:pypi/typing-extensions@4.12.2",
        "torch": "pkg:pypi/torch@2.5.1%2Bcpu",
        "nameless": "pkg:pypi/nameless@0",
        "jupyter_mltrain": "pkg:pypi/jupyter-mltrain@0.1.0",
    }
    assert found["numpy"]["version"] == "1.26.4"
    assert found["numpy"]["hashes"] == [{"alg": "SHA-256", "content": "1" * 64}]
    assert not any("licenses" in each for each in found.values())


def test_packages_of_no_index() -> None:
    commit = "git+https://git.example/team/numpy@0a1b2c"
    found = components(sbom.document(WHEELS, BASE, "0.1.0", foreign={"numpy": commit, "torch": ""}))
    assert found["numpy"]["purl"] == "pkg:generic/numpy@1.26.4?vcs_url=git%2Bhttps://git.example/team/numpy%400a1b2c"
    assert found["torch"]["purl"] == "pkg:generic/torch@2.5.1%2Bcpu"


def test_system_packages() -> None:
    found = components(sbom.document(WHEELS, replace(BASE, added=("hello", "jq=1.6-2")), "0.1.0"))
    assert (found["hello"]["purl"], found["jq"]["purl"]) == ("pkg:deb/debian/hello", "pkg:deb/debian/jq@1.6-2")


def test_base_image() -> None:
    found = components(sbom.document(WHEELS, BASE, "0.1.0"))["python"]
    assert (found["type"], found["version"]) == ("container", BASE.digest)
    assert found["purl"] == (
        f"pkg:oci/python@{BASE.digest}?arch=arm64&repository_url=quay.io/team/python&tag=3.11-slim"
    )


def test_a_base_image_of_this_machine_has_no_name() -> None:
    found = components(sbom.document(WHEELS, replace(BASE, reference=None), "0.1.0"))["base"]
    assert found["purl"] == f"pkg:oci/base@{BASE.digest}?arch=arm64"


def test_in_the_image_nothing_follows_from_the_program() -> None:
    document = read(sbom.document(WHEELS, BASE, "0.1.0"))
    assert "component" not in document["metadata"]
    assert document["metadata"]["tools"]["components"][0]["version"] == "0.1.0"
    assert "timestamp" not in document["metadata"]


def test_beside_the_image_the_program_is_the_root() -> None:
    document = read(sbom.document(WHEELS, BASE, "0.1.0", program=PROGRAM))
    root = document["metadata"]["component"]
    assert (root["name"], root["type"], root["version"]) == ("recommender", "application", PROGRAM.digest)
    (depends,) = [entry["dependsOn"] for entry in document["dependencies"] if entry["ref"] == root["bom-ref"]]
    assert sorted(depends) == sorted(component["bom-ref"] for component in document["components"])


def test_licenses() -> None:
    found = components(sbom.document(WHEELS, BASE, "0.1.0", licenses=LICENSES))
    assert found["numpy"]["licenses"] == [{"expression": "BSD-3-Clause AND MIT"}]
    assert found["torch"]["licenses"] == [{"license": {"id": "MIT"}}]
    assert found["Typing_Extensions"]["licenses"] == [
        {"license": {"id": "MIT"}},
        {"license": {"name": "Python Software Foundation License"}},
    ]
    assert "licenses" not in found["nameless"]


def test_the_order_of_packages_does_not_matter() -> None:
    assert sbom.document(WHEELS, BASE, "0.1.0") == sbom.document(reversed(WHEELS), BASE, "0.1.0")


def test_other_content_has_another_serial_number() -> None:
    documents = [
        sbom.document(WHEELS, BASE, "0.1.0"),
        sbom.document(WHEELS[1:], BASE, "0.1.0"),
        sbom.document(WHEELS, replace(BASE, digest="sha256:" + "1" * 64), "0.1.0"),
        sbom.document(WHEELS, BASE, "0.2.0"),
        sbom.document(WHEELS, BASE, "0.1.0", program=PROGRAM),
    ]
    assert len({read(document)["serialNumber"] for document in documents}) == len(documents)


def test_the_same_bytes_in_another_process() -> None:
    code = (
        "import sys; from tests.image.test_sbom import *;"
        "sys.stdout.buffer.write(sbom.document(WHEELS, BASE, '0.1.0', program=PROGRAM, licenses=LICENSES))"
    )
    made = subprocess.run(
        [sys.executable, "-c", code],
        cwd=Path(__file__).parents[2],
        env={"PYTHONHASHSEED": "1", "TZ": "Asia/Tokyo"},
        check=True,
        capture_output=True,
    ).stdout
    assert made == sbom.document(WHEELS, BASE, "0.1.0", program=PROGRAM, licenses=LICENSES)


def test_a_lock_that_has_this_project_too() -> None:
    """The environment of the kernel may have it; what is in the image is the builder's own."""
    found = read(sbom.document([*WHEELS, Wheel("jupyter-mltrain", "0.1.0", "5" * 64)], BASE, "0.1.0"))["components"]
    assert len(found) == len(WHEELS) + 2


def test_builds_that_find_the_document_in_the_cache_do_not_load_its_library() -> None:
    code = "import sys, jupyter_mltrain.image.sbom; sys.exit('cyclonedx' in sys.modules or 'packageurl' in sys.modules)"
    subprocess.run([sys.executable, "-c", code], cwd=Path(__file__).parents[2], check=True)


NAMES = st.from_regex(r"[A-Za-z0-9]([A-Za-z0-9._-]{0,8}[A-Za-z0-9])?", fullmatch=True)
VERSIONS = st.from_regex(r"[0-9]{1,3}(\.[0-9]{1,3}){0,2}(rc[0-9])?(\+[a-z0-9]{1,4})?", fullmatch=True)
DIGITS = st.integers(0, 2**256 - 1).map("{:064x}".format)


@given(
    st.lists(st.builds(Wheel, NAMES, VERSIONS, DIGITS), max_size=4, unique_by=lambda wheel: wheel.name.lower()),
    st.lists(st.text(min_size=1, max_size=12), max_size=3),
)
def test_any_lock_gives_a_valid_document(wheels: list[Wheel], licenses: list[str]) -> None:
    declared = {wheel.sha256: licenses for wheel in wheels}
    document = read(sbom.document(wheels, BASE, "0.1.0", program=PROGRAM, licenses=declared))
    assert {wheel.name for wheel in wheels} <= {component["name"] for component in document["components"]}


# --- licences that wheels declare


def wheel(folder: Path, *fields: tuple[str, str]) -> Path:
    message = Message()
    for name, value in (("Metadata-Version", "2.4"), ("Name", "sample"), ("Version", "1"), *fields):
        message[name] = value
    path = folder / "sample-1-py3-none-any.whl"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("sample/vendored/other-2.dist-info/METADATA", "License-Expression: wrong")
        archive.writestr("sample-1.dist-info/METADATA", bytes(message))
    return path


@pytest.mark.parametrize(
    ("fields", "found"),
    [
        ([], ()),
        ([("License-Expression", "MIT OR Apache-2.0"), ("License", "other")], ("MIT OR Apache-2.0",)),
        ([("License", "BSD-3-Clause")], ("BSD-3-Clause",)),
        ([("License", "UNKNOWN")], ()),
        ([("License", "Copyright (c) somebody\n        All rights reserved")], ()),
        ([("License", "x" * 101)], ()),
        (
            [
                ("License", "see LICENSE"),
                ("Classifier", "License :: OSI Approved :: MIT License"),
                ("Classifier", "License :: OSI Approved :: Apache Software License"),
                ("Classifier", "Programming Language :: Python"),
            ],
            ("Apache Software License", "MIT License"),
        ),
        ([("License", "BSD"), ("Classifier", "License :: OSI Approved")], ("BSD",)),
    ],
)
def test_licenses_of_wheels(tmp_path: Path, fields: list[tuple[str, str]], found: tuple[str, ...]) -> None:
    assert licenses_of(wheel(tmp_path, *fields)) == found


def test_a_wheel_without_metadata(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "sample.whl", "w") as archive:
        archive.writestr("sample.py", "")
    (tmp_path / "cut.whl").write_bytes((tmp_path / "sample.whl").read_bytes()[:20])
    assert licenses_of(tmp_path / "sample.whl") == ()
    assert licenses_of(tmp_path / "cut.whl") == ()

"""What is in an image, as CycloneDX: for scanners and for those who must know which licences they ship.

The document that lies in the image tells packages and base image only, so it stays the same when the notebook changes.
The one beside the image, written to a file, has the program too, and the licences that the wheels declare. No clock
and no chance: equal images have equal documents.

Source: CycloneDX 1.6, https://cyclonedx.org/docs/1.6/json/, and the package URL types ``pypi`` and ``oci``.
"""

from __future__ import annotations

import json
import re
import uuid
import zipfile
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Protocol

from . import oci
from .reference import Reference

if TYPE_CHECKING:
    from cyclonedx.model import HashType
    from cyclonedx.model.component import Component
    from cyclonedx.model.license import License

FORMAT: Final = 1
"""Changes when the same image gets another document; belongs to the key by which one is kept."""

_NAMESPACE: Final = uuid.uuid5(uuid.NAMESPACE_DNS, "jupyter-mltrain")
_NO_LICENSE: Final = frozenset({"", "UNKNOWN", "OSI Approved"})  # what build tools and classifiers write for none
_LONGEST_LICENSE: Final = 100  # characters; the field has the whole text of the licence in some wheels


class Wheel(Protocol):
    """What the document tells of a package."""

    @property
    def name(self) -> str:
        """Its name, normalised or not."""

    @property
    def version(self) -> str:
        """Its version."""

    @property
    def sha256(self) -> str:
        """Of the wheel's file, in hexadecimal digits."""


@dataclass(frozen=True, slots=True)
class BaseImage:
    """The image below, and the Debian packages, ``NAME`` or ``NAME=VERSION``, that were added to it.

    ``reference`` is None for one from a folder or a file, whose name is of this machine only.
    """

    digest: str
    platform: oci.Platform
    reference: Reference | None = None
    added: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class SubjectProgram:
    """The program that the image is made for."""

    name: str
    digest: str


Licenses = Mapping[str, Sequence[str]]
"""sha256 of a wheel -> the licences that it declares: one SPDX expression, or names."""


def document(
    wheels: Iterable[Wheel],
    base: BaseImage,
    version: str,
    *,
    program: SubjectProgram | None = None,
    licenses: Licenses | None = None,
    foreign: Mapping[str, str] | None = None,
) -> bytes:
    """Return what is in an image, as JSON.

    Parameters
    ----------
    wheels:
        All packages of the lock, in any order.
    version:
        Of this project, whose runner is in each image.
    program, licenses:
        For the document beside the image. Without them its bytes follow from the rest alone.
    foreign:
        Name of each package that came of no index -> the URL of its commit, or ``""``. PyPI's package of that name, if
        there is one, is somebody else's.
    """
    from cyclonedx.model.bom import Bom
    from cyclonedx.model.component import Component
    from cyclonedx.output import make_outputter
    from cyclonedx.schema import OutputFormat, SchemaVersion

    declared = licenses or {}
    packages = [
        _package(
            each.name, each.version, each.sha256, declared.get(each.sha256, ()), origin=(foreign or {}).get(each.name)
        )
        for each in wheels
    ]
    components = [_base(base), *map(_system, base.added), *packages, _package("jupyter_mltrain", version)]
    # References are unique, and the lock may have this project too: the builder's own counts.
    bom = Bom(components={component.bom_ref.value: component for component in components}.values())
    bom.metadata.tools.components.add(Component(name="jupyter_mltrain", version=version))
    if program:
        bom.metadata.component = _program(program)
        bom.register_dependency(bom.metadata.component, bom.components)
    return _canonical(json.loads(make_outputter(bom, OutputFormat.JSON, SchemaVersion.V1_6).output_as_string()))


def licenses_of(wheel: Path) -> tuple[str, ...]:
    """Return the licences that a wheel's metadata declares: one SPDX expression, or names; empty where it does not say.

    Source: core metadata, ``License-Expression``, ``Classifier`` and ``License``, in this order.
    """
    from packaging.metadata import parse_email

    said, _ = parse_email(_metadata(wheel))
    if expression := said.get("license_expression"):
        return (expression,)
    classifiers = (text.split(" :: ") for text in said.get("classifiers", ()))
    names = sorted({parts[-1] for parts in classifiers if parts[0] == "License"} - _NO_LICENSE)
    text = said.get("license", "").strip()
    if not names and text not in _NO_LICENSE and len(text) <= _LONGEST_LICENSE and "\n" not in text:
        names = [text]
    return tuple(names)


def _metadata(wheel: Path) -> bytes:
    """Return a wheel's METADATA; nothing where it has none: what is wrong with a wheel is told when it is installed."""
    try:
        with zipfile.ZipFile(wheel) as archive:
            paths = (name for name in archive.namelist() if re.fullmatch(r"[^/]+\.dist-info/METADATA", name))
            return archive.read(next(paths, ""))
    except (zipfile.BadZipFile, KeyError):
        return b""


def _package(
    name: str, version: str, sha256: str = "", licenses: Sequence[str] = (), *, origin: str | None = None
) -> Component:
    from cyclonedx.model.component import Component, ComponentType
    from packageurl import PackageURL

    purl = PackageURL("pypi", None, name, version)  # which normalises the name
    if origin is not None:
        purl = PackageURL("generic", None, name, version, {"vcs_url": origin} if origin else None)
    return Component(
        name=name,
        version=version,
        type=ComponentType.LIBRARY,
        bom_ref=str(purl),
        purl=purl,
        hashes=[_sha256(sha256)] if sha256 else (),
        licenses=_licenses(licenses),
    )


def _system(package: str) -> Component:
    from cyclonedx.model.component import Component, ComponentType
    from packageurl import PackageURL

    name, _, version = package.partition("=")
    purl = PackageURL("deb", "debian", name, version or None)
    return Component(name=name, version=version or None, type=ComponentType.LIBRARY, bom_ref=str(purl), purl=purl)


def _base(base: BaseImage) -> Component:
    from cyclonedx.model.component import Component, ComponentType
    from packageurl import PackageURL

    qualifiers = {"arch": base.platform.architecture}
    name = "base"
    if base.reference:
        name = base.reference.repository.rpartition("/")[2]
        qualifiers["repository_url"] = f"{base.reference.registry}/{base.reference.repository}"
        if base.reference.tag:
            qualifiers["tag"] = base.reference.tag
    purl = PackageURL("oci", None, name, base.digest, qualifiers)
    return Component(
        name=name,
        version=base.digest,
        type=ComponentType.CONTAINER,
        bom_ref=str(purl),
        purl=purl,
        hashes=[_sha256(base.digest.removeprefix("sha256:"))],
    )


def _program(program: SubjectProgram) -> Component:
    from cyclonedx.model.component import Component, ComponentType

    return Component(
        name=program.name,
        version=program.digest,
        type=ComponentType.APPLICATION,
        bom_ref=f"program:{program.digest}",
        hashes=[_sha256(program.digest.removeprefix("sha256:"))],
    )


def _sha256(digits: str) -> HashType:
    from cyclonedx.model import HashAlgorithm, HashType

    return HashType(alg=HashAlgorithm.SHA_256, content=digits)


def _licenses(texts: Sequence[str]) -> list[License]:
    """Return licences as CycloneDX has them: identifiers and names, or one expression alone."""
    from cyclonedx.model.license import DisjunctiveLicense, LicenseExpression
    from cyclonedx.spdx import fixup_id, is_expression

    if len(texts) == 1 and not fixup_id(texts[0]) and is_expression(texts[0]):
        return [LicenseExpression(texts[0])]
    return [
        DisjunctiveLicense(id=known) if (known := fixup_id(text)) else DisjunctiveLicense(name=text) for text in texts
    ]


def _canonical(bom: dict[str, Any]) -> bytes:
    """Return a document without its time, and with a serial number that follows from its content."""
    bom["metadata"].pop("timestamp", None)
    bom.pop("serialNumber", None)
    bom["serialNumber"] = uuid.uuid5(_NAMESPACE, oci.to_bytes(bom).decode()).urn
    return oci.to_bytes(bom)

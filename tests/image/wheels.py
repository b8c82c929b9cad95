"""Wheels made by hand, right ones and wrong ones."""

from __future__ import annotations

import base64
import csv
import hashlib
import io
import stat
import zipfile
from collections.abc import Mapping
from pathlib import Path

METADATA = "Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n"
WHEEL = "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: {pure}\nTag: py3-none-any\n"


def record_of(files: Mapping[str, bytes], own_path: str) -> bytes:
    """Return RECORD for some files."""
    text = io.StringIO()
    rows = csv.writer(text, lineterminator="\n")
    for path, content in files.items():
        digest = base64.urlsafe_b64encode(hashlib.sha256(content).digest()).rstrip(b"=").decode()
        rows.writerow((path, f"sha256={digest}", len(content)))
    rows.writerow((own_path, "", ""))
    return text.getvalue().encode()


def make_wheel(
    folder: Path,
    name: str,
    files: Mapping[str, bytes],
    *,
    version: str = "1.0",
    scripts: Mapping[str, str] | None = None,
    executable: tuple[str, ...] = (),
    links: tuple[str, ...] = (),
    pure: bool = True,
    replaced: Mapping[str, bytes | None] | None = None,
) -> Path:
    """Write a wheel and return it; ``replaced`` has files that are other ones, or missing, than RECORD says."""
    info = f"{name}-{version}.dist-info"
    members = {
        **files,
        f"{info}/METADATA": METADATA.format(name=name, version=version).encode(),
        f"{info}/WHEEL": WHEEL.format(pure=str(pure).lower()).encode(),
    }
    if scripts:
        lines = [f"{script} = {target}" for script, target in scripts.items()]
        members[f"{info}/entry_points.txt"] = "\n".join(["[console_scripts]", *lines, ""]).encode()
    content: dict[str, bytes | None] = {**members, f"{info}/RECORD": record_of(members, f"{info}/RECORD")}
    content |= replaced or {}
    path = folder / f"{name}-{version}-py3-none-any.whl"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for member, data in content.items():
            if data is None:
                continue
            item = zipfile.ZipInfo(member)
            item.compress_type = zipfile.ZIP_DEFLATED
            kind = stat.S_IFLNK if member in links else stat.S_IFREG
            item.external_attr = (kind | (0o755 if member in executable else 0o644)) << 16
            archive.writestr(item, data)
    return path

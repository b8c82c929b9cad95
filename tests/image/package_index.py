"""A package index on loopback, with wheels and source distributions made on the spot, and faults on demand."""

from __future__ import annotations

import base64
import hashlib
import io
import json
import tarfile
import threading
import zipfile
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler
from pathlib import Path

from tests.image.quiet_server import QuietServer

# A build backend that needs nothing: projects carry it with them. It puts what it saw into the wheel.
BACKEND = """
import base64, hashlib, os, pathlib, sys, time, zipfile

def build_wheel(wheel_directory, config_settings=None, metadata_directory=None):
    if pathlib.Path("FAILS").exists():
        print("the compiler says: error 42")
        raise SystemExit("cannot be built")
    name, version, tag = "{name}", "{version}", "{tag}"
    filename = f"{{name}}-{{version}}-{{tag}}.whl"
    with zipfile.ZipFile(pathlib.Path(wheel_directory, filename), "w", zipfile.ZIP_DEFLATED) as wheel:
        for path in sorted(pathlib.Path(name).glob("*.py"), key=lambda p: hash(p.name)):
            wheel.write(path, path.as_posix())
        info = f"{{name}}-{{version}}.dist-info"
        wheel.writestr(f"{{info}}/METADATA", "Metadata-Version: 2.1\\nName: {name}\\nVersion: {version}\\n")
        about = f"Wheel-Version: 1.0\\nGenerator: test\\nRoot-Is-Purelib: true\\nTag: {{tag}}\\n"
        wheel.writestr(f"{{info}}/WHEEL", about)
        wheel.writestr(f"{{info}}/saw.txt", os.environ.get("SOURCE_DATE_EPOCH", ""))
        wheel.writestr(f"{{info}}/RECORD", "")
    return filename
"""


def make_wheel(
    name: str, version: str, *, requires: Iterable[str] = (), tag: str = "py3-none-any", python: str = "", size: int = 0
) -> tuple[str, bytes]:
    """Return file name and bytes of a wheel with one module."""
    info = f"{name}-{version}.dist-info"
    lines = ["Metadata-Version: 2.1", f"Name: {name}", f"Version: {version}"]
    lines += [f"Requires-Dist: {one}" for one in requires] + ([f"Requires-Python: {python}"] if python else [])
    files = {
        f"{name}.py": b"VALUE = 1\n" + b"#" * size,
        f"{info}/METADATA": "\n".join((*lines, "")).encode(),
        f"{info}/WHEEL": f"Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: {tag}\n".encode(),
    }
    record = [f"{path},sha256={_base64(data)},{len(data)}" for path, data in files.items()] + [f"{info}/RECORD,,"]
    files[f"{info}/RECORD"] = "\n".join((*record, "")).encode()
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for path, data in files.items():
            archive.writestr(zipfile.ZipInfo(path), data)
    return f"{name}-{version}-{tag}.whl", buffer.getvalue()


def _base64(data: bytes) -> str:
    return base64.urlsafe_b64encode(hashlib.sha256(data).digest()).rstrip(b"=").decode()


def project_files(
    name: str, version: str, *, tag: str = "py3-none-any", requires: Iterable[str] = (), fails: bool = False
) -> dict[str, str]:
    """Return the files of a project that builds without an index."""
    dependencies = ", ".join(f'"{one}"' for one in requires)
    files = {
        "pyproject.toml": (
            '[build-system]\nrequires = []\nbuild-backend = "backend"\nbackend-path = ["."]\n'
            f'[project]\nname = "{name}"\nversion = "{version}"\ndependencies = [{dependencies}]\n'
        ),
        "backend.py": BACKEND.format(name=name, version=version, tag=tag),
        f"{name}/__init__.py": "VALUE = 1\n",
        f"{name}/other.py": "VALUE = 2\n",
        "PKG-INFO": "\n".join(
            ["Metadata-Version: 2.2", f"Name: {name}", f"Version: {version}"]
            + [f"Requires-Dist: {one}" for one in requires]
            + [""]
        ),
    }
    return files | ({"FAILS": ""} if fails else {})


def write_project(folder: Path, files: Mapping[str, str]) -> Path:
    for path, text in files.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(text)
    return folder


def make_sdist(name: str, version: str, files: Mapping[str, str]) -> tuple[str, bytes]:
    """Return file name and bytes of a source distribution."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as archive:
        for path, text in files.items():
            info = tarfile.TarInfo(f"{name}-{version}/{path}")
            info.size = len(text.encode())
            archive.addfile(info, io.BytesIO(text.encode()))
    return f"{name}-{version}.tar.gz", buffer.getvalue()


@dataclass(frozen=True)
class Fault:
    """What happens once to a request for a file: a status instead of it, or an end after some bytes."""

    status: int = 0
    cut: int = 0
    headers: Mapping[str, str] = field(default_factory=dict)


class Index:
    """What the server has, and what it was asked."""

    def __init__(self) -> None:
        self.files: dict[str, bytes] = {}
        self.faults: dict[str, list[Fault]] = {}
        self.requests: list[tuple[str, str]] = []  # path, Range
        self.login = ""
        self.status = 0
        self.hashes = True
        self.refuses_head = False
        self.sizes = False  # whether its pages are JSON, which tells them, and wheels have their metadata beside them
        self.port = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/simple"

    def url_of(self, filename: str) -> str:
        return f"http://127.0.0.1:{self.port}/files/{filename}"

    def url_with(self, login: str) -> str:
        return f"http://{login}@127.0.0.1:{self.port}/simple"

    def add(self, *files: tuple[str, bytes]) -> None:
        self.files.update(files)

    def wheel(self, name: str, version: str, **more: object) -> str:
        """Add a wheel and return its file name."""
        filename, data = make_wheel(name, version, **more)  # type: ignore[arg-type]
        self.files[filename] = data
        return filename

    def sha256(self, filename: str) -> str:
        return hashlib.sha256(self.files[filename]).hexdigest()

    def page(self, name: str) -> bytes | None:
        found = [file for file in self.files if file.partition("-")[0].replace("_", "-") == name]
        links = (
            f'<a href="/files/{file}{f"#sha256={self.sha256(file)}" if self.hashes else ""}">{file}</a>'
            for file in found
        )
        return "".join(links).encode() if found else None

    def metadata(self, filename: str) -> bytes | None:
        """Return what lies beside a wheel by PEP 658."""
        if filename not in self.files:
            return None
        with zipfile.ZipFile(io.BytesIO(self.files[filename])) as wheel:
            return wheel.read(next(name for name in wheel.namelist() if name.endswith(".dist-info/METADATA")))

    def json_page(self, name: str) -> bytes | None:
        """Return a page as PEP 691 and PEP 700 have it."""
        found = [file for file in self.files if file.partition("-")[0].replace("_", "-") == name]
        files = [
            {
                "filename": file,
                "url": f"/files/{file}",
                "size": len(self.files[file]),
                "hashes": {"sha256": self.sha256(file)},
                "core-metadata": file.endswith(".whl"),
            }
            for file in found
        ]
        return json.dumps({"meta": {"api-version": "1.1"}, "name": name, "files": files}).encode() if found else None


@contextmanager
def package_index() -> Iterator[Index]:
    index = Index()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_HEAD(self) -> None:
            if index.refuses_head:
                self._answer(405, b"")
            else:
                self.do_GET()

        def do_GET(self) -> None:
            kind, _, name = self.path.strip("/").partition("/")
            if self.command == "GET":
                index.requests.append((self.path, self.headers.get("Range", "")))
            expected = f"Basic {base64.b64encode(index.login.encode()).decode()}"
            if index.login and self.headers.get("Authorization") != expected:
                self._answer(401, b"", {"WWW-Authenticate": "Basic"})
            elif index.status:
                self._answer(index.status, b"")
            elif kind == "simple":
                page = index.json_page(name) if index.sizes else index.page(name)
                media_type = "application/vnd.pypi.simple.v1+json" if index.sizes else "text/html"
                self._answer(404 if page is None else 200, page or b"", {"Content-Type": media_type})
            elif name.endswith(".metadata") and (metadata := index.metadata(name.removesuffix(".metadata"))):
                self._answer(200, metadata)
            else:
                self._file(name)

        def _file(self, name: str) -> None:
            faults = index.faults.get(name, [])
            fault = faults.pop(0) if faults else Fault()
            data = index.files.get(name)
            if fault.status or data is None:
                self._answer(fault.status or 404, b"", fault.headers)
                return
            begin = int(self.headers.get("Range", "bytes=0-").removeprefix("bytes=").partition("-")[0] or 0)
            headers = {"Content-Range": f"bytes {begin}-{len(data) - 1}/{len(data)}"} if begin else {}
            self._answer(206 if begin else 200, data[begin:], headers, fault.cut)

        def _answer(self, status: int, data: bytes, headers: Mapping[str, str] | None = None, cut: int = 0) -> None:
            self.send_response(status)
            for name, value in {"Content-Length": str(len(data)), **(headers or {})}.items():
                self.send_header(name, value)
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(data[: cut or None])
            self.close_connection = bool(cut)

        def log_message(self, *arguments: object) -> None:
            pass

    server = QuietServer(("127.0.0.1", 0), Handler)
    index.port = server.server_address[1]
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    try:
        yield index
    finally:
        server.shutdown()
        thread.join()
        server.server_close()

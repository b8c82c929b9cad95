"""A registry of the tests' own that keeps to the letter of the specification where Debian's does not.

It goes on with an upload that broke off in the middle of a request, refuses a piece that does not follow the one
before (416), and can be told to take uploads in one way only.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from urllib.parse import parse_qs, urlsplit


@dataclass
class SmallRegistry:
    """What it has. ``whole`` and ``pieces``: whether it takes blobs so; ``least``: its smallest piece."""

    host: str = ""
    whole: bool = True
    pieces: bool = True
    least: int = 0
    blobs: dict[str, bytes] = field(default_factory=dict)
    manifests: dict[str, tuple[str, bytes]] = field(default_factory=dict)
    uploads: dict[str, bytearray] = field(default_factory=dict)
    started: int = 0
    received: list[tuple[str, int]] = field(default_factory=list)


@contextmanager
def small_registry() -> Iterator[SmallRegistry]:
    class Handler(_Handler):
        registry = SmallRegistry()

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    Handler.registry.host = f"127.0.0.1:{server.server_port}"
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield Handler.registry
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    registry: SmallRegistry

    def do_GET(self) -> None:
        path = urlsplit(self.path).path
        if path == "/v2/":
            return self._answer(200)
        for pattern, act in (
            (r"/v2/(.+)/blobs/uploads/([^/]*)", self._upload),
            (r"/v2/(.+)/blobs/(sha256:\w+)", self._blob),
            (r"/v2/(.+)/manifests/([^/]+)", self._manifest),
        ):
            if match := re.fullmatch(pattern, path):
                return act(match[1], match[2])
        return self._answer(404)

    do_HEAD = do_POST = do_PUT = do_PATCH = do_DELETE = do_GET

    def log_message(self, *arguments: object) -> None:
        pass

    def _upload(self, repository: str, name: str) -> None:
        registry = self.registry
        if self.command == "POST":
            registry.started += 1
            registry.uploads[str(registry.started)] = bytearray()
            headers = {"Location": f"/v2/{repository}/blobs/uploads/{registry.started}?of=tests"}
            if registry.least:
                headers["OCI-Chunk-Min-Length"] = str(registry.least)
            return self._answer(202, headers)
        upload = registry.uploads.get(name)
        if upload is None:
            return self._answer(404, body=_errors("BLOB_UPLOAD_UNKNOWN"))
        act = {"PATCH": self._piece, "PUT": self._end, "GET": self._status, "DELETE": self._give_up}[self.command]
        return act(name, upload)

    def _piece(self, name: str, upload: bytearray) -> None:
        if not self.registry.pieces:
            self._body(bytearray())
            return self._answer(405, body=_errors("UNSUPPORTED"))
        expected = re.match(r"(\d+)-", self.headers.get("Content-Range") or "0-")
        if expected is None or int(expected[1]) != len(upload):
            self._body(bytearray())
            return self._answer(416, self._where(upload))
        self._body(upload)
        return self._answer(202, self._where(upload))

    def _end(self, name: str, upload: bytearray) -> None:
        if not self.registry.whole and int(self.headers["Content-Length"]):
            self._body(bytearray())
            return self._answer(400, body=_errors("UNSUPPORTED"))
        self._body(upload)
        digest = parse_qs(urlsplit(self.path).query)["digest"][0]
        if digest != f"sha256:{hashlib.sha256(upload).hexdigest()}":
            return self._answer(400, body=_errors("DIGEST_INVALID"))
        self.registry.blobs[digest] = bytes(upload)
        del self.registry.uploads[name]
        return self._answer(201, {"Docker-Content-Digest": digest})

    def _status(self, name: str, upload: bytearray) -> None:
        self._answer(204, self._where(upload))

    def _give_up(self, name: str, upload: bytearray) -> None:
        del self.registry.uploads[name]
        self._answer(204)

    def _where(self, upload: bytearray) -> dict[str, str]:
        return {"Location": self.path, "Range": f"0-{max(len(upload) - 1, 0)}"}

    def _body(self, into: bytearray) -> None:
        left, start = int(self.headers["Content-Length"]), len(into)
        while left and (data := self.rfile.read1(left)):
            into += data
            left -= len(data)
        self.registry.received.append((self.command, len(into) - start))

    def _blob(self, repository: str, digest: str) -> None:
        data = self.registry.blobs.get(digest)
        if data is None:
            return self._answer(404, body=_errors("BLOB_UNKNOWN"))
        if match := re.fullmatch(r"bytes=(\d+)-", self.headers.get("Range") or ""):
            start = int(match[1])
            return self._answer(206, {"Content-Range": f"bytes {start}-{len(data) - 1}/{len(data)}"}, data[start:])
        return self._answer(200, body=data)

    def _manifest(self, repository: str, version: str) -> None:
        if self.command == "PUT":
            body = bytearray()
            self._body(body)
            digest = f"sha256:{hashlib.sha256(body).hexdigest()}"
            for key in (version, digest):
                self.registry.manifests[key] = (self.headers["Content-Type"], bytes(body))
            return self._answer(201)
        if version not in self.registry.manifests:
            return self._answer(404, body=_errors("MANIFEST_UNKNOWN"))
        kind, data = self.registry.manifests[version]
        return self._answer(200, {"Content-Type": kind}, data)

    def _answer(self, status: int, headers: dict[str, str] | None = None, body: bytes = b"") -> None:
        self.close_connection = True
        self.send_response_only(status)
        for name, value in {"Content-Length": str(len(body)), **(headers or {})}.items():
            self.send_header(name, value)
        self.send_header("Connection", "close")
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)


def _errors(code: str) -> bytes:
    return json.dumps({"errors": [{"code": code, "message": code.lower().replace("_", " ")}]}).encode()

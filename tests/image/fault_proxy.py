"""A server between a client and a registry that has the faults that it is told to have."""

from __future__ import annotations

import http.client
import re
import socket
import struct
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler
from threading import Event, Lock, Thread
from typing import Any
from urllib.parse import urlsplit

from tests.image.quiet_server import QuietServer

PIECE = 1 << 14


@dataclass
class Fault:
    """What happens to the requests that fit, ``times`` times; with ``over`` only to those with a longer body.

    Attributes
    ----------
    answer:
        It is answered so, and the registry is not asked; ``early``: before the body is read.
    after_upload:
        So many bytes of its body reach the registry, then all connections break.
    after_download:
        So many bytes of the answer's body reach the client.
    lost:
        The registry does it, the answer is lost.
    change:
        The answer's status and headers are changed.
    hang:
        Nothing ever comes back.
    """

    method: str
    path: str
    times: int = 1
    answer: tuple[int, Mapping[str, str], bytes] | None = None
    after_upload: int | None = None
    after_download: int | None = None
    lost: bool = False
    hang: bool = False
    early: bool = False
    over: int = -1
    change: Callable[[int, dict[str, str]], tuple[int, dict[str, str]]] | None = None


@dataclass
class Seen:
    """A request that came."""

    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes = b""


@dataclass
class Proxy:
    """The server: ``host`` is its address; without ``registry`` it answers 404 to all that has no fault."""

    host: str
    registry: str
    faults: list[Fault] = field(default_factory=list)
    seen: list[Seen] = field(default_factory=list)
    over: Event = field(default_factory=Event)
    lock: Any = field(default_factory=Lock)

    def fails(
        self,
        method: str,
        path: str,
        *,
        status: int | None = None,
        headers: Mapping[str, str] | None = None,
        body: bytes = b"",
        **kind: Any,
    ) -> None:
        """Add a fault; with ``status`` one that answers."""
        answer = (status, headers or {}, body) if status else None
        self.faults.append(Fault(method, path, answer=answer, **kind))

    def count(self, method: str, path: str = "") -> int:
        """Return how many such requests came."""
        return sum(bool(seen.method == method and re.search(path, seen.path)) for seen in self.seen)

    def fault(self, method: str, path: str, length: int = 0) -> Fault:
        """Return what is to happen to a request."""
        with self.lock:
            for fault in self.faults:
                fits = re.fullmatch(fault.method, method) and re.search(fault.path, path) and length > fault.over
                if fault.times and fits:
                    fault.times -= 1
                    return fault
        return Fault(method, path, answer=None if self.registry else (404, {}, b""))


@contextmanager
def fault_proxy(registry: str = "") -> Iterator[Proxy]:
    """Run a server in front of a registry, ``HOST:PORT``, or of none."""

    class Handler(_Handler):
        proxy = Proxy("", registry)

    server = QuietServer(("127.0.0.1", 0), Handler)
    Handler.proxy.host = f"127.0.0.1:{server.server_port}"
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield Handler.proxy
    finally:
        Handler.proxy.over.set()
        server.shutdown()
        server.server_close()
        thread.join()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    proxy: Proxy

    def do_GET(self) -> None:
        self.close_connection = True
        self.proxy.seen.append(seen := Seen(self.command, self.path, dict(self.headers)))
        length = int(self.headers.get("Content-Length") or 0)
        fault = self.proxy.fault(self.command, self.path, length)
        if fault.hang:
            self.proxy.over.wait()
        elif fault.answer:
            if fault.early:
                self._answer(*fault.answer)
                self.wfile.flush()
            seen.body = self.rfile.read(length)
            if not fault.early:
                self._answer(*fault.answer)
        else:
            self._forward(fault)

    do_HEAD = do_POST = do_PUT = do_PATCH = do_DELETE = do_CONNECT = do_GET

    def log_message(self, *arguments: object) -> None:
        pass

    def _answer(self, status: int, headers: Mapping[str, str], body: bytes) -> None:
        self.send_response_only(status)
        for name, value in {"Content-Length": str(len(body)), **headers}.items():
            self.send_header(name, value)
        self.send_header("Connection", "close")
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def _forward(self, fault: Fault) -> None:
        url = urlsplit(f"//{self.proxy.registry}")
        server = http.client.HTTPConnection(str(url.hostname), url.port)
        try:
            if not self._send_on(server, fault):
                return self._break()
            answer = server.getresponse()
            if fault.lost:
                answer.read()
                return self._break()
            status, headers = answer.status, dict(answer.getheaders())
            if fault.change:
                status, headers = fault.change(status, headers)
            self.send_response_only(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.send_header("Connection", "close")
            self.end_headers()
            self._send_back(answer, fault)
        except (ConnectionError, http.client.HTTPException):
            self._break()
        finally:
            server.close()

    def _send_on(self, server: http.client.HTTPConnection, fault: Fault) -> bool:
        """Pass the request on; return whether all of it was to go."""
        server.putrequest(self.command, self.path, skip_host=True, skip_accept_encoding=True)
        for name, value in self.headers.items():
            server.putheader(name, value)
        server.endheaders()
        left = int(self.headers.get("Content-Length") or 0)
        if fault.after_upload is not None:
            left = min(left, fault.after_upload)
        while left:
            data = self.rfile.read(min(PIECE, left))
            if not data:
                return False
            server.send(data)
            left -= len(data)
        if fault.after_upload is not None:
            # What reached the registry is to be stored when the client comes back: wait until it has let go.
            server.sock.shutdown(socket.SHUT_WR)
            while server.sock.recv(PIECE):
                pass
        return fault.after_upload is None

    def _send_back(self, answer: http.client.HTTPResponse, fault: Fault) -> None:
        left = fault.after_download if fault.after_download is not None else 1 << 62
        while left and (data := answer.read(min(PIECE, left))):
            self.wfile.write(data)
            left -= len(data)
        if fault.after_download is not None:
            self.wfile.flush()
            self.connection.shutdown(socket.SHUT_RDWR)

    def _break(self) -> None:
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.connection.close()

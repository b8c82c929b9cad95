"""A token server that Debian's registry trusts: it signs with the key of the tests' certificate."""

from __future__ import annotations

import base64
import json
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any
from urllib.parse import parse_qs, urlsplit

from tests.image.registry_server import PASSWORD, USER, Certificate, TokenAuth

SERVICE = "registry of tests"
IDENTITY = "identity-token-of-tests"


@dataclass
class Asked:
    """A request for a token: who asked, how, for what."""

    method: str
    user: str
    scopes: tuple[str, ...]
    service: str


@dataclass
class TokenServer:
    """Gives everybody the right to read ``public/``, and `USER` all rights.

    Attributes
    ----------
    stale:
        So many of the next tokens have ended long ago.
    lifetime:
        Seconds that it says tokens live.
    gets:
        Whether it answers GET at all, not only the form of OAuth2.
    """

    auth: TokenAuth
    certificate: Certificate
    asked: list[Asked] = field(default_factory=list)
    stale: int = 0
    lifetime: int | None = 300
    gets: bool = True

    def token(self, user: str, scopes: tuple[str, ...]) -> str:
        now = int(time.time())
        if self.stale:
            self.stale -= 1
            now -= 86400
        header = {"typ": "JWT", "alg": "RS256", "x5c": [_der(self.certificate)]}
        access = [right for scope in scopes if (right := _right(user, scope))]
        claims = {
            "iss": self.auth.issuer,
            "sub": user,
            "aud": SERVICE,
            "exp": now + 300,
            "nbf": now - 10,
            "iat": now,
            "jti": str(len(self.asked)),
            "access": access,
        }
        signed = f"{_encode(json.dumps(header).encode())}.{_encode(json.dumps(claims).encode())}"
        command = ["openssl", "dgst", "-sha256", "-sign", str(self.certificate.key)]
        signature = subprocess.run(command, input=signed.encode(), capture_output=True, check=True).stdout
        return f"{signed}.{_encode(signature)}"


@contextmanager
def token_server(certificate: Certificate) -> Iterator[TokenServer]:
    class Handler(_Handler):
        pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    realm = f"http://127.0.0.1:{server.server_port}/token"
    Handler.tokens = TokenServer(TokenAuth(realm, SERVICE, "tests", certificate.certificate), certificate)
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield Handler.tokens
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


class _Handler(BaseHTTPRequestHandler):
    tokens: TokenServer

    def do_GET(self) -> None:
        if not self.tokens.gets:
            return self._answer(405, {})
        fields = parse_qs(urlsplit(self.path).query)
        user = ""
        if given := self.headers.get("Authorization"):
            if given != f"Basic {base64.b64encode(f'{USER}:{PASSWORD}'.encode()).decode()}":
                return self._answer(401, {"errors": [{"code": "UNAUTHORIZED", "message": "who are you?"}]})
            user = USER
        return self._give(user, fields, tuple(fields.get("scope", [])))

    def do_POST(self) -> None:
        fields = parse_qs(self.rfile.read(int(self.headers["Content-Length"])).decode())
        kind = fields["grant_type"][0]
        allowed = (
            fields["refresh_token"] == [IDENTITY]
            if kind == "refresh_token"
            else (fields["username"], fields["password"]) == ([USER], [PASSWORD])
        )
        if not allowed or not fields.get("client_id"):
            return self._answer(400, {"error": "invalid_grant"})
        return self._give(USER, fields, tuple(" ".join(fields.get("scope", [])).split()))

    def log_message(self, *arguments: object) -> None:
        pass

    def _give(self, user: str, fields: dict[str, list[str]], scopes: tuple[str, ...]) -> None:
        self.tokens.asked.append(Asked(self.command, user, scopes, fields.get("service", [""])[0]))
        name = "token" if self.command == "GET" else "access_token"
        answer: dict[str, Any] = {name: self.tokens.token(user, scopes)}
        if self.tokens.lifetime is not None:
            answer["expires_in"] = self.tokens.lifetime
        self._answer(200, answer)

    def _answer(self, status: int, document: dict[str, Any]) -> None:
        body = json.dumps(document).encode()
        self.send_response_only(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


def _right(user: str, scope: str) -> dict[str, Any] | None:
    kind, name, actions = scope.split(":")
    if user:
        return {"type": kind, "name": name, "actions": actions.split(",")}
    return {"type": kind, "name": name, "actions": ["pull"]} if name.startswith("public/") else None


def _encode(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def _der(certificate: Certificate) -> str:
    lines = certificate.certificate.read_text().splitlines()
    return "".join(line for line in lines if not line.startswith("-----"))

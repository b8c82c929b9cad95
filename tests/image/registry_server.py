"""A real container registry on loopback: Debian's ``docker-registry``, in a process of its own."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from threading import Thread
from typing import Any

import pytest

USER = "me"
PASSWORD = "s3cret:of/tests"
# bcrypt of PASSWORD: making one takes a program that is not everywhere.
_HTPASSWD = USER + ":$2b$04$saltsaltsaltsaltsalt.OdO3dSR9KVDUczuOx/zBmeAEHLox3Ecy\n"


@dataclass(frozen=True)
class Certificate:
    """A certificate of this machine that is its own authority, and its key."""

    certificate: Path
    key: Path


@dataclass(frozen=True)
class TokenAuth:
    """Whose tokens the registry takes: ``realm`` is the URL of the token server, ``roots`` signs for it."""

    realm: str
    service: str
    issuer: str
    roots: Path


@dataclass
class RegistryServer:
    """A registry that runs: ``host`` is ``127.0.0.1:PORT``, ``storage`` its folder, ``log`` what it wrote so far."""

    host: str
    storage: Path
    process: subprocess.Popen[str]
    log: list[str]

    @property
    def port(self) -> int:
        return int(self.host.rpartition(":")[2])

    def stop(self) -> None:
        """Kill it and wait until it is gone."""
        self.process.kill()
        self.process.wait()


@contextmanager
def registry_server(
    storage: Path,
    *,
    basic: bool = False,
    tls: Certificate | None = None,
    clients: Certificate | None = None,
    token: TokenAuth | None = None,
    read_only: bool = False,
    relative_urls: bool = False,
    port: int = 0,
) -> Iterator[RegistryServer]:
    """Run a registry that keeps its blobs in a folder, until the block ends; skip the test where there is no program.

    With ``basic`` it lets in ``USER`` with ``PASSWORD``, with ``clients`` who has a certificate that this one signed.
    A port of 0 is any that is free.
    """
    program = shutil.which("docker-registry")
    if program is None:
        pytest.skip("docker-registry is not installed")
    storage.mkdir(parents=True, exist_ok=True)
    htpasswd = storage.with_name(f"{storage.name}.htpasswd")
    htpasswd.write_text(_HTPASSWD)
    settings: dict[str, Any] = {
        "version": "0.1",
        "log": {"level": "info", "accesslog": {"disabled": True}},
        "storage": {
            "filesystem": {"rootdirectory": str(storage)},
            "delete": {"enabled": True},
            "maintenance": {"uploadpurging": {"enabled": False}, "readonly": {"enabled": read_only}},
        },
        "http": {"addr": f"127.0.0.1:{port}", "secret": "of tests", "relativeurls": relative_urls},
    }
    if tls:
        settings["http"]["tls"] = {"certificate": str(tls.certificate), "key": str(tls.key)}
        if clients:
            settings["http"]["tls"]["clientcas"] = [str(clients.certificate)]
    if basic:
        settings["auth"] = {"htpasswd": {"realm": "tests", "path": str(htpasswd)}}
    if token:
        settings["auth"] = {
            "token": {
                "realm": token.realm,
                "service": token.service,
                "issuer": token.issuer,
                "rootcertbundle": str(token.roots),
            }
        }
    configuration = storage.with_name(f"{storage.name}.json")
    configuration.write_text(json.dumps(settings))  # JSON is YAML
    server = _start([program, "serve", str(configuration)], storage)
    try:
        yield server
    finally:
        server.stop()


def _start(command: list[str], storage: Path) -> RegistryServer:
    """Start the program and wait for the line in which it tells its address."""
    # A test run that is killed takes its registries with it.
    guard = ["setpriv", "--pdeathsig", "KILL"] if shutil.which("setpriv") else []
    process = subprocess.Popen([*guard, *command], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    assert process.stderr is not None
    log = []
    for line in process.stderr:
        log.append(line)
        if "listening on " in line:
            host = line.partition("listening on ")[2].partition('"')[0].partition(",")[0]
            Thread(target=_drain, args=(process, log), daemon=True).start()
            return RegistryServer(host, storage, process, log)
    process.wait()
    process.stderr.close()
    pytest.fail(f"docker-registry did not start: {''.join(log)}")


def _drain(process: subprocess.Popen[str], log: list[str]) -> None:
    assert process.stderr is not None
    with process.stderr:
        log.extend(process.stderr)


def make_certificate(folder: Path, *names: str) -> Certificate:
    """Write a certificate for loopback and other names, and its key; skip the test where there is no openssl."""
    if shutil.which("openssl") is None:
        pytest.skip("openssl is not installed")
    folder.mkdir(parents=True, exist_ok=True)
    made = Certificate(folder / "server.crt", folder / "server.key")
    hosts = ",".join(["IP:127.0.0.1", "DNS:localhost", *(f"DNS:{name}" for name in names)])
    command = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=tests"]
    command += ["-addext", f"subjectAltName={hosts}"]
    command += ["-addext", "keyUsage=critical,digitalSignature,keyEncipherment,keyCertSign"]
    command += ["-keyout", str(made.key), "-out", str(made.certificate)]
    subprocess.run(command, check=True, capture_output=True)
    return made

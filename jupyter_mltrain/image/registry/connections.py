"""Connections to hosts: pooled, with the certificates that each host is to show, through the proxies that are set."""

from __future__ import annotations

import ssl
from http.cookiejar import CookieJar, DefaultCookiePolicy
from pathlib import Path
from threading import Lock

import httpx

from ...errors import RegistryError
from .options import Options, is_loopback

_KEPT: float = 30.0  # seconds that an idle connection is kept


class Connections:
    """One pool for each way of trusting: plain, the system's authorities, those of one host. Safe for threads."""

    def __init__(self, options: Options) -> None:
        self._options = options
        self._clients: dict[tuple[str, bool], httpx.Client] = {}
        self._lock = Lock()

    def client(self, url: httpx.URL) -> httpx.Client:
        """Return the pool for a URL. Raises ``RegistryError`` where certificates cannot be read."""
        host = authority(url)
        trust = "" if url.scheme == "http" else str(self.folder(host) or "system")
        key = (trust, is_loopback(host))
        with self._lock:
            if key not in self._clients:
                self._clients[key] = self._open(self._context(trust), through_proxies=not is_loopback(host))
            return self._clients[key]

    def folder(self, host: str) -> Path | None:
        """Return the folder with the certificates of a host, or None."""
        bare = host.removesuffix(":443")
        folders = (folder / name for folder in self._options.certificates for name in (bare, f"{bare}:443"))
        return next((folder for folder in folders if _is_there(folder)), None)

    def close(self) -> None:
        """Close all connections."""
        with self._lock:
            for client in self._clients.values():
                client.close()
            self._clients.clear()

    def _open(self, context: ssl.SSLContext, *, through_proxies: bool) -> httpx.Client:
        return httpx.Client(
            verify=context,
            # No proxy reaches this machine's own loopback, whatever the variables say.
            trust_env=through_proxies,
            timeout=httpx.Timeout(self._options.timeout, connect=self._options.connect_timeout, pool=None),
            limits=httpx.Limits(
                max_connections=self._options.connections,
                max_keepalive_connections=self._options.connections,
                keepalive_expiry=_KEPT,
            ),
            # A session cookie makes some registries ask for a browser's protection against forged requests.
            cookies=CookieJar(DefaultCookiePolicy(allowed_domains=[])),
            headers={"User-Agent": "jupyter-mltrain", "Accept-Encoding": "identity"},
        )

    def _context(self, trust: str) -> ssl.SSLContext:
        if not trust:
            # Trusts nobody: it takes a while to read all authorities, and plain HTTP needs none.
            return ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context = ssl.create_default_context()
        paths = ssl.get_default_verify_paths()
        if not paths.cafile and not paths.capath:
            import certifi

            context.load_verify_locations(certifi.where())
        if trust != "system":
            _add_certificates(context, Path(trust))
        return context


def authority(url: httpx.URL) -> str:
    """Return host and port of a URL, as they are written in names of images."""
    return url.netloc.decode("ascii")


def _is_there(folder: Path) -> bool:
    """Return whether it is a folder; what one may not look into counts as none."""
    try:
        return folder.is_dir()
    except OSError:
        return False


def _add_certificates(context: ssl.SSLContext, folder: Path) -> None:
    file = folder
    try:
        for file in sorted(folder.glob("*.crt")):
            context.load_verify_locations(file)
        for file in sorted(folder.glob("*.cert")):
            context.load_cert_chain(file, file.with_suffix(".key"))
    except OSError as error:  # ssl.SSLError is one
        why = error.strerror or error
        hint = "It has to be in PEM; a client's NAME.cert wants its NAME.key beside it."
        raise RegistryError(f"The certificate {str(file)!r} cannot be used: {why}.", hint=hint) from error

"""A container registry's client: only what is missing travels, verified, and gone on with after a fault.

Each in a room of its own::

    client        the registry: manifests and blobs
    uploads       one blob on its way there: mounted, or sent
    downloads     one blob on its way here
    transport     one request: where to, with which authorisation
    auth          basic authentication, tokens;  challenges  what a registry asks for;  credentials  what one has
    connections   TLS, proxies, pools
    failures      what went wrong, in words;  retries  once more, after a pause
"""

from __future__ import annotations

from .. import http  # noqa: F401 - before anybody imports httpx
from .client import ABSENT, ANY, Registry
from .credentials import ConfigFiles, Credentials, Given, Login
from .options import Backoff, Options

__all__ = [
    "ABSENT",
    "ANY",
    "Backoff",
    "ConfigFiles",
    "Credentials",
    "Given",
    "Login",
    "Options",
    "Registry",
]

"""What went wrong with a registry, in words: what was tried, what it answered, what to do."""

from __future__ import annotations

import json
import re
import socket
import ssl
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any, Final

import httpx

from ...errors import RegistryError
from .text import printable

_FULL: Final = re.compile(r"no space left|quota|insufficient storage|storage limit|disk full|\"Err\":\s*28\b", re.I)
_READ_ONLY: Final = re.compile(r"read[- ]?only", re.I)
_NO_DIGEST: Final = frozenset({"DIGEST_INVALID", "SIZE_INVALID"})
_LACKING: Final = frozenset({"MANIFEST_BLOB_UNKNOWN", "BLOB_UNKNOWN"})
_TLS_WANTED: Final = re.compile(r"https", re.I)


class Temporary(RegistryError):
    """A failure that another try may not meet. ``retry_after``: seconds that the registry asks to wait."""

    retry_after: float | None = None


class NoTLS(RegistryError):
    """Where TLS was to be spoken, something else is."""

    code = "registry-unreachable"


@dataclass(frozen=True, slots=True)
class Answer:
    """What a server answered; ``body`` is cut off where it is long."""

    status: int
    headers: Mapping[str, str]
    body: bytes = b""

    @property
    def is_html(self) -> bool:
        """Whether it is a page for people."""
        return "html" in self.headers.get("content-type", "") or self.body.lstrip()[:1] == b"<"

    @property
    def wants_tls(self) -> bool:
        """Whether it is how web servers answer plain HTTP where they speak TLS."""
        return self.status == 400 and bool(_TLS_WANTED.search(self.body.decode(errors="replace")))

    @property
    def errors(self) -> list[Mapping[str, Any]]:
        """The registry's own list of errors, as the distribution specification has it."""
        try:
            found = json.loads(self.body)["errors"]
        except (ValueError, KeyError, TypeError, RecursionError):
            return []
        return [each for each in found if isinstance(each, dict)] if isinstance(found, list) else []

    @property
    def codes(self) -> frozenset[str]:
        """The codes of these errors."""
        return frozenset(str(each.get("code", "")) for each in self.errors)


def refused(what: str, host: str, answer: Answer, *, writing: bool = False, login: str = "") -> RegistryError:
    """Return the error for an answer that nobody hoped for.

    Parameters
    ----------
    what:
        What was tried, as the subject of a sentence: ``Pushing 'a/b:1'``.
    writing:
        Whether it would have changed the registry.
    login:
        Which credentials were used, or where they were looked for.
    """
    message = f"{what} failed: {host} answered {answer.status}{_said(answer)}."
    if answer.status == 429:
        return _temporary(message, answer, "Too many requests: log in, or try again later.")
    code, hint = _verdict(answer, host, writing, login)
    if code:
        return RegistryError(message, hint=hint, code=code, status=answer.status)
    if answer.status in (408, 425) or answer.status >= 500:
        return _temporary(message, answer, f"{host} has a fault of its own: try again later, or ask who runs it.")
    return RegistryError(message, hint=hint, status=answer.status)


def _verdict(answer: Answer, host: str, writing: bool, login: str) -> tuple[str, str]:
    text = answer.body.decode(errors="replace")
    if answer.status in (413, 507) or _FULL.search(text):
        return "registry-full", f"{host} has no room left for it, or a limit on it: make room, or ask who runs it."
    if writing and (answer.status == 405 or _READ_ONLY.search(text)):
        return "registry-read-only", f"{host} takes no images now: push elsewhere, or ask who runs it."
    if answer.status in (401, 403):
        return "registry-unauthorised", login
    if answer.codes & _NO_DIGEST:
        return "registry-digest", "It arrived changed: try again; if it stays so, look at the proxies on the way."
    if writing and answer.codes & _LACKING:
        return "registry-incomplete", f"{host} has lost what it had: push again; if it stays so, ask who runs it."
    if answer.is_html and answer.status < 500:
        return "registry", f"A web page is no answer of a registry: is {host} one, and is the port right?"
    if answer.status == 404:
        return "registry-not-found", _missing(answer, host)
    return "", ""


def _missing(answer: Answer, host: str) -> str:
    if "MANIFEST_UNKNOWN" in answer.codes:
        return "The repository has no such tag or digest."
    if answer.codes & _LACKING:
        return f"{host} has lost it, or never got it: push the image that it belongs to again."
    return f"Check the name; some registries want a repository to be made before the first push to it: see {host}."


def _said(answer: Answer) -> str:
    """Return the registry's own words."""
    parts = []
    for error in answer.errors[:3]:
        words = [str(error.get(name) or "") for name in ("code", "message")]
        detail = error.get("detail")
        parts.append(": ".join(filter(None, [*words, detail if isinstance(detail, str) else ""])))
    if not parts and not answer.is_html and answer.body:
        parts.append(answer.body[:1000].decode(errors="replace"))
    if not parts:
        parts.append(httpx.codes.get_reason_phrase(answer.status))
    said = printable("; ".join(parts)).rstrip(".")
    return f" ({said})" if said else ""


def _temporary(message: str, answer: Answer, hint: str) -> Temporary:
    error = Temporary(message, hint=hint, status=answer.status)
    error.retry_after = _retry_after(answer.headers.get("retry-after", ""))
    return error


def _retry_after(value: str) -> float | None:
    """Return the seconds of a ``Retry-After``: a number, or a date."""
    try:
        return float(int(value))
    except ValueError:
        pass
    try:
        date = parsedate_to_datetime(value)
    except ValueError:
        return None
    now = datetime.now(UTC)
    return max(((date if date.tzinfo else date.replace(tzinfo=UTC)) - now).total_seconds(), 0.0)


def no_answer(what: str, host: str, error: Exception, *, met: bool) -> RegistryError:
    """Return the error for a connection that could not be made, or broke.

    Parameters
    ----------
    met:
        Whether the host has answered before: then it is worth waiting for.
    """
    for cause in _causes(error):
        if isinstance(cause, ssl.SSLCertVerificationError):
            return _unreachable(
                f"{what} failed: the certificate of {host} is not trusted: {cause.verify_message}.",
                f"Put the certificate of its authority into '/etc/docker/certs.d/{host}/ca.crt' or "
                f"'~/.config/containers/certs.d/{host}/ca.crt', or name it by SSL_CERT_FILE.",
            )
        if isinstance(cause, ssl.SSLError) and "ALERT" in (cause.reason or ""):
            return _unreachable(
                f"{what} failed: {host} ended the TLS connection ({_alert(cause)}).",
                f"Does it want a certificate of yours? Then put it into '/etc/docker/certs.d/{host}/client.cert', and "
                "'client.key' beside it.",
            )
        if isinstance(cause, ssl.SSLError) and isinstance(error, httpx.ConnectError):
            return NoTLS(
                f"{what} failed: {host} does not speak TLS ({cause.reason or 'no handshake'}).",
                hint=f"If it really is plain HTTP, add {host!r} to plain_http in the settings for images.",
            )
        if isinstance(cause, socket.gaierror):
            return _unreachable(f"{what} failed: nobody knows the host {host} ({cause.strerror}).", "Check the name.")
    message = f"{what} failed: {host} {_how(error)}."
    hint = "Is the registry running, the port right, and the network (or HTTPS_PROXY) set up?"
    if not met and isinstance(error, httpx.ConnectError | httpx.ConnectTimeout | httpx.ProxyError):
        return _unreachable(message, hint)
    return Temporary(message, hint=hint, code="registry-unreachable")


def _alert(error: ssl.SSLError) -> str:
    """Return the words of ``TLSV13_ALERT_CERTIFICATE_REQUIRED``."""
    return str(error.reason).partition("ALERT_")[2].lower().replace("_", " ")


def _unreachable(message: str, hint: str) -> RegistryError:
    return RegistryError(message, hint=hint, code="registry-unreachable")


def _how(error: Exception) -> str:
    if isinstance(error, httpx.TimeoutException):
        return "did not answer in time"
    if isinstance(error, httpx.ProxyError):
        return f"cannot be reached through the proxy ({printable(str(error))})"
    if isinstance(error, httpx.ConnectError):
        reasons = [cause.strerror for cause in _causes(error) if isinstance(cause, OSError) and cause.strerror]
        return f"cannot be reached ({printable(reasons[-1] if reasons else str(error))})"
    return "broke the connection off"


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__


def wrong_bytes(what: str, host: str, expected: str, found: str) -> RegistryError:
    """Return the error for bytes that are not what their digest, or size, says."""
    return RegistryError(
        f"{what} failed: {host} gave {printable(found)} instead of {expected}.",
        hint="Something on the way, or in the registry, changed it: try again; if it stays so, ask who runs it.",
        code="registry-digest",
    )

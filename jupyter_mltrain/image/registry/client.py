"""A registry: manifests and blobs.

Source: OCI distribution specification 1.1, https://github.com/opencontainers/distribution-spec
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from io import BytesIO
from types import TracebackType
from typing import Final

from ...errors import RegistryError
from .. import oci
from ..oci import Descriptor
from ..progress import Report, Step, ignore
from .auth import Scopes, pull, push
from .credentials import ConfigFiles, Credentials
from .downloads import Download, Writer, check_digest
from .failures import Answer, wrong_bytes
from .options import Options
from .text import printable, short
from .transport import Call, Transport
from .uploads import Outcome, Source, Upload

ANY: Final = "any"
"""For `Registry.put_manifest`: whatever the tag meant before."""

ABSENT: Final = ""
"""For `Registry.put_manifest`: there was no such tag."""

_ACCEPT: Final = ", ".join(sorted(oci.MANIFESTS) + sorted(oci.INDEXES))


class Registry:
    """One registry. Safe for threads: many blobs may be under way at once.

    Each method raises ``RegistryError``; what fails for a while only has been tried again by then.

    Parameters
    ----------
    host:
        As in names of images: ``docker.io``, ``localhost:5000``.
    credentials:
        By default those that ``docker login`` and ``podman login`` left behind.
    """

    def __init__(self, host: str, credentials: Credentials | None = None, options: Options | None = None) -> None:
        self.host = host
        self._transport = Transport(host, credentials or ConfigFiles(), options or Options())

    def __enter__(self) -> Registry:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close all connections."""
        self._transport.close()

    def head_manifest(self, repository: str, version: str) -> Descriptor | None:
        """Return what a tag or digest means, or None where the registry has no such thing."""
        return self._head(repository, version, pull(repository))

    def get_manifest(self, repository: str, version: str, *, what: str = "") -> tuple[Descriptor, bytes]:
        """Return a manifest or index, of OCI or docker, verified: by its digest, and by what the registry says it is.

        Parameters
        ----------
        what:
            What this is for, as errors tell it; by default pulling that version.

        Raises
        ------
        RegistryError
            ``registry-not-found``: the registry has no such tag, digest or repository; ``registry-digest``: it gave
            something else; ``registry``: a manifest of a kind that is not understood here.
        """
        call = self._call("GET", repository, f"manifests/{version}", what or f"Pulling {_name(repository, version)}")
        return self._verified(call, version, self._transport.ask(call))

    def has_blob(self, repository: str, digest: str) -> bool:
        """Return whether a repository has a blob."""
        what = f"Looking for {short(digest)} in {repository!r}"
        call = self._call("HEAD", repository, f"blobs/{digest}", what, expect=(200, 404))
        return self._transport.ask(call).status == 200

    def download_blob(
        self,
        repository: str,
        blob: Descriptor,
        out: Writer,
        *,
        step: Step = "base",
        name: str = "",
        report: Report = ignore,
    ) -> None:
        """Write a blob into an open file, and verify it. What was written before an error is no blob."""
        check_digest(blob.digest)
        Download(self._transport, repository, blob, out, step, name, report).run()

    def ensure_blob(
        self,
        repository: str,
        blob: Descriptor,
        source: Source,
        *,
        mount_from: Sequence[str] = (),
        name: str = "",
        report: Report = ignore,
    ) -> Outcome:
        """See to it that a repository has a blob; say whether it was there, mounted from another, or sent.

        Parameters
        ----------
        source:
            The file, or what opens one that can seek: called only where bytes are sent.
        mount_from:
            Repositories of the same registry that may have it.
        name:
            What reports call it, by default its digest.

        Raises
        ------
        RegistryError
            It could not be brought there; ``registry-digest``: it arrived as something else, or is something else.
        StorageError
            The file cannot be read.
        """
        return Upload(self._transport, repository, blob, source, name, report).run(mount_from)

    def check_push(self, repository: str) -> None:
        """Raise the error that a push would meet at once: not allowed, read-only, not there."""
        Upload(self._transport, repository, Descriptor.of(oci.EMPTY, b""), BytesIO, "", ignore).check()

    def put_manifest(
        self, repository: str, version: str, manifest: bytes, media_type: str, *, expected: str = ANY
    ) -> str:
        """Store a manifest by tag or digest and return its digest.

        Parameters
        ----------
        expected:
            The digest that the tag has to have before, or `ABSENT`. Registries have no test-and-set: it is asked
            before, and after for what was stored; a change in the moment between is seen then, not prevented.

        Raises
        ------
        RegistryError
            ``registry-moved``: the tag means something else than expected.
        """
        digest = oci.digest_of(manifest)
        if expected != ANY:
            self._check_unmoved(repository, version, {expected, digest})
        self._put(repository, version, manifest, media_type)
        if expected != ANY:
            self._check_unmoved(repository, version, {digest})
        return digest

    def _put(self, repository: str, version: str, manifest: bytes, media_type: str) -> None:
        what = f"Pushing {_name(repository, version)}"
        path, headers = f"{repository}/manifests/{version}", {"Content-Type": media_type}
        answer = self._transport.ask(Call("PUT", path, what, push(repository), (200, 201, 202), headers, manifest))
        self._check_digest(what, oci.digest_of(manifest), answer)

    def _head(self, repository: str, version: str, scopes: Scopes) -> Descriptor | None:
        what = f"Looking for {_name(repository, version)}"
        call = self._call("HEAD", repository, f"manifests/{version}", what, scopes, (200, 404, 405))
        answer = self._transport.ask(call)
        if answer.status == 404:
            return None
        digest, size = answer.headers.get("docker-content-digest", ""), answer.headers.get("content-length", "")
        if answer.status == 200 and digest and size.isdecimal():
            return Descriptor(_media_type(answer), digest, int(size))
        answer = self._transport.ask(
            self._call("GET", repository, f"manifests/{version}", what, scopes, (200, 404)),
        )
        return None if answer.status == 404 else self._verified(call, version, answer)[0]

    def _verified(self, call: Call, version: str, answer: Answer) -> tuple[Descriptor, bytes]:
        digest = oci.digest_of(answer.body)
        self._check_digest(call.what, digest, answer)
        if ":" in version and version != digest:
            raise wrong_bytes(call.what, self.host, version, digest)
        media_type = _stated(answer.body, _media_type(answer))
        if media_type not in oci.MANIFESTS | oci.INDEXES:
            raise RegistryError(
                f"{call.what} failed: {self.host} gave {printable(_media_type(answer)) or 'something'}, no manifest.",
                hint="Manifests of OCI, and of docker from version 2 of its schema, are understood.",
            )
        return Descriptor(media_type, digest, len(answer.body)), answer.body

    def _check_digest(self, what: str, digest: str, answer: Answer) -> None:
        said = answer.headers.get("docker-content-digest")
        if said and said != digest:
            raise wrong_bytes(what, self.host, digest, said)

    def _check_unmoved(self, repository: str, version: str, allowed: set[str]) -> None:
        found = self._head(repository, version, push(repository))
        if (found.digest if found else ABSENT) not in allowed:
            raise RegistryError(
                f"{_name(repository, version)} of {self.host} was changed by somebody else meanwhile: it is now "
                f"{short(found.digest) if found else 'gone'}.",
                hint="Look at what it is now; push again, or to another tag.",
                code="registry-moved",
            )

    def _call(
        self,
        method: str,
        repository: str,
        path: str,
        what: str,
        scopes: Scopes | None = None,
        expect: tuple[int, ...] = (200,),
    ) -> Call:
        return Call(method, f"{repository}/{path}", what, scopes or pull(repository), expect, {"Accept": _ACCEPT})


def _name(repository: str, version: str) -> str:
    return repr(f"{repository}@{short(version)}" if ":" in version else f"{repository}:{version}")


def _media_type(answer: Answer) -> str:
    return answer.headers.get("content-type", "").partition(";")[0].strip()


def _stated(manifest: bytes, otherwise: str) -> str:
    """Return what a manifest says that it is; ``""`` where it is none."""
    try:
        stated = json.loads(manifest).get("mediaType", otherwise)
    except (ValueError, AttributeError, RecursionError):
        return ""
    return stated if isinstance(stated, str) else ""

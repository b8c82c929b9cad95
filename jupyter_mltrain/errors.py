"""Every error that this project raises on purpose, each with a code, an HTTP status and a hint.

::

    MltrainError                 500  something went wrong that nobody foresaw
    ├── InvalidInput             400  what the user gave is wrong; ``details["field"]`` points at it
    │   ├── NotebookError             the notebook cannot be read or is not Python
    │   ├── ParameterError            an unknown parameter, or a value of the wrong type
    │   ├── ManifestError             a manifest that the API server would refuse
    │   ├── ResolutionError           requirements that contradict each other, do not exist, or do not fit the platform
    │   └── ImageError                a base image, or an input of the image, that no image can be made of
    ├── Forbidden                403  not allowed
    ├── NotFound                 404  no such job, file, program, sample
    ├── Conflict                 409  the name is taken, or the job is in the wrong state
    ├── NotInstalled             501  an extra or a backend is missing; the hint says what to install
    ├── StorageError             507  disk full, folder read-only, database locked
    ├── RegistryError            502  a container registry does not answer, or refuses; ``code`` says how
    ├── PackageIndexError        502  an index of Python packages does not answer, or refuses; ``code`` says how
    └── BackendUnavailable       502  the cluster or the machine does not answer
        └── BackendTimeout       504  ... in time

One place turns these into HTTP answers (``server``) and one into terminal text (``cli``).
"""

from __future__ import annotations

from typing import Any, ClassVar


class MltrainError(Exception):
    """Base of all errors: what was tried, what was wrong, and what to do about it.

    Parameters
    ----------
    message:
        One sentence: what was tried and what was wrong.
    hint:
        What the user can do, or ``""``.
    code:
        A stable word for programs, by default the class's.
    details:
        JSON values: the field, the path, the nearest match ...
    """

    code: str = "internal"
    http_status: ClassVar[int] = 500

    def __init__(self, message: str, *, hint: str = "", code: str | None = None, **details: Any) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint
        self.details = details
        if code is not None:
            self.code = code

    def to_dict(self) -> dict[str, Any]:
        """Return the error as the JSON object that HTTP clients and ``--json`` get."""
        return {"code": self.code, "message": self.message, "hint": self.hint, "details": self.details}


class InvalidInput(MltrainError):
    """What the user gave is wrong."""

    code = "invalid"
    http_status = 400


class NotebookError(InvalidInput):
    """The notebook cannot be read, is empty, or is not Python."""

    code = "notebook"


class ParameterError(InvalidInput):
    """An unknown parameter, or a value that does not fit its type."""

    code = "parameter"


class ManifestError(InvalidInput):
    """A manifest that the API server or the operator would refuse."""

    code = "manifest"


class ResolutionError(InvalidInput):
    """Requirements contradict each other, name what does not exist, or have nothing for the image's platform."""

    code = "resolution"


class ImageError(InvalidInput):
    """A base image or an input of the image that no image can be made of."""

    code = "image"


class Forbidden(MltrainError):
    """The user may not do this."""

    code = "forbidden"
    http_status = 403


class NotFound(MltrainError):
    """No such job, file, program or sample."""

    code = "not-found"
    http_status = 404


class Conflict(MltrainError):
    """The name is taken, or the job's state does not allow it."""

    code = "conflict"
    http_status = 409


class NotInstalled(MltrainError):
    """An optional part is missing; the hint says what to install."""

    code = "not-installed"
    http_status = 501


class StorageError(MltrainError):
    """The disk is full, a folder is read-only, or the database cannot be used."""

    code = "storage"
    http_status = 507


class RegistryError(MltrainError):
    """A container registry does not answer, or refuses.

    ``code`` tells which: ``registry-unreachable``, ``registry-unauthorised``, ``registry-read-only``,
    ``registry-not-found``, ``registry-full``, ``registry-moved`` (a tag changed meanwhile), ``registry-digest`` (bytes
    that are not what their digest says), ``registry-incomplete`` (it lacks blobs of a manifest), else ``registry``.
    """

    code = "registry"
    http_status = 502


class PackageIndexError(MltrainError):
    """An index of Python packages, or what it links to, does not answer or refuses.

    ``code`` tells which: ``index-unreachable``, ``index-unauthorised``, ``index-not-found`` (a file that was locked is
    gone), ``index-digest`` (bytes that are not what was locked), else ``index``.
    """

    code = "index"
    http_status = 502


class BackendUnavailable(MltrainError):
    """The backend does not answer."""

    code = "unavailable"
    http_status = 502


class BackendTimeout(BackendUnavailable):
    """The backend did not answer in time."""

    code = "timeout"
    http_status = 504

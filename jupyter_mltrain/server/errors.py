"""One place turns whatever was raised into the JSON object that clients get: ``wire.Error``."""

from __future__ import annotations

import errno
import uuid
from http.client import responses
from typing import TYPE_CHECKING, Any, Final

from tornado.web import HTTPError

from ..errors import InvalidInput, MltrainError, StorageError

if TYPE_CHECKING:
    from pydantic import ValidationError

_CODES: Final = {
    400: "invalid",
    403: "forbidden",
    404: "not-found",
    405: "method-not-allowed",
    409: "conflict",
    413: "too-large",
    415: "unsupported-media-type",
}
_HINTS: Final = {
    403: "Log in again, or ask whoever runs this server for the permission.",
    405: "The OpenAPI document at openapi.json tells which methods there are.",
}


_NO_TEMPORARY = "No usable temporary directory"  # how tempfile tells that it could write nowhere


def foreseen(error: BaseException | None) -> BaseException | None:
    """Return an error with words for what may happen to any handler: a full disk. Others stay as they are."""
    if isinstance(error, OSError) and (error.errno in (errno.ENOSPC, errno.EDQUOT) or _NO_TEMPORARY in str(error)):
        return StorageError("The disk of the Jupyter server is full", hint="Free some space on the disk.")
    return error


def describe(error: BaseException | None, status: int) -> dict[str, Any]:
    """Return the body of an answer with an error. What nobody foresaw gets an id that the log has too."""
    if isinstance(error, MltrainError):
        return error.to_dict()
    if isinstance(error, HTTPError):
        message = error.log_message or error.reason or responses.get(status, "Unknown error")
        if error.log_message:  # tornado has doubled each % where there is nothing to put in
            message = error.log_message % error.args
        return _body(_CODES.get(status, "http"), message, _HINTS.get(status, ""))
    return _body(
        "internal",
        "Something went wrong that nobody foresaw",
        "Try again. The server's log has what happened, under the id in the details.",
        id=incident(error),
    )


def _body(code: str, message: str, hint: str = "", **details: Any) -> dict[str, Any]:
    return {"code": code, "message": message, "hint": hint, "details": details}


def incident(error: BaseException | None) -> str:
    """Return the id under which an error is logged and told; the same one each time for the same error."""
    if error is None:
        return uuid.uuid4().hex[:8]
    known: str | None = getattr(error, "_mltrain_incident", None)
    if known is None:
        known = uuid.uuid4().hex[:8]
        error._mltrain_incident = known  # type: ignore[attr-defined]
    return known


def invalid_input(error: ValidationError) -> InvalidInput:
    """Return what is wrong with a body or a query; ``details["field"]`` names the first wrong input."""
    found = [
        {"field": ".".join(map(str, problem["loc"])), "message": problem["msg"]}
        for problem in error.errors(include_url=False, include_context=False, include_input=False)
    ]
    field, message = found[0]["field"], found[0]["message"]
    more = f" (and {len(found) - 1} more)" if len(found) > 1 else ""
    where = f"{field}: " if field else ""
    return InvalidInput(f"The request is not valid: {where}{message}{more}", field=field, errors=found[:20])

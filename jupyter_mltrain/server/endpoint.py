"""From a typed method to an HTTP verb: who may, what comes in, what goes out.

``@endpoint("execute", status=201)`` over ``async def post(self, body: wire.Submission) -> wire.JobSummary`` is all that
a handler says. The annotations are what the request is checked against, what the answer is made of, and what the
OpenAPI document tells; so these three cannot drift apart. They are looked up when the verb is first used, because
the models behind them take longer to load than a server should need for its start.
"""

from __future__ import annotations

import functools
import inspect
import typing
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Literal, TypeVar

from jupyter_server.auth.decorator import authorized
from tornado import web

from ..errors import InvalidInput
from .errors import invalid_input

if TYPE_CHECKING:
    from pydantic import BaseModel

    from .handlers.base import Handler
    from .queries import Query

Action = Literal["read", "write", "execute"]
Verb = Callable[..., Awaitable[Any]]

JSON: Final = "application/json"
TEXT: Final = "text/plain"
ARCHIVE: Final = "application/gzip"
BACKEND: Final = (501, 502, 504, 507)
"""What a verb that needs a backend may answer: it is not installed, does not answer, not in time, has no room."""


@dataclass(frozen=True, slots=True)
class Types:
    """The models of an endpoint.

    Attributes
    ----------
    query, body:
        What comes in; None: nothing does.
    answer:
        What goes out: a model, ``dict`` for other JSON, None for nothing.
    """

    query: type[Query] | None
    body: type[BaseModel] | None
    answer: Any


class Endpoint:
    """One verb of one route.

    Attributes
    ----------
    action:
        What the authorizer is asked for: ``read``, ``write`` or ``execute``.
    status:
        Of the answer when all went well.
    errors:
        Further answers that a client has to expect.
    media:
        Type of the answer.
    """

    def __init__(self, verb: Verb, action: Action, status: int, errors: tuple[int, ...], media: str) -> None:
        self.verb = verb
        self.action = action
        self.status = status
        self.errors = errors
        self.media = media

    @functools.cached_property
    def types(self) -> Types:
        """The models, found by the annotations."""
        from . import queries, wire

        hints = typing.get_type_hints(self.verb, localns={"wire": wire, "queries": queries})
        answer = hints.get("return")
        return Types(hints.get("query"), hints.get("body"), None if answer is type(None) else answer)

    @property
    def summary(self) -> str:
        """What it does, in one sentence."""
        return (inspect.getdoc(self.verb) or "").partition("\n")[0].rstrip(".")


def endpoint(
    action: Action, *, status: int = 200, errors: tuple[int, ...] = (), media: str = JSON
) -> Callable[[Verb], Callable[..., Awaitable[None]]]:
    """Make an authenticated and authorised verb of a method; see `Endpoint`.

    The method's parameters are those of the path by name, ``query`` and ``body``.
    """

    def decorate(verb: Verb) -> Callable[..., Awaitable[None]]:
        made = Endpoint(verb, action, status, errors, media)

        @functools.wraps(verb)
        async def answer(self: Handler, **path: str) -> None:
            arguments: dict[str, Any] = dict(path)
            if made.types.query is not None:
                arguments["query"] = parse_query(made.types.query, self.request.query_arguments)
            if made.types.body is not None:
                arguments["body"] = parse_body(made.types.body, self.request.headers, self.request.body)
            await self.answer(made, await verb(self, **arguments))

        answer.endpoint = made  # type: ignore[attr-defined]
        return typing.cast("Callable[..., Awaitable[None]]", web.authenticated(authorized(action)(answer)))

    return decorate


M = TypeVar("M", bound="BaseModel")


def parse_query(model: type[M], given: Mapping[str, list[bytes]]) -> M:
    """Return the checked query. Raises ``InvalidInput``."""
    from pydantic import ValidationError

    values: dict[str, Any] = {}
    for name, field in model.model_fields.items():
        if name in given:
            texts = [_text(name, value) for value in given[name]]
            values[name] = texts if typing.get_origin(field.annotation) is tuple else texts[-1]
    try:
        return model.model_validate(values)
    except ValidationError as error:
        raise invalid_input(error) from None


def _text(name: str, value: bytes) -> str:
    try:
        return value.decode()
    except UnicodeDecodeError:
        raise InvalidInput(f"{name} is not text in UTF-8", field=name) from None


def parse_body(model: type[M], headers: Mapping[str, str], content: bytes) -> M:
    """Return the checked body.

    Raises
    ------
    HTTPError
        415: it does not say that it is JSON. A form of another site can send texts, but not that header.
    InvalidInput
        It is not what the endpoint takes.
    """
    from pydantic import ValidationError

    media = headers.get("Content-Type", "").partition(";")[0].strip().lower()
    if media != JSON:
        raise web.HTTPError(415, f"The body has to be {JSON}, not {media or 'of no type'}")
    try:
        return model.model_validate_json(content, strict=True)
    except ValidationError as error:
        raise invalid_input(error) from None

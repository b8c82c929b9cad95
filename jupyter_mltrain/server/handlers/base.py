"""What all handlers share: limits, answers, errors."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncGenerator
from contextlib import aclosing, suppress
from types import TracebackType
from typing import TYPE_CHECKING, Any, TypeVar, cast

from jupyter_server.base.handlers import APIHandler, JupyterHandler
from jupyter_server.utils import url_path_join
from tornado.iostream import StreamClosedError
from tornado.web import HTTPError, RequestHandler

from ...errors import MltrainError
from ..encoding import to_json, to_utf8
from ..endpoint import ARCHIVE, JSON, TEXT, Endpoint
from ..errors import describe, foreseen, incident

if TYPE_CHECKING:
    from .. import wire
    from ..managers import Managers

ROOT = "jupyter-mltrain"

Made = TypeVar("Made", "wire.JobSummary", "wire.ImageBuild")


class ErrorAnswers(JupyterHandler):
    """Answers whatever was raised as ``wire.Error``."""

    def write_error(self, status_code: int, **kwargs: Any) -> None:
        """Send an error. What was raised decides, and the status where tornado made it up itself."""
        error = foreseen((kwargs.get("exc_info") or (None, None))[1])
        if isinstance(error, MltrainError):
            status_code = error.http_status
            self.set_status(status_code)
        if status_code == 405:
            self.set_header("Allow", ", ".join(self.methods()))
        self.set_header("Content-Type", JSON)
        self.finish(json.dumps(describe(error, status_code), default=str))

    def log_exception(
        self,
        typ: type[BaseException] | None,
        value: BaseException | None,
        tb: TracebackType | None,
    ) -> None:
        """Log what nobody foresaw with its id; an error on purpose is one line."""
        if isinstance(value, MltrainError):
            self.log.info("%s: %s", self.request.path, value.message)
        elif isinstance(value, HTTPError):
            super().log_exception(typ, value, tb)
        else:
            exc_info = (typ, value, tb) if typ is not None and value is not None else None
            self.log.error("Error %s at %s", incident(value), self.request.path, exc_info=exc_info)

    @classmethod
    def methods(cls) -> list[str]:
        """Return the verbs that this handler has."""
        verbs = (verb for verb in cls.SUPPORTED_METHODS if verb != "OPTIONS")
        return [verb for verb in verbs if getattr(cls, verb.lower()) is not RequestHandler._unimplemented_method]


class Handler(ErrorAnswers, APIHandler):
    """Base of all handlers: authenticated, authorised, JSON in and out, errors as ``wire.Error``."""

    auth_resource = ROOT

    @property
    def managers(self) -> Managers:
        """What does the work."""
        return cast("Managers", self.settings["jupyter_mltrain"])

    async def prepare(self) -> None:  # type: ignore[override]
        """Refuse what is too large, once it is known who asks."""
        await super().prepare()
        limit = self.managers.config.max_body
        if len(self.request.body) > limit:
            raise HTTPError(413, f"The body has {len(self.request.body):,} bytes; at most {limit:,} are taken")

    async def answer(self, endpoint: Endpoint, result: Any) -> None:
        """Send what a verb returned."""
        if endpoint.media in (ARCHIVE, TEXT):
            await self._stream(endpoint.media, result)
        elif endpoint.types.answer is None:
            self.set_status(204)
            await self.finish()
        else:
            self.set_status(endpoint.status)
            # A notebook with its outputs can have megabytes.
            await self.finish(await asyncio.to_thread(to_json, result))

    async def _stream(self, media: str, pieces: AsyncGenerator[str | bytes]) -> None:
        """Send what may be of any length piece by piece, as fast as the client takes it."""
        media = f"{media}; charset=utf-8" if media == TEXT else media
        self.set_header("Content-Type", media)
        async with aclosing(pieces):
            with suppress(StreamClosedError):  # the client has gone
                async for piece in pieces:
                    self.write(to_utf8(piece) if isinstance(piece, str) else piece)
                    await self.flush()
                await self.finish(set_content_type=media)

    def created(self, made: Made, noun: str = "jobs") -> Made:
        """Return a new job, or the build of an image, after telling where it is."""
        self.set_header("Location", url_path_join(self.base_url, ROOT, noun, made.id))
        return made


class NothingHere(Handler):
    """Any other path below the root."""

    async def prepare(self) -> None:  # type: ignore[override]
        """Say that there is nothing, to those who may ask."""
        await super().prepare()
        if self.current_user is None:
            raise HTTPError(403)
        raise HTTPError(404, "There is nothing at this path")

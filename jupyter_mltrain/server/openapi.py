"""The OpenAPI document of the routes, and the JSON Schemas behind it: made of the handlers' own annotations."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache
from http.client import responses
from typing import Any, Final

from jupyter_server.utils import url_path_join
from pydantic import BaseModel
from pydantic.json_schema import GenerateJsonSchema, models_json_schema

from ..model.spec import json_schema
from ..service.version import package_version
from . import wire
from .endpoint import ARCHIVE, JSON, TEXT, Endpoint
from .handlers.base import ROOT, Handler
from .routes import ROUTES, parameters

_REF: Final = "#/components/schemas/{model}"
_EVERYWHERE: Final = (400, 403, 405)


def document(base_url: str) -> dict[str, Any]:
    """Return the OpenAPI 3.1 document of a server."""
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "jupyter_mltrain",
            "version": package_version(),
            "summary": "Notebooks as training jobs",
            "description": "Changes come by the WebSocket at `channels`; `GET schema` has its messages.",
        },
        "servers": [{"url": url_path_join(base_url, ROOT)}],
        "paths": _paths(),
        "components": {
            "schemas": _models(),
            "securitySchemes": {"token": {"type": "apiKey", "in": "header", "name": "Authorization"}},
        },
        "security": [{"token": []}],
    }


@cache
def _paths() -> dict[str, Any]:
    return {f"/{path}": _path(path, handler) for path, handler in ROUTES.items()}


def _path(path: str, handler: type[Handler]) -> dict[str, Any]:
    names = [{"name": name, "in": "path", "required": True, "schema": {"type": "string"}} for name in parameters(path)]
    verbs = {verb.lower(): getattr(handler, verb.lower()).endpoint for verb in handler.methods()}
    operations = {verb: _operation(path, verb, endpoint) for verb, endpoint in verbs.items()}
    return {**({"parameters": names} if names else {}), **operations}


def _operation(path: str, verb: str, endpoint: Endpoint) -> dict[str, Any]:
    types = endpoint.types
    operation: dict[str, Any] = {
        "operationId": "-".join([verb, *(part.strip("{}") for part in path.replace(".", "-").split("/"))]),
        "summary": endpoint.summary,
        "tags": [path.partition("/")[0]],
        "x-action": endpoint.action,
        "responses": dict(_responses(endpoint)),
    }
    if types.query is not None:
        operation["parameters"] = list(_query(types.query))
    if types.body is not None:
        operation["requestBody"] = {"required": True, "content": {JSON: {"schema": _reference(types.body)}}}
    return operation


def _query(model: type[BaseModel]) -> Iterable[dict[str, Any]]:
    schema = model.model_json_schema()
    for name, found in schema["properties"].items():
        description = found.pop("description", "")
        yield {"name": name, "in": "query", "description": description, "schema": _inlined(found, schema)}


def _inlined(schema: Any, root: dict[str, Any]) -> Any:
    """Return a schema with its references to the root's definitions put in place."""
    if isinstance(schema, list):
        return [_inlined(item, root) for item in schema]
    if not isinstance(schema, dict):
        return schema
    if "$ref" in schema:
        return root["$defs"][schema["$ref"].rpartition("/")[2]]
    return {key: _inlined(value, root) for key, value in schema.items()}


def _responses(endpoint: Endpoint) -> Iterable[tuple[str, dict[str, Any]]]:
    good: dict[str, Any] = {"description": responses[endpoint.status]}
    if endpoint.media == TEXT:
        good["content"] = {TEXT: {"schema": {"type": "string"}}}
    elif endpoint.media == ARCHIVE:
        good["content"] = {ARCHIVE: {"schema": {"type": "string", "format": "binary"}}}
    elif endpoint.types.answer is not None:
        good["content"] = {JSON: {"schema": _reference(endpoint.types.answer)}}
    if endpoint.status == 201 and endpoint.types.answer in (wire.JobSummary, wire.ImageBuild):
        good["headers"] = {"Location": {"description": "Path of what was made", "schema": {"type": "string"}}}
    yield str(endpoint.status), good
    body = (413, 415) if endpoint.types.body is not None else (413,)
    for status in sorted({*_EVERYWHERE, *body, *endpoint.errors}):
        yield str(status), {"description": responses[status], "content": {JSON: {"schema": _reference(wire.Error)}}}


def _reference(model: Any) -> dict[str, Any]:
    if isinstance(model, type) and issubclass(model, BaseModel):
        return {"$ref": _REF.format(model=model.__name__)}
    return {"type": "object"}


@cache
def _models() -> dict[str, Any]:
    """Return the schemas of all bodies that the routes take and give."""
    wanted: dict[tuple[type[BaseModel], str], None] = {(wire.Error, "serialization"): None}
    for handler in ROUTES.values():
        for verb in handler.methods():
            types = getattr(handler, verb.lower()).endpoint.types
            for model, mode in ((types.body, "validation"), (types.answer, "serialization")):
                if isinstance(model, type) and issubclass(model, BaseModel):
                    wanted[model, mode] = None
    _, schema = models_json_schema(list(wanted), ref_template=_REF)  # type: ignore[arg-type]
    found: dict[str, Any] = schema["$defs"]
    return found


@cache
def schemas() -> dict[str, Any]:
    """Return the JSON Schemas (draft 2020-12) of ``TrainingSpec`` and, by name, of everything on the wire."""
    models = [
        model
        for model in vars(wire).values()
        if isinstance(model, type) and issubclass(model, wire.Wire) and model is not wire.Wire
    ]
    _, schema = models_json_schema([(model, "serialization") for model in models])
    return {
        "trainingSpec": json_schema(),
        "wire": {"$schema": GenerateJsonSchema.schema_dialect, **schema},
    }

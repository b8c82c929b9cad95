"""The routes as a client sees them."""

import json
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from tornado.httpclient import HTTPClientError, HTTPResponse

from tests.support import write_notebook

ROOT = "jupyter-mltrain"


class Api:
    """The routes as a client sees them: JSON in and out, by ``base_url`` and token."""

    def __init__(self, fetch: Callable[..., Awaitable[HTTPResponse]], root: Path) -> None:
        self._fetch = fetch
        self.root = root

    async def fetch(self, path: str, method: str = "GET", body: Any = None, **options: Any) -> HTTPResponse:
        """Return the answer, whatever its status."""
        content = json.dumps(body) if body is not None else "" if method == "POST" else None
        headers = {"Content-Type": "application/json"} if body is not None else {}
        options.setdefault("headers", headers)
        given = {
            name: value if isinstance(value, list) else [value] for name, value in options.pop("params", {}).items()
        }
        params = [(name, value) for name, values in given.items() for value in values]
        allow = {"allow_nonstandard_methods": True}
        try:
            return await self._fetch(ROOT, path, method=method, body=content, params=params, **allow, **options)
        except HTTPClientError as error:
            return error.response or pytest.fail(str(error))

    async def raw(self, path: str, method: str, content: bytes) -> HTTPResponse:
        """Return the answer to a body that says it is JSON."""
        headers = {"Content-Type": "application/json"}
        try:
            return await self._fetch(ROOT, path, method=method, body=content, headers=headers)
        except HTTPClientError as error:
            return error.response or pytest.fail(str(error))

    async def json(self, path: str, method: str = "GET", body: Any = None, *, status: int = 200, **options: Any) -> Any:
        """Return the JSON of an answer that has the expected status."""
        answer = await self.fetch(path, method, body, **options)
        assert answer.code == status, (answer.code, answer.body)
        if status == 204:
            assert not answer.body
            return None
        assert answer.headers["Content-Type"].startswith("application/json")
        found = json.loads(answer.body)
        if status >= 400:
            assert set(found) == {"code", "message", "hint", "details"}
            assert "Traceback" not in answer.body.decode()
        return found

    async def submit(self, notebook: str, **submission: Any) -> dict[str, Any]:
        """Submit and return the new row."""
        body = {"notebook": notebook, "spec": {"framework": "none"}, **submission}
        job: dict[str, Any] = await self.json("jobs", "POST", body, status=201)
        return job

    def write(self, path: str, *sources: str, parameters: str | None = None) -> str:
        """Write a notebook below the server's root."""
        file = self.root / path
        file.parent.mkdir(parents=True, exist_ok=True)
        write_notebook(file, *sources, parameters=parameters)
        return path

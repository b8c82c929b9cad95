"""What a client of the stream keeps: the newest state of each topic, from snapshots and deltas."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

from jupyter_mltrain.server import wire
from jupyter_mltrain.server.stream.connection import Connection
from jupyter_mltrain.server.stream.hub import Hub

_PATIENCE = 60.0  # seconds: only a test that fails waits so long


class Mirror:
    """Applies messages as a front end does, and holds each to the contract.

    Attributes
    ----------
    state:
        By topic, what is to be shown.
    messages:
        All data so far, with their topics.
    """

    def __init__(self) -> None:
        self.state: dict[str, Any] = {}
        self.messages: list[tuple[str, dict[str, Any]]] = []
        self._seq = 0
        self._news = asyncio.Event()

    def take(self, text: str | bytes) -> None:
        message = json.loads(text)
        wire.Message.model_validate(message)
        self._seq += 1
        assert message["seq"] == self._seq
        topic, data = message["topic"], message["data"]
        self.messages.append((topic, data))
        getattr(self, f"_on_{data['type']}")(topic, data)
        self._news.set()

    def take_data(self, data: bytes, topic: str = "topic") -> None:
        """Take a message without its envelope."""
        self.take(json.dumps({"seq": self._seq + 1, "topic": topic, "data": json.loads(data)}))

    def of_topic(self, topic: str, type: str = "") -> list[dict[str, Any]]:
        return [data for name, data in self.messages if name == topic and type in ("", data["type"])]

    async def until(self, condition: Callable[[dict[str, Any]], Any]) -> Any:
        """Wait until the state fulfils a condition, and return what the condition returns."""
        try:
            async with asyncio.timeout(_PATIENCE):
                while not (found := condition(self.state)):
                    self._news.clear()
                    await self._news.wait()
                return found
        except TimeoutError:
            raise AssertionError(f"This did not come: {[str(item)[:300] for item in self.messages[-20:]]}") from None

    async def until_message(self, type: str, topic: str = "") -> dict[str, Any]:
        """Wait for the first message of a type."""
        return await self.until(lambda _: next((d for t, d in self.messages if d["type"] == type and topic in t), None))

    # What a front end does

    def _on_jobs(self, topic: str, data: dict[str, Any]) -> None:
        page = data["list"]
        rows = {row["id"]: row for row in page["jobs"]}
        self.state[topic] = {"jobs": rows, "total": page["total"], "counts": page["counts"], "next": page["next"]}

    def _on_jobsChanged(self, topic: str, data: dict[str, Any]) -> None:
        state = self.state[topic]
        for job in data["deleted"]:
            state["jobs"].pop(job, None)
        state["jobs"] |= {row["id"]: row for row in data["changed"]}
        state.update(total=data["total"], counts=data["counts"])

    def _on_job(self, topic: str, data: dict[str, Any]) -> None:
        self.state[topic] = data["job"]

    def _on_jobDeleted(self, topic: str, data: dict[str, Any]) -> None:
        self.state[topic] = {"deleted": data["id"]}

    def _on_notebook(self, topic: str, data: dict[str, Any]) -> None:
        self.state[topic] = data["notebook"]

    def _on_notebookChanged(self, topic: str, data: dict[str, Any]) -> None:
        notebook = self.state[topic]
        cells = notebook["cells"]
        for index, cell in data["cells"].items():
            cells[int(index) : int(index) + 1] = [cell]
        for change in data["outputs"]:
            place = change["output"]
            outputs = cells[change["cell"]]["cell"]["outputs"]
            assert place <= len(outputs)
            outputs[place : place + 1] = [change["value"]]
        for change in data["texts"]:
            cells[change["cell"]]["cell"]["outputs"][change["output"]]["text"] += change["text"]
        notebook.update(progress=data["progress"], error=data["error"])

    def _on_metrics(self, topic: str, data: dict[str, Any]) -> None:
        self.state[topic] = data["metrics"]

    def _on_metricsChanged(self, topic: str, data: dict[str, Any]) -> None:
        self.state[topic] = self.state[topic] + data["metrics"]

    def _on_log(self, topic: str, data: dict[str, Any]) -> None:
        self.state[topic] = data

    def _on_logChanged(self, topic: str, data: dict[str, Any]) -> None:
        state = self.state[topic]
        lines = data["lines"] if data["skipped"] else state["lines"] + data["lines"]
        self.state[topic] = {**state, "lines": lines, "cursor": data["cursor"], "ended": data["ended"]}

    def _on_images(self, topic: str, data: dict[str, Any]) -> None:
        self.state[topic] = data["builds"]

    def _on_imagesChanged(self, topic: str, data: dict[str, Any]) -> None:
        changed = {build["id"]: build for build in data["changed"]}
        known = [changed.pop(build["id"], build) for build in self.state[topic]]
        self.state[topic] = [*changed.values(), *known]

    def _on_error(self, topic: str, data: dict[str, Any]) -> None:
        self.state[topic] = {"error": data["error"]}

    def _on_pong(self, topic: str, data: dict[str, Any]) -> None:
        self.state[topic] = {"pong": True}


class Client:
    """A client in this process: a connection whose socket is a mirror, or stands still."""

    def __init__(self, hub: Hub) -> None:
        self.mirror = Mirror()
        self.taking = asyncio.Event()
        self.taking.set()
        self.connection = Connection(hub, self._write)

    async def _write(self, message: bytes) -> None:
        await self.taking.wait()
        self.mirror.take(message)

    def send(self, **message: Any) -> None:
        self.connection.receive(json.dumps(message))

    def subscribe(self, *topics: str, **options: Any) -> None:
        for topic in topics:
            self.send(type="subscribe", topic=topic, **options)

    def unsubscribe(self, *topics: str) -> None:
        for topic in topics:
            self.send(type="unsubscribe", topic=topic)


@asynccontextmanager
async def client(hub: Hub, *topics: str) -> AsyncIterator[Client]:
    found = Client(hub)
    writer = asyncio.create_task(found.connection.run())
    try:
        found.subscribe(*topics)
        yield found
    finally:
        writer.cancel()
        await asyncio.gather(writer, return_exceptions=True)
        found.connection.close()


async def fresh(hub: Hub, topic: str, **options: Any) -> Any:
    """Return the state of a topic as a new client gets it at first."""
    async with client(hub) as found:
        found.subscribe(topic, **options)
        return await found.mirror.until(lambda state: state.get(topic))


def sources(loop: asyncio.AbstractEventLoop | None = None) -> list[str]:
    """Return the names of what runs for topics."""
    names = [task.get_name() for task in asyncio.all_tasks(loop)]
    return sorted(name for name in names if name.startswith("mltrain"))

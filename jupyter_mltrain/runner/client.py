"""nbclient, with the outputs going to the runner. Imported while the kernel starts: it takes as long as that."""

from __future__ import annotations

import ast
import asyncio
from queue import Empty
from typing import Any, Final

import nbformat
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError, DeadKernelError

from .executor import Raised, Receive, Reply

IDLE_TIMEOUT: Final = 60
"""Seconds to wait for the rest of a cell's outputs once the kernel has said that the cell is done."""
_OUTPUTS: Final = frozenset({"stream", "display_data", "update_display_data", "execute_result", "error"})
_EXIT_CODE: Final = {"code": "__import__('sys').last_value.code"}


class Client(NotebookClient):
    """Runs one cell after the other and hands on the outputs instead of keeping them.

    What nbclient knows of the protocol, of widgets and of tags stays nbclient's. Overridden is where outputs land, and
    how the kernel's death is noticed: at once instead of by asking each second.
    """

    def __init__(self, manager: Any, exited: asyncio.Future[int]) -> None:
        notebook = nbformat.from_dict({"metadata": {}, "cells": []})  # type: ignore[no-untyped-call]
        super().__init__(notebook, km=manager, iopub_timeout=IDLE_TIMEOUT)
        self.kc = self._channels = manager.client()
        self._exited = exited
        self._receive: Receive = _ignore
        self._content: dict[str, Any] = {}
        self._error: dict[str, Any] = {}
        self._begun = asyncio.Event()
        self._begun.set()
        self.on_cell_executed = self._keep_reply

    async def ready(self) -> dict[str, Any]:
        """Connect, wait for the kernel's first answer and return its ``language_info``."""
        self._channels.start_channels(stdin=False, hb=False)
        self._channels.allow_stdin = False
        while True:
            request = self._channels.kernel_info()
            reply = await self._reply_to(request)
            if await self._heard_on_iopub(request):
                return dict(reply["content"]["language_info"])

    async def _reply_to(self, request: str) -> dict[str, Any]:
        while True:
            message: dict[str, Any] = await self._channels.get_shell_msg(timeout=None)
            if message["parent_header"].get("msg_id") == request:
                return message

    async def _heard_on_iopub(self, request: str) -> bool:
        """Return whether the subscription to the outputs has come through, which takes a moment of its own."""
        while True:
            try:
                message = await self._channels.get_iopub_msg(timeout=0.2)
            except Empty:
                return False
            if (
                message["parent_header"].get("msg_id") == request
                and message["content"].get("execution_state") == "idle"
            ):
                return True

    async def run(self, cell: dict[str, Any], receive: Receive) -> Reply | None:
        """Execute an nbformat code cell; return ``None`` if the kernel dies."""
        node = nbformat.from_dict(cell)  # type: ignore[no-untyped-call]
        self.nb.cells = [node]
        self._receive, self._content, self._error = receive, {}, {}
        self._begun.clear()
        try:
            await self.async_execute_cell(node, 0)
        except CellExecutionError:
            pass  # the reply says it better
        except DeadKernelError:
            await self._drain()
            return None
        finally:
            self._begun.set()
        return Reply(
            raised=await self._raised(),
            leaves=any(part.get("source") == "ask_exit" for part in self._content.get("payload", ())),
            execution_count=node.execution_count,
            metadata={key: node.metadata[key] for key in ("execution",) if key in node.metadata},
        )

    async def begun(self) -> None:
        """Wait until the kernel is at the cell that it was told to execute, if there is one."""
        await self._begun.wait()

    def process_message(self, msg: dict[str, Any], cell: Any, cell_index: int) -> Any:
        """Take a message about the cell."""
        if msg["msg_type"] == "execute_input":
            self._begun.set()
        return super().process_message(msg, cell, cell_index)

    def _keep_reply(self, execute_reply: dict[str, Any], **_: Any) -> None:
        self._content = execute_reply["content"]

    async def _raised(self) -> Raised | None:
        if self._content.get("status") != "error":
            return None
        # Where showing a result failed, ipykernel's reply has no exception to name; the output has.
        said = self._error if self._error and self._content["ename"] == "NoneType" else self._content
        code = await self._exit_code() if said["ename"] == "SystemExit" else None
        return Raised(said["ename"], said["evalue"], code)

    async def _exit_code(self) -> int:
        """Return the code that Python would exit with: None is 0, and what is no number is 1."""
        request = self._channels.execute("", silent=True, user_expressions=_EXIT_CODE)
        reply = await self._reply_to(request)
        found = reply["content"].get("user_expressions", {}).get("code", {})
        try:
            code = ast.literal_eval(found["data"]["text/plain"])
        except (LookupError, ValueError, SyntaxError):
            return 1
        if code is None:
            return 0
        return code & 0xFF if isinstance(code, int) else 1

    async def _drain(self) -> None:
        """Take what the kernel said before it died."""
        while True:
            try:
                message = await self._channels.get_iopub_msg(timeout=0.05)
            except Empty:
                return
            if message["msg_type"] in _OUTPUTS:
                self._receive(message["msg_type"], message["content"])

    async def _async_poll_kernel_alive(self) -> None:
        await asyncio.wait([self._exited])
        if self.task_poll_for_reply is not None:
            self.task_poll_for_reply.cancel()

    def output(self, outs: list[Any], msg: dict[str, Any], display_id: str | None, cell_index: int) -> Any:
        """Hand an output on, unless a widget of the kernel takes it."""
        if msg["msg_type"] == "error":
            self._error = msg["content"]
        if self.output_hook_stack[msg["parent_header"].get("msg_id")]:
            return super().output(outs, msg, display_id, cell_index)
        self._receive(msg["msg_type"], msg["content"])
        return None

    def clear_output(self, outs: list[Any], msg: dict[str, Any], cell_index: int) -> None:
        """Hand a clearing on, unless a widget of the kernel takes it."""
        if self.output_hook_stack[msg["parent_header"].get("msg_id")]:
            super().clear_output(outs, msg, cell_index)
        else:
            self._receive("clear_output", msg["content"])

    def _update_display_id(self, display_id: str, msg: dict[str, Any]) -> None:
        if msg["msg_type"] == "update_display_data":
            self._receive("update_display_data", msg["content"])

    def widgets(self) -> dict[str, Any] | None:
        """Return the state of the widgets for the notebook's metadata."""
        self.set_widgets_metadata()
        state: dict[str, Any] | None = self.nb.metadata.get("widgets")
        return state

    def request_shutdown(self) -> None:
        """Ask the kernel to end.

        By the shell channel, not by control as jupyter_client does: ipykernel answers control on a thread of its own,
        and its main thread meanwhile closes the sockets under it, which now and then aborts the process.
        """
        self._channels.shell_channel.send(self._channels.session.msg("shutdown_request", {"restart": False}))

    def close(self) -> None:
        """Close the channels."""
        self._channels.stop_channels()


def _ignore(message: str, content: dict[str, Any]) -> None:
    del message, content

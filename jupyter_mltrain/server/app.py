"""The server extension. Light: what it costs a server's start is the import of a few small modules."""

from __future__ import annotations

import asyncio
import os
from contextlib import suppress
from typing import Any, Final

from jupyter_server.extension.application import ExtensionApp

from ..errors import MltrainError
from .config import Mltrain
from .managers import Managers
from .routes import handlers

_FIRST_ANSWERS: Final = 1.0  # seconds


class MltrainApp(ExtensionApp):
    """Adds the routes below ``/jupyter-mltrain/`` to a Jupyter server."""

    name = "jupyter_mltrain"
    load_other_extensions = True
    classes = [*ExtensionApp.classes, Mltrain]  # noqa: RUF012 - traitlets declares it so

    def initialize_settings(self) -> None:
        """Make what the handlers share. Nothing is opened before it is needed."""
        assert self.serverapp is not None
        config = Mltrain(parent=self)
        if config.data_folder:
            os.environ["MLTRAIN_HOME"] = config.data_folder
        self.managers = Managers(config, self.serverapp.contents_manager)
        self.settings["jupyter_mltrain"] = self.managers
        # Pages learn from it that this half is there; without it the front end asks for nothing that nobody answers.
        self.serverapp.web_app.settings.setdefault("page_config_data", {})["jupyterMltrain"] = "true"

    def initialize_handlers(self) -> None:
        """Register the routes."""
        self.handlers.extend(handlers())

    async def _start_jupyter_server_extension(self, serverapp: Any) -> None:
        """Look after jobs whose supervisors ended with the machine, when the server has begun to serve."""
        self._stopping = asyncio.Event()
        self._recovery = asyncio.create_task(self._recover(), name="mltrain recovery")

    async def _recover(self) -> None:
        with suppress(TimeoutError):  # its imports would delay the server's first answers
            async with asyncio.timeout(_FIRST_ANSWERS):
                await self._stopping.wait()
            return
        try:
            await self.managers.services.recover()
        except MltrainError as error:
            self.log.warning("Jobs were not looked after at the start: %s %s", error.message, error.hint)
        except Exception:
            self.log.exception("Jobs were not looked after at the start")

    async def stop_extension(self) -> None:
        """Let go of the backends. Jobs go on."""
        recovery = getattr(self, "_recovery", None)
        if recovery is not None:
            self._stopping.set()
            await asyncio.gather(recovery, return_exceptions=True)
        await self.managers.close()

"""One service for each backend that may be used here."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..errors import Forbidden, MltrainError, NotFound

if TYPE_CHECKING:
    from ..backends.base import Backend
    from ..model.job import JobRef
    from ..service import Service
    from .config import Mltrain

_LOCAL = "local"


class Services:
    """Opens a service when it is first used, and closes all of them in the end."""

    def __init__(self, config: Mltrain) -> None:
        self._config = config
        self._open: dict[str, Service] = {}
        self._locks: defaultdict[str, asyncio.Lock] = defaultdict(asyncio.Lock)

    def names(self) -> list[str]:
        """Return the backends that may be used, the default one first."""
        from ..backends import registry

        installed = registry.names()
        if not self._config.backends:
            return sorted(installed, key=lambda name: (name != _LOCAL, name))
        return [name for name in self._config.backends if name in installed]

    async def get(self, name: str = "") -> Service:
        """Return the service of a backend, by default of the first one.

        Raises
        ------
        Forbidden
            The backend may not be used here.
        InvalidInput, NotInstalled, StorageError
            There is no such backend, or it cannot be used.
        """
        allowed = self.names()
        name = name or next(iter(allowed), _LOCAL)
        if self._config.backends and name not in allowed:
            hint = f"Use {', '.join(allowed)}." if allowed else "None of those that may be used is installed."
            raise Forbidden(f"The backend {name!r} may not be used on this server", hint=hint)
        async with self._locks[name]:
            if name not in self._open:
                self._open[name] = await self._make(name)
            return self._open[name]

    async def usable(self) -> list[Service]:
        """Return all services that can be opened. Raises what is wrong if there is none."""
        found, error = [], None
        for name in self.names():
            try:
                found.append(await self.get(name))
            except MltrainError as reason:
                error = reason
        if not found and error is not None:
            raise error
        return found

    async def _make(self, name: str) -> Service:
        def make() -> Backend:
            from ..backends.registry import backend_class

            options = self._local_options() if name == _LOCAL else {}
            return backend_class(name)(**options)

        backend = await asyncio.to_thread(make)
        from ..service import Service

        return await Service.open(backend)

    def _local_options(self) -> dict[str, Any]:
        folder = self._config.data_folder
        return {"home": Path(folder).expanduser() if folder else None, "slots": self._config.slots}

    async def find(self, job_id: str) -> tuple[Service, JobRef]:
        """Return a job, by its whole id, and the service that has it. Raises ``NotFound``."""
        trouble: MltrainError | None = None
        for name in self.names():
            try:
                service = await self.get(name)
            except MltrainError as error:
                trouble = trouble or error
                continue
            for ref in await service.backend.find(job_id):
                if ref.id == job_id:
                    return service, ref
        hint = "It was deleted, or never was here."
        raise trouble or NotFound(f"There is no job {job_id!r}", hint=hint, job=job_id)

    async def recover(self) -> None:
        """Look after jobs that a crash left behind. Where nothing ever ran there is nothing to open."""
        from ..backends.local.backend import default_home

        home = self._local_options()["home"] or default_home()
        for name in self.names():
            if name != _LOCAL or await asyncio.to_thread(home.exists):
                await self.get(name)

    async def close(self) -> None:
        """Close what was opened."""
        while self._open:
            _, service = self._open.popitem()
            await service.close()

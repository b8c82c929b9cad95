"""Where jobs can run, and what is free there."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Final

from ...errors import MltrainError
from .. import wire

if TYPE_CHECKING:
    from . import Managers

_TITLES: Final = {"local": "This machine", "kubernetes": "Kubernetes"}


class PlacesManager:
    """What the backends say of themselves."""

    def __init__(self, managers: Managers) -> None:
        self._services = managers.services

    async def backends(self) -> wire.Backends:
        """Return the places that may be used, the default one first; also those that do not work, and why."""
        return wire.Backends(backends=tuple([await self._backend(name) for name in self._services.names()]))

    async def _backend(self, name: str) -> wire.BackendInfo:
        title = _TITLES.get(name, name)
        try:
            can = await (await self._services.get(name)).capabilities()
        except MltrainError as error:
            return wire.BackendInfo(
                name=name, title=title, available=False, why=f"{error.message} {error.hint}".strip()
            )
        return wire.BackendInfo(name=name, title=title, available=True, **asdict(can))

    async def devices(self, backend: str) -> wire.Inventory:
        """Return what a place has, and what is free."""
        found = asdict(await (await self._services.get(backend)).devices())
        return wire.Inventory.model_validate({name: found[name] for name in wire.Inventory.model_fields})

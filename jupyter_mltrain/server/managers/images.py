"""Images: plans, and builds that run in this process, a few at a time."""

from __future__ import annotations

import asyncio
import hashlib
import logging
import uuid
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack, suppress
from functools import partial
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Final
from weakref import WeakValueDictionary

from ...errors import InvalidInput, MltrainError
from ...image.oci import Platform
from ...image.reference import Reference
from ...service import Request
from ...service.images import BuiltImage, ImageRequest
from .. import wire
from ..errors import foreseen, incident
from ..paths import require_file
from ..stream.builds import Build, Builds
from ..views import image_plan_view

if TYPE_CHECKING:
    from . import Managers

_log = logging.getLogger(__name__)

_ENVIRONMENTS: Final = ("pylock.toml", "requirements.txt", "pyproject.toml", "environment.yml", "environment.yaml")
_STOPPING: Final = 10.0  # seconds that builds have to stop when the server does


class ImagesManager:
    """What can be done about images.

    Attributes
    ----------
    builds:
        Those that run or wait, and the last ones.
    plans:
        Turns for what asks resolvers and registries.
    """

    def __init__(self, managers: Managers) -> None:
        self.builds = Builds()
        self._managers = managers
        self.plans = asyncio.Semaphore(managers.config.max_plans)
        self._turns = asyncio.Semaphore(managers.config.max_builds)
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._tokens: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()

    # Looking

    async def settings(self, notebook: str) -> wire.ImageSettings:
        """Return what is set, and the files beside a notebook that tell packages; ``""``: beside none."""
        found = await (await self._managers.services.get()).image_settings()
        beside = await self._environments(notebook) if notebook else ()
        return wire.ImageSettings(
            repository=found.repository, bases=dict(found.bases), platforms=found.platforms, environments=beside
        )

    async def _environments(self, notebook: str) -> tuple[str, ...]:
        contents = self._managers.contents
        await require_file(contents, notebook, what="notebook", field="notebook")
        found = []
        for name in _ENVIRONMENTS:
            with suppress(MltrainError):
                await require_file(contents, str(PurePosixPath(notebook).parent / name), field="environment")
                found.append(name)
        return tuple(found)

    async def plan(self, wanted: wire.ImagePlanRequest) -> wire.ImagePlan:
        """Return what a build would do."""
        plans = self._managers.plans
        async with plans.request(wanted.submission, beside(wanted.image)) as (service, request):
            options = options_of(wanted.image, request)
            await plans.check(service, request)
            async with self.plans:  # plans of jobs do not wait for resolvers and registries
                plan = await service.plan_image(request, options)
        return await asyncio.to_thread(image_plan_view, plan)

    def list(self) -> wire.ImageBuilds:
        """Return all builds, newest first."""
        return wire.ImageBuilds(builds=tuple(build.view for build in self.builds.all()))

    def show(self, build_id: str) -> wire.ImageBuild:
        """Return a build. Raises ``NotFound``."""
        return self.builds.get(build_id).view

    # Building

    async def start(self, wanted: wire.ImageRequest) -> wire.ImageBuild:
        """Begin a build, or return the one that the token has begun before.

        Raises
        ------
        MltrainError
            The notebook cannot be had, or something in the request is wrong. What else goes wrong, the build tells.
        """
        build_id = _build_id(wanted.token)
        async with self._tokens.setdefault(build_id, asyncio.Lock()):
            build = self.builds.find(build_id) or await self._start(build_id, wanted)
        return build.view

    async def _start(self, build_id: str, wanted: wire.ImageRequest) -> Build:
        async with AsyncExitStack() as stack:
            opened = self._managers.plans.request(wanted.submission, beside(wanted.image))
            service, request = await stack.enter_async_context(opened)
            options = options_of(wanted.image, request)
            await self._managers.plans.check(service, request)
            build = self.builds.add(build_id, wanted.submission.notebook, wanted.image.repository)
            make = partial(service.build_image, request, options, force=wanted.force)
            running = self._run(build, make, stack.pop_all())
            self._tasks[build_id] = asyncio.create_task(running, name=f"mltrain image {build_id}")
        return build

    async def _run(self, build: Build, make: Callable[..., Awaitable[BuiltImage]], files: AsyncExitStack) -> None:
        try:
            async with files, self._turns:
                build.begin()
                image = await make(report=build.report, on_plan=build.expect)
            build.succeed(image)
        except asyncio.CancelledError:
            build.stop()
        except Exception as error:  # noqa: BLE001 - it becomes the build's end, and the log has it
            if build.cancelled:
                build.stop()
            else:
                build.fail(_explained(error))
        finally:
            del self._tasks[build.id]

    def delete(self, build_id: str) -> None:
        """Cancel a build; forget one that has ended. Raises ``NotFound``."""
        build = self.builds.get(build_id)
        if build.ended:
            self.builds.forget(build)
        else:
            self._cancel(build)

    def _cancel(self, build: Build) -> None:
        build.cancel()
        if build.waits:
            self._tasks[build.id].cancel()

    async def close(self) -> None:
        """Cancel all builds, and wait until they have stopped."""
        for build in self.builds.all():
            if not build.ended:
                self._cancel(build)
        if self._tasks:
            _, left = await asyncio.wait(self._tasks.values(), timeout=_STOPPING)
            if left:
                _log.warning("%d builds of images have not stopped within %d s", len(left), _STOPPING)


def _build_id(token: str | None) -> str:
    """Return the id of the build that a token stands for; without one, a fresh one."""
    text = f"jupyter-mltrain image {token or uuid.uuid4()}"
    return hashlib.sha256(text.encode()).hexdigest()[:12]


def beside(image: wire.ImageOptions) -> tuple[str, ...]:
    """Return the names of the files beside the notebook that an image is made with."""
    return (image.environment,) if image.environment else ()


def options_of(image: wire.ImageOptions, request: Request) -> ImageRequest:
    """Return the options as the service takes them. Raises ``InvalidInput``, with the field."""
    for platform in image.platforms:
        _parsed(Platform.parse, platform, "platforms")
    repository = image.repository.strip()
    if repository:
        _parsed(Reference.parse, repository, "repository")
    return ImageRequest(
        repository=repository,
        platforms=image.platforms,
        base=image.base.strip(),
        environment=request.notebook.parent / image.environment if image.environment else None,
        refresh=image.refresh,
    )


def _parsed(parse: Callable[[str], object], text: str, field: str) -> None:
    try:
        parse(text)
    except InvalidInput as error:
        error.details["field"] = field
        raise


def _explained(error: Exception) -> MltrainError:
    """Return what a user is told; what nobody foresaw goes to the log under the id that the user sees."""
    found = foreseen(error)
    if isinstance(found, MltrainError):
        return found
    number = incident(error)
    _log.error("Error %s in a build of an image", number, exc_info=error)
    hint = "Try again. The server's log has what happened, under the id in the details."
    return MltrainError("Something went wrong that nobody foresaw", hint=hint, id=number)

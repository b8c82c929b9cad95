"""From a request to an image: freeze the notebook, choose base and environment, plan, build."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

from ..image import settings
from ..image.build import Builder
from ..image.cache import Cache
from ..image.oci import Platform
from ..image.progress import Report, ignore
from .image_order import ask, check_builder, check_target, own_platform, refuse
from .image_plan import planned
from .images import BuiltImage, ImagePlan, ImageRequest
from .request import Export, Request

OnPlan = Callable[[ImagePlan], None]


def plan_image(request: Request, wanted: ImageRequest) -> ImagePlan:
    """Say what a build would do. Nothing is made but what looking leaves in the cache.

    Raises
    ------
    MltrainError
        What `Builder` raises, and what freezing a notebook does.
    """
    asked, settled = ask(request, wanted)
    check_builder(settled.builder, asked.order.system)
    with Builder(Cache(), settled) as builder:
        return planned(builder, asked)


def build_image(
    request: Request,
    wanted: ImageRequest,
    *,
    report: Report = ignore,
    force: bool = False,
    on_plan: OnPlan | None = None,
) -> BuiltImage:
    """Make an image and bring it where it is wanted: a repository, a folder, a file; with none of them, the cache.

    Parameters
    ----------
    on_plan:
        Gets the plan before anything is made.

    Raises
    ------
    InvalidInput
        A finding is an error, and ``force`` is not set.
    MltrainError
        What `Builder` raises, and what freezing a notebook does.
    """
    asked, settled = ask(request, wanted)
    check_builder(settled.builder, asked.order.system)
    check_target(asked.sbom, "sbom")
    cache = Cache()
    with Builder(cache, settled, report) as builder:
        refuse(asked.order.payload.name, asked.findings, force)
        if on_plan is not None:
            on_plan(planned(builder, asked))
        grounds = [builder.ground(asked.order, each, push=asked.push) for each in asked.order.platforms]
        done = builder.build(asked.order, grounds, push=asked.push, output=asked.output)
        if asked.sbom is not None:
            from .copies import put

            for path, ground in zip(_each(asked.sbom, asked.order.platforms), grounds, strict=True):
                put(path, builder.bill(asked.order, ground))
    cache.prune(settled.cache_size << 30)
    return BuiltImage(
        digest=done.digest,
        reference="" if asked.push is None else str(replace(asked.push, tag="").at(done.digest)),
        path=asked.output,
        platforms=dict(done.digests),
        pushed=done.traffic.pushed,
        mounted=done.traffic.mounted,
        present=done.traffic.present,
        fetched=done.traffic.fetched,
        seconds=done.seconds,
    )


def _each(path: Path, platforms: Sequence[Platform]) -> list[Path]:
    """Return a file for each platform: that one, or for several ones ``sbom.linux-arm64.json`` beside it."""
    if len(platforms) == 1:
        return [path]
    return [path.with_name(f"{path.stem}.{str(each).replace('/', '-')}{path.suffix}") for each in platforms]


def export_dockerfile(request: Request, wanted: ImageRequest, folder: Path | None, *, force: bool = False) -> Export:
    """Write the Dockerfile of a notebook's image, with the folder that it is built in; None: return its text only.

    The text alone has nothing of the notebook's cells in it: findings do not stop it.

    Raises
    ------
    InvalidInput
        The folder is to be written, a finding is an error, and ``force`` is not set.
    MltrainError
        What `Builder` raises, and what freezing a notebook does.
    """
    asked, settled = ask(request, wanted)
    if folder is not None:
        refuse(asked.order.payload.name, asked.findings, force, what="Dockerfile", done="written")
    with Builder(Cache(), settled) as builder:
        made = builder.dockerfile(asked.order, asked.order.platforms[0])
    if folder is not None:
        made.write(folder)
    return Export(made.text, asked.findings, folder)


def current_settings() -> settings.Settings:
    """Return what is set; without platforms, this machine's."""
    found = settings.load()
    return found if found.platforms else replace(found, platforms=(own_platform(),))


def default_repository(name: str) -> str:
    """Return the repository of a notebook's image by the settings, ``""`` where none is set."""
    prefix = settings.load().repository
    return f"{prefix}/{repository_name(name)}" if prefix else ""


def repository_name(name: str) -> str:
    """Return a notebook's name as a repository may be called."""
    from ..image.build import component

    return component(name)

"""How far a build has come: by bytes that travel, and never back."""

import asyncio
from typing import Any

from jupyter_mltrain.image.progress import Progress
from jupyter_mltrain.server.stream.builds import Build, Builds
from jupyter_mltrain.service.images import ImagePlan, LayerPlan, PlatformPlan


def plan(*layers: LayerPlan, fetch: int | None, repository: str = "r/train") -> ImagePlan:
    platform = PlatformPlan("linux/amd64", "base", "sha256:1", "3.11.9", "sha256:2", (), layers, fetch, None)
    return ImagePlan("train", "sha256:3", repository, (platform,))


async def fraction(builds: Builds, build: Build, *steps: Progress) -> float | None:
    """Return how far a build has come after these reports."""
    seen, last = builds.pulse.count, steps[-1]
    await asyncio.to_thread(lambda: [build.report(step) for step in steps])
    while (last.name, last.done) not in [(step.name, step.done) for step in build.view.steps]:
        seen = await builds.pulse.after(seen)
    return build.view.fraction


def running() -> tuple[Builds, Build]:
    builds = Builds()
    build = builds.add("a", "train.ipynb", "r/train")
    build.begin()
    return builds, build


async def test_what_the_plan_says_counts_from_the_beginning(jp_asyncio_loop: Any) -> None:
    builds, build = running()
    base = LayerPlan("base", "python", "present", "sha256:4", 1_000_000)
    build.expect(plan(base, LayerPlan("wheel", "large 1.0", "new"), fetch=400))
    assert await fraction(builds, build, Progress("fetch", "small", 80, 80, "done")) == 0.1
    assert await fraction(builds, build, Progress("fetch", "large", 240, 320)) == 0.4
    assert await fraction(builds, build, Progress("push", "large 1.0", 280, 400)) == 0.75


async def test_what_is_there_is_no_work(jp_asyncio_loop: Any) -> None:
    builds, build = running()
    assert await fraction(builds, build, Progress("push", "base", 90, 90, "present")) is None
    assert await fraction(builds, build, Progress("push", "large", 5, 10)) == 0.5


async def test_it_never_goes_back_and_ends_with_the_end(jp_asyncio_loop: Any) -> None:
    builds, build = running()
    assert await fraction(builds, build, Progress("fetch", "a", 10, 10, "done")) == 0.99
    assert await fraction(builds, build, Progress("fetch", "b", 1, 90)) == 0.99

"""Images by the service: what callers are told while one is made, and what happens when they have enough."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pytest

from jupyter_mltrain.errors import InvalidInput
from jupyter_mltrain.image.progress import Progress
from jupyter_mltrain.service import imaging
from jupyter_mltrain.service.images import ImagePlan, ImageRequest
from jupyter_mltrain.service.request import Request
from tests.image.building import Workshop, workshop

__all__ = ["workshop"]


class Enough(Exception):
    """The caller cancels."""


@pytest.fixture(autouse=True)
def variables(workshop: Workshop) -> Iterator[None]:
    with patch.dict(os.environ, workshop.mltrain.env, clear=True):
        yield


def asked(workshop: Workshop, notebook: Path, **wanted: Any) -> tuple[Request, ImageRequest]:
    wanted = {"environment": workshop.folder / "requirements.txt", "repository": workshop.target(), **wanted}
    return Request(notebook=notebook), ImageRequest(**wanted)


def test_a_caller_is_told_of_every_piece(workshop: Workshop) -> None:
    told: list[Progress | ImagePlan] = []
    built = imaging.build_image(*asked(workshop, workshop.notebook()), report=told.append, on_plan=told.append)
    plan = next(number for number, each in enumerate(told) if isinstance(each, ImagePlan))
    before = [each for each in told[:plan] if isinstance(each, Progress)]
    after = [each for each in told[plan + 1 :] if isinstance(each, Progress)]
    assert {each.step for each in before} == {"base", "lock"}
    ends = {(each.step, each.name): each.state for each in after if each.state != "running"}
    assert ends["fetch", "beta-1.5-py3-none-any.whl"] == "done"
    assert ends["layer", "beta 1.5"] == "done"
    assert {state for (step, _), state in ends.items() if step == "push"} == {"done", "mounted"}
    assert all(0 <= each.done <= each.total or not each.total for each in after)
    pushed = sum(each.total for each in after if (each.step, each.state) == ("push", "done"))
    config = workshop.manifest(built.digest)["config"]["size"]
    assert pushed == built.pushed - config
    assert sum(each.total for each in after if (each.step, each.state) == ("fetch", "done")) == built.fetched


@pytest.mark.slow
def test_a_caller_may_have_enough_at_any_moment(workshop: Workshop) -> None:
    """What is raised by the n-th report, for every n, comes out; the build after that is as if nothing had been."""
    workshop.settings(cache_tags=False)
    notebook = workshop.notebook()
    expected = workshop.build(notebook, env=workshop.fresh())["digest"]
    for number in range(200):
        left = [number]

        def report(progress: Progress, left: list[int] = left) -> None:
            left[0] -= 1
            if left[0] < 0:
                raise Enough

        request = asked(workshop, notebook, repository=workshop.target(f"me/train{number}:latest"))
        with patch.dict(os.environ, {"MLTRAIN_HOME": str(workshop.folder / f"home {number % 7}")}):
            try:
                digest = imaging.build_image(*request, report=report).digest
            except Enough:
                digest = ""
            drafts = list((workshop.folder / f"home {number % 7}").glob("cache/images/*/*-*"))
            assert [path for path in drafts if path.parent.name in {"drafts", "locks"}] == []
        if digest:
            assert digest == expected
            break
    else:
        pytest.fail("no build came to its end")
    assert number > 10


def test_a_plan_that_is_refused_makes_nothing(workshop: Workshop) -> None:
    plans: list[ImagePlan] = []
    notebook = workshop.notebook('key = "AKIAIOSFODNN7ABCDEFG"')
    assert imaging.plan_image(*asked(workshop, notebook)).refused
    with pytest.raises(InvalidInput, match="looks like it holds a secret"):
        imaging.build_image(*asked(workshop, notebook), on_plan=plans.append)
    assert plans == []
    assert imaging.build_image(*asked(workshop, notebook), on_plan=plans.append, force=True).pushed
    assert plans[0].refused


def test_a_caller_may_refuse_the_plan(workshop: Workshop) -> None:
    def refuse(plan: ImagePlan) -> None:
        raise Enough

    with pytest.raises(Enough):
        imaging.build_image(*asked(workshop, workshop.notebook()), on_plan=refuse)
    assert workshop.fetched() == []
    assert not (workshop.registry.storage / "docker/registry/v2/repositories/me").exists()


def test_the_cache_is_pruned_after_a_build(workshop: Workshop) -> None:
    """What is older than an hour goes where the settings allow less than there is."""
    blobs = workshop.cache / "blobs" / "sha256" / "00"
    blobs.mkdir(parents=True)
    old = blobs / f"{'0' * 64}.{2 << 30}"
    with old.open("wb") as file:
        file.truncate(2 << 30)
    os.utime(old, (1, 1))
    workshop.settings(cache_size=1)
    assert imaging.build_image(*asked(workshop, workshop.notebook())).pushed
    assert not old.exists()


def test_repositories_of_notebooks(workshop: Workshop) -> None:
    assert imaging.default_repository("A b") == ""
    workshop.settings(repository="registry.example.com/team/")
    assert imaging.default_repository("A b") == "registry.example.com/team/a-b"
    names = {"a__b": "a-b", "-x-": "x", "模型": "notebook", "": "notebook", "v1.2": "v1-2", "Größe": "groe"}
    assert {name: imaging.repository_name(name) for name in names} == names

"""Answers about images, for tests of what is made of them on the page."""

from __future__ import annotations

from typing import Any

from playwright.sync_api import Page

DIGEST = "sha256:" + "12" * 32
SMALL = [f"package-{number} 1.{number}" for number in range(54)]


def layer(kind: str, title: str, state: str, size: int | None, *contents: str) -> dict[str, Any]:
    return {"kind": kind, "title": title, "state": state, "digest": "", "size": size, "contents": contents}


def platform_plan(platform: str = "linux/amd64") -> dict[str, Any]:
    """Return a plan with a layer in each state."""
    return {
        "platform": platform,
        "base": "docker.io/library/python:3.11-slim",
        "baseDigest": DIGEST,
        "python": "3.11.9",
        "lock": DIGEST,
        "packages": ["tensorflow 2.21.0", "keras 3.15.0", *SMALL],
        "layers": [
            layer("base", "python:3.11-slim", "present", 48_300_000),
            layer("wheel", "tensorflow 2.21.0", "cached", 241_000_000, "tensorflow 2.21.0"),
            layer("wheel", "keras 3.15.0", "known", 1_600_000, "keras 3.15.0"),
            layer("wheels", "54 packages", "new", None, *SMALL),
            layer("environment", "environment", "new", None),
            layer("program", "train", "known", 1_402),
        ],
        "fetch": 120_000_000,
        "push": 14_336,
    }


def image_plan(**changes: Any) -> dict[str, Any]:
    plan = {
        "name": "train",
        "program": DIGEST,
        "repository": "registry.example.com/team/train",
        "platforms": [platform_plan()],
        "findings": [],
        "notes": [],
        "refused": False,
    }
    return plan | changes


SETTINGS = {
    "repository": "registry.example.com/team",
    "bases": {"default": "docker.io/library/python:{python}-slim"},
    "platforms": ["linux/amd64"],
    "environments": ["requirements.txt"],
}


def answer(page: Page, plan: dict[str, Any] | None = None) -> None:
    """Let the page find this plan, and settings."""
    page.route("**/jupyter-mltrain/images/settings*", lambda route: route.fulfill(json=SETTINGS))
    page.route("**/jupyter-mltrain/images/plan*", lambda route: route.fulfill(json=plan or image_plan()))


def build(notebook: str, **changes: Any) -> dict[str, Any]:
    """Return a build that runs, with steps in each state."""
    running = {"step": "push", "name": "tensorflow 2.21.0", "done": 120_000_000, "total": 241_000_000}
    steps = [
        {"step": "push", "name": "base 121212121212", "done": 48_300_000, "total": 48_300_000, "state": "mounted"},
        {"step": "push", "name": "keras 3.15.0", "done": 1_600_000, "total": 1_600_000, "state": "done"},
        running | {"state": "running"},
        {"step": "layer", "name": "54 packages", "done": 0, "total": 0, "state": "running"},
    ]
    found = {
        "id": "b1",
        "notebook": notebook,
        "repository": "registry.example.com/team/train",
        "program": "",
        "state": "running",
        "cancelling": False,
        "position": None,
        "createdAt": "2030-01-01T12:00:00Z",
        "startedAt": "2030-01-01T12:00:00Z",
        "finishedAt": "",
        "steps": [step | {"detail": ""} for step in steps],
        "fraction": 0.42,
        "image": None,
        "error": None,
    }
    return found | changes

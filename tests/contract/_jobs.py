"""Replay of recorded batch/v1 Jobs: the same actions against ``operator.job``, compared step by step and whole.

The recording tells what was done and what was seen once nothing moved any more, but not when. Two things are therefore
open, and nothing else:

- **Pace.** How long the recorder watched after an action before it called the state settled. One pace must explain a
  whole scenario: it decides whether a deadline or a back-off fell due within a step.
- **Lag.** The job controller gathers pod events for a second before it looks, and a look writes one thing after the
  other: pods, status, and last the end. A step may have been recorded before or amid the last looks. What follows must
  fit all the same, and a look that was due may have come before the next action or after it.
- **Names.** Pods of an Indexed job that are made in one look are made at the same time: any of them may be the first.

A world is one way that the scenario may have gone so far; those that do not fit what was recorded are dropped.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from copy import deepcopy
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from jupyter_mltrain.operator.job import reconcile
from jupyter_mltrain.operator.job_tracking import published
from jupyter_mltrain.operator.types import CreatePod, DeleteJob, DeletePod, Pod

PACES = (2.0, 2.5, 2.75, 3.0, 3.25, 3.5, 3.75)
"""Seconds from an action to the recorder's look."""
BATCH = timedelta(seconds=1)
"""The controller looks this long after a pod event (``SyncJobBatchPeriod``)."""
_START = datetime(2026, 1, 1, tzinfo=UTC)
_LONG_AGO = datetime(2020, 1, 1, tzinfo=UTC)
"""When containers ended, says the recorder's node: so only deletions make a new pod wait."""


@dataclass
class World:
    pace: timedelta
    manifest: dict[str, Any]
    now: datetime = _START
    status: dict[str, Any] = field(default_factory=dict)
    pods: dict[str, Pod] = field(default_factory=dict)
    aliases: dict[str, str] = field(default_factory=dict)
    """Our name of each pod to the recorder's: pod0, pod1 ... in order of creation."""
    env: dict[str, list[str]] = field(default_factory=dict)
    events: set[tuple[str, str, str]] = field(default_factory=set)
    exists: bool = True
    shown: dict[str, Any] | None = None
    """The status as it is seen amid a look; ``None``: as it is."""
    next_look: datetime | None = _START

    def copy(self) -> World:
        return replace(
            self,
            manifest=deepcopy(self.manifest),
            pods=dict(self.pods),
            aliases=dict(self.aliases),
            env=dict(self.env),
            events=set(self.events),
        )

    # -- the node and the user --

    def act(self, action: list[Any]) -> None:
        self.shown = None
        match action:
            case ["suspend" | "resume" as verb]:
                self._suspend(verb == "suspend")
            case ["run", pod]:
                self._change(pod, phase="Running", scheduled=True, ready=True)
            case ["restart", pod, count]:
                self._change(pod, restart_count=count)
            case ["ok", pod]:
                self._change(pod, phase="Succeeded", exit_code=0, ready=False, finished_at=_LONG_AGO)
            case ["fail", pod, code]:
                self._change(pod, phase="Failed", exit_code=code, ready=False, finished_at=_LONG_AGO)
            case ["delete", pod]:
                self._change(pod, deleting=True)
            case ["gone"]:
                self._finish_deletions()
            case ["create"] | ["wait", _]:
                pass
            case _:
                raise ValueError(f"unknown action {action}")

    def _suspend(self, suspend: bool) -> None:
        if self.exists and self.manifest["spec"].get("suspend", False) != suspend:
            self.manifest["spec"]["suspend"] = suspend
            self.next_look = self.now

    def _change(self, alias: str, **changes: Any) -> None:
        name = next((ours for ours, theirs in self.aliases.items() if theirs == alias), "")
        if name in self.pods:
            self.pods[name] = replace(self.pods[name], **changes)
            self._sweep()
            self._look_soon()

    def _finish_deletions(self) -> None:
        for name, pod in self.pods.items():
            if pod.deleting and not pod.finished:
                self.pods[name] = replace(pod, phase="Failed", exit_code=143, ready=False, finished_at=self.now)
        self._sweep()
        self._look_soon()

    def _sweep(self) -> None:
        """A pod that was asked to go goes once it has ended or if it was never bound, and when it has been counted."""
        released = self.status.get("jupyter-mltrain/tracking", {}).get("released", [])
        for name, pod in list(self.pods.items()):
            if pod.deleting and (pod.finished or not pod.scheduled) and name in released:
                del self.pods[name]

    def _look_soon(self) -> None:
        soon = self.now + BATCH
        self.next_look = soon if self.next_look is None else min(self.next_look, soon)

    # -- the controller --

    def advance(self, until: datetime) -> Iterator[World]:
        """Let time pass; yield the world as it was amid and after each look of the controller."""
        self.shown = None
        while self.exists and self.next_look is not None and self.next_look <= until:
            self.now = max(self.now, self.next_look)
            before = self.status
            self._look()
            yield self._showing(before)
            yield self._showing(_uncounted(before, self.status))
            self._sweep()
            yield self._showing(_uncounted(before, self.status))
            yield self._showing(_without_end(self.status))
            yield self.copy()
        self.now = until

    def _showing(self, status: dict[str, Any]) -> World:
        world = self.copy()
        world.shown = status
        return world

    def _look(self) -> None:
        decision = reconcile(self.manifest, list(self.pods.values()), self.now, self.status)
        changed = bool(decision.actions) or decision.status != self.status
        self.status = decision.status
        for action in decision.actions:
            self._carry_out(action)
        for event in decision.events:
            self.events.add((event.type, event.reason, self._say(event.message)))
        due = decision.requeue_after
        self.next_look = None if due is None else self.now + timedelta(seconds=due)
        if changed:
            self._look_soon()

    def _carry_out(self, action: Any) -> None:
        match action:
            case CreatePod(name, _, index, manifest):
                self.aliases[name] = f"pod{len(self.aliases)}"
                self.env[name] = [variable["name"] for variable in manifest["spec"]["containers"][0].get("env", [])]
                self.pods[name] = Pod(name, "", index, created_at=self.now)
            case DeletePod(name):
                self.pods[name] = replace(self.pods[name], deleting=True)
            case DeleteJob():
                self.exists, self.pods, self.status = False, {}, {}
            case _:
                raise ValueError(f"unexpected {action}")

    # -- the recorder --

    def _say(self, message: str) -> str:
        return re.sub(r"[-a-z0-9]+", lambda word: self.aliases.get(word[0], word[0]), message)

    def seen(self) -> dict[str, Any]:
        held = published(self.status if self.shown is None else self.shown)
        status = {key: value for key, value in held.items() if not key.endswith("Time")}
        if "conditions" in status:
            status["conditions"] = [self._condition_seen(condition) for condition in status["conditions"]]
        status["startTime"] = "startTime" in held
        status["completionTime"] = "completionTime" in held
        return {
            "exists": self.exists,
            "status": status,
            "pods": {self.aliases[name]: self._pod_seen(pod) for name, pod in self.pods.items()},
        }

    def _condition_seen(self, condition: dict[str, str]) -> dict[str, str]:
        seen = {key: value for key, value in condition.items() if not key.endswith("Time")}
        return {**seen, "message": self._say(seen["message"])}

    def _pod_seen(self, pod: Pod) -> dict[str, Any]:
        return {
            "phase": pod.phase,
            "deleting": pod.deleting,
            "index": None if pod.index < 0 else str(pod.index),
            "env": self.env[pod.name],
        }


def replay(name: str, record: dict[str, Any]) -> list[str]:
    """Return what differs; empty if one way of the rules gives the recording, or its other outcome (``also``)."""
    traces = [record["trace"], *([record["also"]] if "also" in record else [])]
    outcomes = [_replay(name, record["manifest"], trace, record["events"]) for trace in traces]
    return min(outcomes, key=len)


def _replay(name: str, manifest: dict[str, Any], trace: list[dict[str, Any]], events: list[list[str]]) -> list[str]:
    worlds = [World(timedelta(seconds=pace), deepcopy(manifest)) for pace in PACES]
    for number, step in enumerate(trace):
        following = [after for world in worlds for after in _step(world, step["action"])]
        fitting = [world for world in following if _fits(world, step)]
        if not fitting:
            return [f"{name} step {number} {step['action']}: {line}" for line in _explain(following[0], step)]
        worlds = list({repr(replace(world, shown=None)): world for world in fitting}.values())
    recorded = {(kind, reason, message) for kind, reason, message in events}
    if any(world.events == recorded for world in worlds):
        return []
    ours = worlds[0].events
    return [f"{name} events: missing {sorted(recorded - ours)}, not recorded {sorted(ours - recorded)}"]


def _step(world: World, action: list[Any]) -> Iterator[World]:
    """Yield what the recorder may have seen after an action, what it ought to have seen first."""
    yield from _acted(world, action)
    if world.next_look is not None and world.next_look <= world.now and action != ["create"]:
        *_, looked = world.copy().advance(world.now)
        looked.shown = None
        yield from _acted(looked, action)


def _acted(world: World, action: list[Any]) -> Iterator[World]:
    start = world.copy()
    start.act(action)
    wait = timedelta(seconds=action[1] if action[0] == "wait" else 0)
    states = [start.copy(), *start.advance(start.now + wait + world.pace)]
    if len(states) > 1:
        states.pop()
    yield start
    for late in reversed(states):
        late.now = start.now
        yield late


def _fits(world: World, step: dict[str, Any]) -> bool:
    recorded = {"exists": step["exists"], "status": _without_uids(step["status"]), "pods": step["pods"]}
    if world.seen() == recorded:
        return True
    _rename(world, step["pods"])
    return bool(world.seen() == recorded)


def _rename(world: World, recorded: dict[str, Any]) -> None:
    """Give pods that were made at the same time the names that fit the recorded indexes."""
    for made in {pod.created_at for pod in world.pods.values()}:
        twins = [name for name, pod in world.pods.items() if pod.created_at == made]
        free = [world.aliases[name] for name in twins if world.aliases[name] in recorded]
        for name in twins:
            index = str(world.pods[name].index)
            fitting = [alias for alias in free if recorded[alias]["index"] == index]
            if len(free) == len(twins) and fitting:
                world.aliases[name] = fitting[0]
                free.remove(fitting[0])
                twins = twins[1:]


def _without_uids(status: dict[str, Any]) -> dict[str, Any]:
    uncounted = {key: len(uids) for key, uids in status.get("uncountedTerminatedPods", {}).items()}
    return {**status, "uncountedTerminatedPods": uncounted} if uncounted else status


def _uncounted(before: dict[str, Any], after: dict[str, Any]) -> dict[str, Any]:
    """The status as a look writes it first: ended pods are noted, but not counted; succeeded indexes are both."""
    first = _without_end(after)
    counts = ("failed",) if "completedIndexes" in after else ("succeeded", "failed")
    new = {name: after.get(name, 0) - before.get(name, 0) for name in counts if after.get(name) != before.get(name)}
    if after and new:
        first["uncountedTerminatedPods"] = new
        first |= {name: before.get(name) for name in new}
    return {key: value for key, value in first.items() if value is not None}


def _without_end(status: dict[str, Any]) -> dict[str, Any]:
    """The status as a look writes it second: all is counted, but the job has not ended yet."""
    first = {key: value for key, value in status.items() if key != "completionTime"}
    if "conditions" in first:
        first["conditions"] = [c for c in first["conditions"] if c["type"] not in ("Complete", "Failed")]
    return first


def _explain(world: World, step: dict[str, Any]) -> Iterator[str]:
    seen = world.seen()
    for key in ("exists", "status", "pods"):
        if seen[key] != step[key]:
            yield f"{key} is {seen[key]}, recorded {step[key]}"

"""Replay a recorded TFJob or PyTorchJob, playing the API server and the nodes around the rules.

Between two recorded steps the real operator synced as often as it liked, it walks Go maps in any order, and it reads
through caches. So what is followed is the set of all worlds that it could have come to; a step agrees if one of them
looks as recorded, and only those that do are followed further. Each world is made by the rules alone.
"""

from __future__ import annotations

import itertools
import json
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from jupyter_mltrain.operator import types as op
from jupyter_mltrain.operator.kubeflow import Framework
from jupyter_mltrain.operator.kubeflow import reconcile as kubeflow_reconcile
from jupyter_mltrain.operator.pytorchjob import PyTorchJob
from jupyter_mltrain.operator.tfjob import TFJob

NAMESPACE = "NS"
# Half a second: status times are cut to whole seconds, so that they lie in the past as they do for the operator.
START = datetime(2024, 1, 1, 0, 0, 0, 500_000, tzinfo=UTC)
PACE = (0, 2)
"""Seconds that a step may have taken: recordings do not say. Only followed where a job has a time limit."""
EVENT_BURST = 25
"""client-go posts so many events on one object, then one in five minutes: later ones may be missing."""
FLAPPING = 3_000
"""Worlds after which a step is given up: the job never comes to rest (a role with 0 replicas)."""
OPENNESS: tuple[dict[str, bool], ...] = ({}, {"counting": True}, {"counting": True, "lagging": True})
"""How many worlds are followed: more only where fewer do not explain the recording, for the sake of speed."""
FRAMEWORKS: dict[str, Framework] = {"TFJob": TFJob(), "PyTorchJob": PyTorchJob()}

Json = dict[str, Any]
Event = tuple[str, str, str]


@dataclass(frozen=True, slots=True)
class World:
    """The cluster as far as one job goes. Hashable, so that equal ones are followed once."""

    now: datetime = START
    status: str = "{}"  # JSON
    stale: str = "{}"  # the status before it was last written: what a lagging cache still shows
    suspend: bool | None = None
    exists: bool = True
    pods: tuple[op.Pod, ...] = ()  # by name
    made: tuple[tuple[str, int], ...] = ()  # how many pods were ever made of each name
    services: frozenset[str] = frozenset()
    events: frozenset[Event] = frozenset()
    late: frozenset[Event] = frozenset()  # events that may have come after the burst
    posted: int = 0  # at most so many events were posted, repeated ones too; counted to just above EVENT_BURST
    woken: int = 0  # changes in this step: each may have woken the operator once


@dataclass(slots=True)
class Replayer:
    """One recorded scenario: the operator under the rules, the API server, and the nodes."""

    manifest: Json
    counting: bool = False
    """Whether posted events are counted, to know which ones may be missing."""
    lagging: bool = False
    """Whether syncs that still see the status before its last change are followed too."""
    environment: dict[str, list[Json]] = field(default_factory=dict)
    """What the operator added to the main container's environment, by pod."""

    @property
    def framework(self) -> Framework:
        return FRAMEWORKS[self.manifest["kind"]]

    @property
    def run_policy(self) -> Json:
        return self.manifest["spec"].get("runPolicy") or {}

    def first_world(self) -> World:
        return World(suspend=self.run_policy.get("suspend"))

    def _manifest_in(self, world: World) -> Json:
        metadata = {"namespace": NAMESPACE, **self.manifest["metadata"]}
        run_policy = {**self.run_policy, "suspend": world.suspend}
        return {**self.manifest, "metadata": metadata, "spec": {**self.manifest["spec"], "runPolicy": run_policy}}

    # --- the operator

    def syncs(self, world: World) -> set[World]:
        """Return the worlds after one sync, one for each order in which the operator may take the roles."""
        if not world.exists:
            return {world}
        worlds = {self._sync(world, orders) for orders in self._orders(world)}
        if self.lagging and world.stale != world.status:
            worlds |= {self._lagging_sync(world, orders) for orders in self._orders(world)}
        return worlds

    def _orders(self, world: World) -> Iterator[tuple[Sequence[str], ...]]:
        roles = list(self.framework.read(self.manifest).roles)
        # A role without a failed pod changes nothing that another role can see.
        failed = [r for r in roles if any(p.phase == "Failed" for p in world.pods if p.role == r)]
        rest = [r for r in roles if r not in failed]
        visits = [[*order, *rest] for order in itertools.permutations(failed)]
        judgements = itertools.permutations(roles) if self.manifest["kind"] == "PyTorchJob" else [()]
        return itertools.product(visits, judgements)

    def _decide(self, world: World, status: str, orders: tuple[Sequence[str], ...]) -> op.Decision:
        walks = iter(orders)
        return kubeflow_reconcile(
            self.framework,
            self._manifest_in(world),
            world.pods,
            world.now,
            json.loads(status),
            services=world.services,
            walk=lambda _: next(walks),
        )

    def _sync(self, world: World, orders: tuple[Sequence[str], ...]) -> World:
        decision = self._decide(world, world.status, orders)
        status = json.dumps(decision.status, sort_keys=True)
        if status != world.status:
            world = self._woken(replace(world, status=status, stale=world.status if self.lagging else "{}"))
        return self._carry_out(world, decision)

    def _lagging_sync(self, world: World, orders: tuple[Sequence[str], ...]) -> World:
        # The API server refuses the status that comes out (conflict), but what was done and told stays.
        return self._carry_out(world, self._decide(world, world.stale, orders))

    def at_rest(self, worlds: Iterable[World]) -> set[World]:
        """Return the worlds in which the operator may come to rest."""
        return {self._settled(world) for world in self.reachable(worlds) if world in self.syncs(world)}

    def _settled(self, world: World) -> World:
        world = replace(world, stale=world.status if self.lagging else world.stale)
        if not self.counting:
            return world
        # Each change woke the operator once, and also a sync that changes nothing tells all over again.
        idle = max(len(self._decide(world, world.status, orders).events) for orders in self._orders(world))
        posted = min(EVENT_BURST + 1, world.posted + world.woken * idle)
        return replace(world, posted=posted, woken=0)

    def reachable(self, worlds: Iterable[World]) -> set[World]:
        """Return the worlds after any number of syncs."""
        seen: set[World] = set()
        new = set(worlds)
        while new and len(seen) < FLAPPING:
            seen |= new
            new = {after for world in new for after in self.syncs(world)} - seen
        return seen

    # --- the API server

    def _carry_out(self, world: World, decision: op.Decision) -> World:
        world = self._told(world, [(e.type, e.reason, e.message) for e in decision.events])
        for action in decision.actions:
            world = self._woken(self._do(world, action))
        return world

    def _told(self, world: World, events: Sequence[Event]) -> World:
        posted = min(EVENT_BURST + 1, world.posted + len(events)) if self.counting else 0
        late = set(events) - world.events if posted > EVENT_BURST else set()
        return replace(world, events=world.events.union(events), late=world.late | late, posted=posted)

    def _woken(self, world: World) -> World:
        return replace(world, woken=world.woken + 1) if self.counting else world

    def _do(self, world: World, action: op.Action) -> World:
        match action:
            case op.CreatePod(name, role, index, manifest):
                return self._create_pod(world, name, role, index, manifest)
            case op.DeletePod(name):
                return delete_pod(world, name)
            case op.CreateService(name):
                return replace(world, services=world.services | {name})
            case op.DeleteService(name):
                return replace(world, services=world.services - {name})
            case op.DeleteJob():
                return replace(world, exists=False)

    def _create_pod(self, world: World, name: str, role: str, index: int, manifest: Json) -> World:
        self.environment[name] = self._added_environment(role, manifest)
        made = dict(world.made)
        pod = op.Pod(name, role, index, restart_policy=manifest["spec"]["restartPolicy"], generation=made.get(name, 0))
        made[name] = pod.generation + 1
        return replace(with_pods(world, [*world.pods, pod]), made=tuple(sorted(made.items())))

    def _added_environment(self, role: str, manifest: Json) -> list[Json]:
        name = self.framework.conventions.container
        template = self.framework.read(self.manifest).roles[role].template["spec"]["containers"]
        before = next(len(c.get("env") or []) for c in template if c["name"] == name)
        return next((c.get("env") or [])[before:] for c in manifest["spec"]["containers"] if c["name"] == name)

    # --- the scenario

    def act(self, worlds: set[World], action: Sequence[Any]) -> set[World]:
        """Return the worlds at rest after an action."""
        if action[0] == "many":
            for single in action[1]:
                worlds = {self._woken(change(world, single)) for world in self.reachable(worlds)}
            return self.at_rest(worlds)
        if action[0] == "create":
            return self.at_rest(worlds)
        if action[0] == "wait":
            return self._pass(worlds, action[1])
        changed = {world: change(world, action) for world in worlds}
        idle = {world for world, after in changed.items() if world == after}
        return idle | self.at_rest(self._woken(after) for world, after in changed.items() if world not in idle)

    def _pass(self, worlds: set[World], seconds: float) -> set[World]:
        # Time alone wakes the operator only to remove a finished job; at a deadline it looks when something else happens.
        later = {replace(world, now=world.now + timedelta(seconds=seconds)) for world in worlds}
        ended = {world for world in later if "completionTime" in json.loads(world.status)}
        return (later - ended) | self.at_rest(ended)

    def steps(self, worlds: set[World], action: Sequence[Any]) -> set[World]:
        """Return the worlds at rest after an action that took its time."""
        timed = {"activeDeadlineSeconds", "ttlSecondsAfterFinished"} & self.run_policy.keys()
        paces = PACE if timed else PACE[:1]
        return self.act({world for pause in paces for world in self._pass(worlds, pause)}, action)


def change(world: World, action: Sequence[Any]) -> World:
    """Return the world right after one change made by the user or a node."""
    match action:
        case ["suspend"]:
            return replace(world, suspend=True)
        case ["resume"]:
            return replace(world, suspend=False)
        case ["delete", name]:
            return delete_pod(world, name)
        case ["gone"]:
            return with_pods(world, [pod for pod in world.pods if not pod.deleting])
        case ["run", name, *restarts]:
            count = restarts[0] if restarts else 0
            return patch_pod(world, name, phase="Running", scheduled=True, restart_count=count)
        case ["ok", name]:
            return patch_pod(world, name, phase="Succeeded", exit_code=0)
        case ["fail", name, code]:
            return patch_pod(world, name, phase="Failed", exit_code=code)
        case ["evict", name]:
            return patch_pod(world, name, phase="Failed", has_container_status=False)
    raise ValueError(f"unknown action {action!r}")


def with_pods(world: World, pods: Iterable[op.Pod]) -> World:
    return replace(world, pods=tuple(sorted(pods, key=lambda pod: pod.name)))


def patch_pod(world: World, name: str, **changes: Any) -> World:
    return with_pods(world, [replace(pod, **changes) if pod.name == name else pod for pod in world.pods])


def delete_pod(world: World, name: str) -> World:
    """Delete a pod as the API server does: at once if no node has it or it has ended, else its node must finish."""
    if any(pod.name == name and pod.scheduled and not pod.finished for pod in world.pods):
        return patch_pod(world, name, deleting=True)
    return with_pods(world, [pod for pod in world.pods if pod.name != name])


# --- comparison


def observed(world: World) -> Json:
    """Return what the recorder would have written down; what is left of a deleted job is not the operator's."""
    if not world.exists:
        return {"exists": False}
    status = json.loads(world.status)
    conditions = [{k: c[k] for k in ("type", "status", "reason", "message")} for c in status.get("conditions", [])]
    return {
        "exists": True,
        "conditions": conditions,
        "replicaStatuses": status.get("replicaStatuses"),
        "startTime": "startTime" in status,
        "completionTime": "completionTime" in status,
        "pods": {
            pod.name: {
                "phase": pod.phase,
                "deleting": pod.deleting,
                "restartPolicy": pod.restart_policy,
                "generation": pod.generation,
            }
            for pod in world.pods
        },
    }


def differences(recorded: Json, world: World) -> list[str]:
    seen = observed(world)
    return [
        f"{key}: recorded {recorded.get(key)}, the rules give {value}"
        for key, value in seen.items()
        if (recorded.get(key) or None) != (value or None)
    ]


def replay_trace(replayer: Replayer, trace: Sequence[Json]) -> tuple[set[World], list[str]]:
    """Return the worlds that agree with the whole trace, and if there are none where it parts."""
    worlds = {replayer.first_world()}
    for number, step in enumerate(trace):
        possible = replayer.steps(worlds, step["action"])
        worlds = {world for world in possible if not differences(step, world)}
        if not worlds:
            nearest = min((differences(step, world) for world in possible), key=len, default=["it never comes to rest"])
            return set(), [f"step {number} {json.dumps(step['action'])}: {text}" for text in nearest]
    return worlds, []


# A sync that does not yet see what the last one made tries to make it again; nothing comes of it.
_MADE_TWICE = re.compile(r'Error creating: (?:pods|services) "(.+)" already exists')


def event_differences(recorded: set[Event], world: World) -> list[str]:
    made = {name for name, _ in world.made}
    extra = {event for event in recorded - world.events if not _made_twice(event, made)}
    missing = world.events - recorded - world.late
    return [f"event only recorded: {list(event)}" for event in sorted(extra)] + [
        f"event only by the rules: {list(event)}" for event in sorted(missing)
    ]


def _made_twice(event: Event, made: set[str]) -> bool:
    match = _MADE_TWICE.fullmatch(event[2])
    return match is not None and match[1] in made


def environment_differences(replayer: Replayer, recorded: dict[str, list[Json]]) -> list[str]:
    return [
        f"environment of {name}: recorded {env}, the rules give {replayer.environment.get(name)}"
        for name, env in recorded.items()
        if replayer.environment.get(name) != env
    ]


def compare(replayer: Replayer, record: Json) -> list[str]:
    """Return how the rules differ from the recording; a second outcome of it (``also``) is as right as the first."""
    worlds, found = replay_trace(replayer, record["trace"])
    if worlds:
        recorded = {(type_, reason, message) for type_, reason, message in record["events"]}
        found = min((event_differences(recorded, world) for world in worlds), key=len)
    elif "also" in record and replay_trace(replayer, record["also"])[0]:
        found = []
    return found + environment_differences(replayer, record["env"])


def replay(name: str, record: Json) -> list[str]:
    """Return how the rules differ from the recording; empty where they agree."""
    del name
    for openness in OPENNESS:
        found = compare(Replayer(record["manifest"], **openness), record)
        if not found:
            return []
    return found

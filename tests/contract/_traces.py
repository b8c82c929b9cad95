"""Replay a recorded TFJob or PyTorchJob, playing the API server and the nodes around the rules.

Between two recorded steps the real operator synced as often as it liked, it walks Go maps in any order, and it reads
through caches. So what is followed are all the worlds that it could have come to; a step agrees if one of them looks
as recorded, and only those that do are followed further. Each world is made by the rules alone.
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
"""Seconds that may have passed before and after an action: recordings do not say. Only where a job has a limit."""
EVENT_BURST = 25
"""client-go posts so many events on one object, then one in five minutes: later ones may be missing."""
UNTOLD = -1
"""Generation of a pod beyond the asked replicas: the operator makes and removes such pods without end."""
TOO_MANY = 20_000
"""Worlds at which a replay gives up rather than to run for minutes."""
FRAMEWORKS: dict[str, Framework] = {"TFJob": TFJob(), "PyTorchJob": PyTorchJob()}

Json = dict[str, Any]
Event = tuple[str, str, str]
Order = tuple[Sequence[str], ...]


@dataclass(frozen=True, slots=True)
class World:
    """The cluster as far as one job goes."""

    now: datetime = START
    status: str = "{}"  # JSON
    stale: str = "{}"  # the status before it was last written: what a lagging cache still shows
    suspend: bool | None = None
    exists: bool = True
    pods: tuple[op.Pod, ...] = ()  # by name
    made: tuple[tuple[str, int], ...] = ()  # how many pods were ever made of each name
    services: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Told:
    """What events there are in a world, over all the ways that lead to it."""

    must: frozenset[Event] = frozenset()
    may: frozenset[Event] = frozenset()
    late: frozenset[Event] = frozenset()  # those that may have come after the burst
    posted: int = 0  # at most so many were posted, repeated ones too; counted to just above EVENT_BURST
    woken: int = 0  # changes since the job was at rest: each may have woken the operator once

    def after(self, events: Iterable[Event]) -> Told:
        events = list(events)
        posted = min(EVENT_BURST + 1, self.posted + len(events))
        late = set(events) - self.may if posted > EVENT_BURST else set()
        return replace(
            self, must=self.must.union(events), may=self.may.union(events), late=self.late | late, posted=posted
        )

    def wake(self, changes: int) -> Told:
        return replace(self, woken=min(EVENT_BURST, self.woken + changes))

    def or_else(self, other: Told) -> Told:
        return Told(
            self.must & other.must,
            self.may | other.may,
            self.late | other.late,
            max(self.posted, other.posted),
            max(self.woken, other.woken),
        )


Worlds = dict[World, Told]


def gather(ways: Iterable[tuple[World, Told]]) -> Worlds:
    """Bring together the ways that lead to the same world."""
    worlds: Worlds = {}
    for world, told in ways:
        worlds[world] = worlds[world].or_else(told) if world in worlds else told
    return worlds


@dataclass(slots=True)
class Replayer:
    """One recorded scenario: the operator under the rules, the API server, and the nodes."""

    manifest: Json
    lagging: bool = False
    """Whether syncs that see an older status, or act late on what they saw, are followed too."""
    environment: dict[str, list[Json]] = field(default_factory=dict)
    """What the operator added to the main container's environment, by pod."""

    @property
    def framework(self) -> Framework:
        return FRAMEWORKS[self.manifest["kind"]]

    @property
    def run_policy(self) -> Json:
        return self.manifest["spec"].get("runPolicy") or {}

    def first(self) -> Worlds:
        # The schema fills in suspend wherever there is a run policy: resuming such a job is no change at all.
        unset = False if "runPolicy" in self.manifest["spec"] else None
        return {World(suspend=self.run_policy.get("suspend", unset)): Told()}

    # --- the operator

    def syncs(self, world: World, told: Told) -> Iterator[tuple[World, Told]]:
        """Yield the worlds after one sync, one for each order in which the operator may take the roles."""
        for order in self._orders(world) if world.exists else ():
            yield self._sync(world, told, order)
            if self.lagging and world.stale != world.status:
                # The API server refuses the status that comes out (conflict), but what was done and told stays.
                decision = self._decide(world, world.stale, order)
                yield self._carry_out(replace(world, stale=world.status), told, decision)

    def _orders(self, world: World) -> Iterator[Order]:
        roles = list(self.framework.read(self.manifest).roles)
        # A role without a failed pod changes nothing that another role can see ...
        failed = [r for r in roles if any(p.phase == "Failed" for p in world.pods if p.role == r)]
        # ... unless its pods cannot be made: then the others come to nothing too, but for those visited before.
        first = failed if "startTime" in json.loads(world.status) else roles
        rest = [r for r in roles if r not in first]
        visits = [[*order, *rest] for order in itertools.permutations(first)]
        judgements = itertools.permutations(roles) if self.manifest["kind"] == "PyTorchJob" else [()]
        return itertools.product(visits, judgements)

    def _decide(self, world: World, status: str, order: Order) -> op.Decision:
        walks = iter(order)
        return kubeflow_reconcile(
            self.framework,
            self._manifest_in(world),
            world.pods,
            world.now,
            json.loads(status),
            services=world.services,
            walk=lambda _: next(walks),
        )

    def _manifest_in(self, world: World) -> Json:
        metadata = {"namespace": NAMESPACE, **self.manifest["metadata"]}
        run_policy = {**self.run_policy, "suspend": world.suspend}
        return {**self.manifest, "metadata": metadata, "spec": {**self.manifest["spec"], "runPolicy": run_policy}}

    def _sync(self, world: World, told: Told, order: Order, seen: World | None = None) -> tuple[World, Told]:
        decision = self._decide(seen or world, world.status, order)
        status = json.dumps(decision.status, sort_keys=True)
        if status != world.status:
            world, told = replace(world, status=status, stale=world.status if self.lagging else "{}"), told.wake(1)
        return self._carry_out(world, told, decision)

    def reachable(self, worlds: Worlds) -> Worlds:
        """Return the worlds after any number of syncs."""
        seen, pending = dict(worlds), list(worlds)
        while pending:
            if len(seen) > TOO_MANY:
                raise RuntimeError(f"more than {TOO_MANY} worlds are possible")
            world = pending.pop()
            for after, told in self.syncs(world, seen[world]):
                known = seen.get(after)
                # A sync that changes nothing is counted once the job is at rest.
                joined = told if known is None else known.or_else(told)
                if after != world and joined != known:
                    seen[after] = joined
                    pending.append(after)
        return seen

    def at_rest(self, worlds: Worlds) -> Worlds:
        """Return the worlds in which the operator may come to rest, any that it passes if it never does."""
        reachable = self.reachable(worlds)
        still = {world: settled for world, told in reachable.items() if (settled := self._settled(world, told))}
        return {replace(world, stale=world.status): told for world, told in (still or reachable).items()}

    def _settled(self, world: World, told: Told) -> Told | None:
        if not world.exists:
            return told
        decisions = [self._decide(world, world.status, order) for order in self._orders(world)]
        idle = [d for d in decisions if not d.actions and json.dumps(d.status, sort_keys=True) == world.status]
        if not idle:
            return None
        # Each change woke the operator once, and also a sync that changes nothing tells all over again.
        changes, told = told.woken, replace(told, woken=0)
        (settled,) = gather((world, told.after(events_of(decision) * max(1, changes))) for decision in idle).values()
        return settled

    # --- the API server

    def _carry_out(self, world: World, told: Told, decision: op.Decision) -> tuple[World, Told]:
        for action in decision.actions:
            world = self._do(world, action)
        return world, told.after(events_of(decision)).wake(len(decision.actions))

    def _do(self, world: World, action: op.Action) -> World:
        match action:
            case op.CreatePod(name, role, index, manifest):
                return self._create_pod(world, name, role, index, manifest)
            case op.DeletePod(name):
                return self._delete_pod(world, name)
            case op.CreateService(name):
                return replace(world, services=world.services | {name})
            case op.DeleteService(name):
                return replace(world, services=world.services - {name})
            case op.DeleteJob():
                return replace(world, exists=False)

    def _create_pod(self, world: World, name: str, role: str, index: int, manifest: Json) -> World:
        self.environment[name] = self._added_environment(role, manifest)
        made = dict(world.made)
        surplus = index >= self.framework.read(self.manifest).roles[role].replicas
        generation = UNTOLD if surplus else made.get(name, 0)
        pod = op.Pod(name, role, index, restart_policy=manifest["spec"]["restartPolicy"], generation=generation)
        made[name] = generation + 1
        return replace(with_pods(world, [*world.pods, pod]), made=tuple(sorted(made.items())))

    def _added_environment(self, role: str, manifest: Json) -> list[Json]:
        name = self.framework.conventions.container
        template = self.framework.read(self.manifest).roles[role].template["spec"]["containers"]
        before = next(len(c.get("env") or []) for c in template if c["name"] == name)
        added = next((c.get("env") or [])[before:] for c in manifest["spec"]["containers"] if c["name"] == name)
        return [{k: v for k, v in variable.items() if v != ""} for variable in added]  # the API leaves "" out

    def _delete_pod(self, world: World, name: str) -> World:
        # At once if no node has it, if it has ended or has no grace; else its node must finish.
        pod = next((pod for pod in world.pods if pod.name == name), None)
        if pod is not None and pod.scheduled and not pod.finished and self._grace(pod.role) != 0:
            return patch_pod(world, name, deleting=True)
        return with_pods(world, [pod for pod in world.pods if pod.name != name])

    def _grace(self, role: str) -> int | None:
        template = self.framework.read(self.manifest).roles[role].template
        grace: int | None = template["spec"].get("terminationGracePeriodSeconds")
        return grace

    # --- the scenario

    def step(self, worlds: Worlds, action: Sequence[Any]) -> Worlds:
        """Return the worlds at rest after an action that took its time."""
        return self._linger(self._act(self._linger(worlds), action))

    def _linger(self, worlds: Worlds) -> Worlds:
        if not {"activeDeadlineSeconds", "ttlSecondsAfterFinished"} & self.run_policy.keys():
            return worlds
        return gather(way for pause in PACE for way in self._pass(worlds, pause).items())

    def _act(self, worlds: Worlds, action: Sequence[Any]) -> Worlds:
        match action:
            case ["create"]:
                return self.at_rest(worlds)
            case ["wait", seconds]:
                return self._pass(worlds, seconds)
            case ["many", singles]:
                return self._one_by_one(worlds, singles)
            case ["delete", name]:
                # A pod that goes at once is still seen as being deleted for a moment.
                return self._one_by_one(worlds, [["mark", name], ["delete", name]])
            case ["gone"]:
                deleting = sorted({pod.name for world in worlds for pod in world.pods if pod.deleting})
                return self._one_by_one(worlds, [["vanish", name] for name in deleting])
        idle = {world: told for world, told in worlds.items() if self._change(world, action) == world}
        changed = [(self._change(world, action), told.wake(1)) for world, told in worlds.items() if world not in idle]
        return gather([*idle.items(), *self.at_rest(gather(changed)).items()])

    def _pass(self, worlds: Worlds, seconds: float) -> Worlds:
        # Time alone wakes the operator only to remove a finished job; deadlines it sees when something else happens.
        later = {replace(world, now=world.now + timedelta(seconds=seconds)): told for world, told in worlds.items()}
        ended = {world: told for world, told in later.items() if "completionTime" in json.loads(world.status)}
        return {**{world: told for world, told in later.items() if world not in ended}, **self.at_rest(ended)}

    def _one_by_one(self, worlds: Worlds, actions: Sequence[Sequence[Any]]) -> Worlds:
        late: dict[tuple[World, World], Told] = {}  # what a sync under way has seen, and what there is by now
        for action in actions:
            now = self.reachable(worlds)
            ways = [(self._change(world, action), told.wake(1)) for world, told in now.items()]
            if self.lagging:
                under_way = [*late.items(), *(((world, world), told) for world, told in now.items())]
                late = {(seen, self._change(world, action)): told.wake(1) for (seen, world), told in under_way}
                for (seen, world), told in late.items():
                    ways += [self._sync(world, told, order, seen) for order in self._orders(seen)]
            worlds = gather(ways)
        return self.at_rest(worlds)

    def _change(self, world: World, action: Sequence[Any]) -> World:
        """Return the world right after one change made by the user or a node."""
        match action:
            case ["suspend" | "resume" as verb]:
                # A job that has no status yet loses what only the operator's cache knew of it.
                status = '{"conditions": []}' if world.status == "{}" else world.status
                suspend = verb == "suspend"
                return world if world.suspend is suspend else replace(world, suspend=suspend, status=status)
            case ["delete", name]:
                return self._delete_pod(world, name)
            case ["mark", name]:
                return patch_pod(world, name, deleting=True)
            case ["vanish", name]:
                return with_pods(world, [pod for pod in world.pods if pod.name != name or not pod.deleting])
            case ["run" | "restart", name, *restarts]:
                count = restarts[0] if restarts else 0
                return patch_pod(world, name, phase="Running", scheduled=True, restart_count=count)
            case ["ok", name]:
                return patch_pod(world, name, phase="Succeeded", exit_code=0)
            case ["fail", name, code]:
                return patch_pod(world, name, phase="Failed", exit_code=code)
            case ["evict", name]:
                return patch_pod(world, name, phase="Failed")
        raise ValueError(f"unknown action {action!r}")


def events_of(decision: op.Decision) -> list[Event]:
    return [(event.type, event.reason, event.message) for event in decision.events]


def with_pods(world: World, pods: Iterable[op.Pod]) -> World:
    return replace(world, pods=tuple(sorted(pods, key=lambda pod: pod.name)))


def patch_pod(world: World, name: str, **changes: Any) -> World:
    return with_pods(world, [replace(pod, **changes) if pod.name == name else pod for pod in world.pods])


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
    for name, pod in seen.get("pods", {}).items():
        if pod["generation"] == UNTOLD:
            told = recorded["pods"].get(name, {})
            pod.update({key: told.get(key) for key in ("generation", "deleting")})
    return [
        f"{key}: recorded {recorded.get(key)}, the rules give {value}"
        for key, value in seen.items()
        if (recorded.get(key) or None) != (value or None)
    ]


def replay_trace(replayer: Replayer, trace: Sequence[Json]) -> tuple[Worlds, list[str]]:
    """Return the worlds that agree with the whole trace, and if there are none where it parts."""
    worlds = replayer.first()
    for number, step in enumerate(trace):
        possible = replayer.step(worlds, step["action"])
        worlds = {world: told for world, told in possible.items() if not differences(step, world)}
        if not worlds:
            nearest = min((differences(step, world) for world in possible), key=len)
            return {}, [f"step {number} {json.dumps(step['action'])}: {text}" for text in nearest]
    return worlds, []


# A sync that does not yet see what the last one made tries to make it again; nothing comes of it.
_MADE_TWICE = re.compile(r'Error creating: (?:pods|services) "(.+)" already exists')


def event_differences(recorded: set[Event], world: World, told: Told) -> list[str]:
    made = {name for name, _ in world.made}
    extra = {event for event in recorded - told.may if not _made_twice(event, made)}
    missing = told.must - recorded - told.late
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
        found = min((event_differences(recorded, world, told) for world, told in worlds.items()), key=len)
    elif "also" in record and replay_trace(replayer, record["also"])[0]:
        found = []
    return found + environment_differences(replayer, record["env"])


def replay(name: str, record: Json) -> list[str]:
    """Return how the rules differ from the recording; empty where they agree."""
    del name
    prompt = compare(Replayer(record["manifest"]), record)
    # A lagging operator is followed only where a prompt one does not explain the recording: it takes more worlds.
    return prompt and compare(Replayer(record["manifest"], lagging=True), record)

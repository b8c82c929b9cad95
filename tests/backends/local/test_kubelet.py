"""The node's rules for one pod, without processes."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jupyter_mltrain.backends.local import kubelet
from jupyter_mltrain.backends.local.kubelet import Backoff
from jupyter_mltrain.backends.local.records import Pod
from jupyter_mltrain.backends.local.replica import ExitRecord, ReplicaRun, RunState


def pod(policy: str = "Never", inits: int = 0, **values) -> Pod:
    manifest = {"spec": {"restartPolicy": policy, "initContainers": [{"name": f"init{n}"} for n in range(inits)]}}
    return Pod(uid="u", job="j", name="p", role="Worker", idx=0, generation=0, manifest=manifest, created=0.0, **values)


def ended(code: int, ran: float = 1.0, reason: str = "", at: float = 100.0) -> ReplicaRun:
    record = ExitRecord(code, None, reason or ("Error" if code else "Completed"), "", 5, 0.1, at - ran, at)
    return ReplicaRun(RunState.EXITED, started_at=at - ran, exit=record)


def run(it: Pod, code: int, ran: float = 1.0, now: float = 100.0) -> None:
    """Launch the pod's next container and let it end."""
    kubelet.begin(it)
    while it.stage == "launched":
        assert kubelet.observe(it, ended(code, ran, at=now), now, Backoff())


@pytest.mark.parametrize(
    ("policy", "code", "phase", "stage"),
    [
        ("Never", 0, "Succeeded", "ended"),
        ("Never", 1, "Failed", "ended"),
        ("OnFailure", 0, "Succeeded", "ended"),
        ("OnFailure", 1, "Running", "waiting"),
        ("Always", 0, "Running", "waiting"),
        ("Always", 1, "Running", "waiting"),
    ],
)
def test_restart_policy(policy: str, code: int, phase: str, stage: str) -> None:
    it = pod(policy)
    run(it, code)
    assert (it.phase, it.stage) == (phase, stage)


def test_a_container_that_has_ended_was_running_first() -> None:
    it = pod()
    kubelet.begin(it)
    assert kubelet.observe(it, ended(0), 100.0, Backoff())
    assert (it.phase, it.stage, it.exit_code) == ("Running", "launched", None)


def test_back_off_doubles_and_is_forgotten_after_a_long_run() -> None:
    it = pod("OnFailure")
    waits = []
    for _ in range(8):
        run(it, 1)
        waits.append(it.due - 100.0)
    assert waits == [0.0, 10.0, 20.0, 40.0, 80.0, 160.0, 300.0, 300.0]
    assert it.restarts == 7  # the eighth is still to come
    run(it, 1, ran=600.0)
    assert it.due - 100.0 == 0.0


def test_init_containers_come_first_one_after_the_other() -> None:
    it = pod(inits=2)
    run(it, 0)
    assert (it.step, it.phase, it.stage, it.due) == (1, "Pending", "waiting", 100.0)
    run(it, 0)
    run(it, 0)
    assert (it.step, it.phase, it.restarts, it.runs) == (2, "Succeeded", 0, 3)


def test_an_init_container_that_fails_fails_the_pod_or_is_tried_again() -> None:
    once = pod(inits=1)
    run(once, 3)
    assert (once.phase, once.stage, once.exit_code) == ("Failed", "ended", 3)
    again = pod("OnFailure", inits=1)
    run(again, 3)
    assert (again.phase, again.stage) == ("Pending", "waiting")
    run(again, 0)
    assert (again.step, again.restarts) == (1, 1)


def test_an_init_container_that_goes_on_beside_the_main_one_does_not_run_here() -> None:
    it = pod()
    it.manifest["spec"]["initContainers"] = [{"name": "proxy", "restartPolicy": "Always"}]
    run(it, 0)
    assert (it.phase, it.runs) == ("Succeeded", 1)


def test_a_lost_run_counts_as_killed() -> None:
    it = pod()
    kubelet.begin(it)
    lost = ReplicaRun(RunState.LOST, started_at=90.0)
    kubelet.observe(it, lost, 100.0, Backoff())
    kubelet.observe(it, lost, 100.0, Backoff())
    assert (it.phase, it.exit_code, it.reason) == ("Failed", 137, "ContainerStatusUnknown")


def test_a_deleted_pod_goes_when_it_has_ended_whatever_its_policy() -> None:
    it = pod("Always")
    kubelet.begin(it)
    it.deleting = True
    it.phase = "Running"
    kubelet.observe(it, ended(143), 100.0, Backoff())
    assert (it.gone, it.stage, it.phase, it.exit_code) == (True, "ended", "Failed", 143)
    never_launched = pod()
    kubelet.begin(never_launched)
    never_launched.deleting = True
    assert kubelet.observe(never_launched, ReplicaRun(RunState.ABSENT), 100.0, Backoff())
    assert never_launched.gone


@given(st.lists(st.integers(0, 255), max_size=20), st.sampled_from(["Always", "OnFailure", "Never"]), st.integers(0, 3))
def test_whatever_happens_restarts_are_counted_and_time_goes_on(codes: list[int], policy: str, inits: int) -> None:
    it = pod(policy, inits=inits)
    now = 100.0
    for code in codes:
        if it.stage == "ended":
            break
        now = max(now, it.due)
        run(it, code, now=now)
        assert 0 <= it.restarts < it.runs <= it.restarts + it.step + 1
        assert it.stage == "ended" or now <= it.due <= now + 300.0
        assert it.phase == "Pending" or it.step == inits or it.phase == "Failed"


def test_a_pod_made_again_waits_longer_each_time() -> None:
    backoff = Backoff()
    it = pod(phase="Failed", started=0.0, finished=1.0)
    waits = []
    for generation in range(12):
        it.generation = generation
        waits.append(backoff.before_recreation(it))
    assert waits[:5] == [0.0, 1.0, 2.0, 4.0, 8.0]
    assert waits[-1] == 300.0
    it.finished = 700.0
    assert backoff.before_recreation(it) == 0.0

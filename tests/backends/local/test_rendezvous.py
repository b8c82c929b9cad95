from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jupyter_mltrain import operator
from jupyter_mltrain.backends.local import rendezvous
from jupyter_mltrain.backends.local.container import Place, resolve
from jupyter_mltrain.backends.local.rendezvous import allocate, port_variables, release, wanted
from jupyter_mltrain.backends.local.text import Text
from jupyter_mltrain.backends.local.volumes import Sources
from jupyter_mltrain.errors import BackendUnavailable


def make_pod(name: str, env: dict[str, str] | None = None, ports=(2222,), namespace="team") -> dict:
    container = {
        "name": "main",
        "ports": [{"containerPort": port} for port in ports],
        "env": [{"name": key, "value": value} for key, value in (env or {}).items()],
    }
    return {"metadata": {"name": name, "namespace": namespace}, "spec": {"containers": [container]}}


def rewrite(text: str, pod: dict, ports: rendezvous.Ports, **options: bool) -> str:
    return rendezvous.rewrite(Text(text), pod, ports, **options).whole


POD = make_pod("j-worker-0")
PORTS = {"j-worker-0": {2222: 11000}, "j-worker-1": {2222: 11001}, "j-worker-10": {2222: 11010}, "j-master-0": {}}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("j-worker-0", "127.0.0.1"),
        ("j-worker-0:2222", "127.0.0.1:11000"),
        ("j-worker-1:2222,j-worker-10:2222", "127.0.0.1:11001,127.0.0.1:11010"),
        ("j-worker-1.team:2222", "127.0.0.1:11001"),
        ("j-worker-1.team.svc:2222", "127.0.0.1:11001"),
        ("j-worker-1.team.svc.cluster.local:2222", "127.0.0.1:11001"),
        ("j-worker-1.team.svc.cluster.local", "127.0.0.1"),
        ("grpc://j-worker-1:2222/path", "grpc://127.0.0.1:11001/path"),
        ("http://j-worker-1/path", "http://127.0.0.1/path"),
        ("http://user@j-worker-1:2222", "http://user@127.0.0.1:11001"),
        ("--hosts=j-worker-0:2222", "--hosts=127.0.0.1:11000"),
        ('{"a": ["j-worker-0:2222"]}', '{"a": ["127.0.0.1:11000"]}'),
        ("j-worker-0:6006", "127.0.0.1:6006"),
        ("Ask j-worker-1.", "Ask 127.0.0.1."),
        # not a host
        ("j-worker-2:2222", "j-worker-2:2222"),
        ("my-j-worker-1", "my-j-worker-1"),
        ("j-worker-1-old", "j-worker-1-old"),
        ("j-worker-11", "j-worker-11"),
        ("j-worker-1.other:2222", "j-worker-1.other:2222"),
        ("j-worker-1.team.svc.example.org", "j-worker-1.team.svc.example.org"),
        ("/data/j-worker-1/checkpoint", "/data/j-worker-1/checkpoint"),
        ("runs/j-worker-1", "runs/j-worker-1"),
        ("j-worker-1/checkpoint", "j-worker-1/checkpoint"),
        ("j-worker-1.log", "j-worker-1.log"),
        ("", ""),
    ],
)
def test_hosts_in_a_text(text, expected):
    assert rewrite(text, POD, PORTS) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('{"fold": "j-worker-0"}', '{"fold": "j-worker-0"}'),
        ('{"note": "as j-worker-1, but longer"}', '{"note": "as j-worker-1, but longer"}'),
        ('{"master": "j-worker-1.team.svc:2222"}', '{"master": "127.0.0.1:11001"}'),
    ],
)
def test_of_data_only_what_has_a_port_is_an_address(text, expected):
    assert rewrite(text, POD, PORTS, with_port_only=True) == expected


def test_a_job_without_ports_is_left_alone():
    assert rewrite("j-worker-0:2222", POD, {}) == "j-worker-0:2222"


def test_a_port_in_a_variable_beside_the_host_that_it_belongs_to():
    env = {
        "MASTER_ADDR": "j-worker-1",
        "MASTER_PORT": "2222",
        "PET_MASTER_ADDR": "j-worker-10",
        "PET_MASTER_PORT": "2222",
        "STORE_HOST": "j-worker-1.team.svc",
        "STORE_PORT": "9",
        "OTHER_HOST": "example.org",
        "OTHER_PORT": "2222",
        "PORT": "2222",
        "EXPORT": "2222",
    }
    expected = {"MASTER_PORT": "11001", "PET_MASTER_PORT": "11010", "STORE_PORT": "9"}
    assert port_variables(env, POD, PORTS) == expected


def test_wanted_are_declared_and_announced_ports():
    cluster = {"cluster": {"ps": ["j-ps-0.team.svc:5000"], "worker": {"1": "j-worker-1.team.svc:2222"}}}
    pods = [
        make_pod("j-ps-0", {"TF_CONFIG": json.dumps(cluster)}, ports=(6006,)),
        make_pod("j-worker-0", {"PET_RDZV_ENDPOINT": "j-worker-0:29400", "OTHER": "j-worker-1:1"}, ports=()),
        make_pod("j-worker-1", {"MASTER_ADDR": "j-ps-0", "MASTER_PORT": "77"}, ports=()),
    ]
    assert wanted(pods) == {"j-ps-0": (77, 5000, 6006), "j-worker-0": (29400,), "j-worker-1": (2222,)}


# Properties

names = st.from_regex(r"[a-z]([-a-z0-9]{0,6}[a-z0-9])?-(worker|ps|chief)-[0-9]{1,2}", fullmatch=True)
all_ports = st.dictionaries(
    names, st.dictionaries(st.integers(1, 65535), st.integers(10240, 32767), max_size=3), min_size=1, max_size=8
)
separators = st.sampled_from([",", " ", '","', "=", "|", ";", "://"])
domains = st.sampled_from(["", ".team", ".team.svc", ".team.svc.cluster.local"])


@given(all_ports, st.data())
def test_every_address_of_a_list_becomes_its_own_and_nothing_else_changes(ports, data):
    hosts = data.draw(st.lists(st.sampled_from(sorted(ports)), min_size=1, max_size=6))
    given, expected = "", ""
    for host in hosts:
        separator, domain = data.draw(separators), data.draw(domains)
        port = data.draw(st.sampled_from([*ports[host], None, 1]))
        given += separator + host + domain + ("" if port is None else f":{port}")
        expected += separator + "127.0.0.1" + ("" if port is None else f":{ports[host].get(port, port)}")
    assert rewrite(given, POD, ports) == expected


@given(all_ports, st.text())
def test_a_text_that_names_no_pod_is_left_alone(ports, text):
    if not any(name in text for name in ports):
        assert rewrite(text, POD, ports) == text


@given(all_ports, st.text(alphabet="jworke-0123456789.:/, "))
def test_rewriting_twice_is_rewriting_once(ports, text):
    once = rewrite(text, POD, ports)
    assert rewrite(once, POD, ports) == once


@given(all_ports)
def test_tf_config_keeps_its_shape(ports):
    cluster = {"worker": [f"{name}.team.svc:{port}" for name, own in ports.items() for port in own]}
    config = {"cluster": cluster, "task": {"type": "worker", "index": 0}, "environment": "cloud"}
    here = json.loads(rewrite(json.dumps(config), POD, ports))
    assert here["task"] == config["task"]
    assert here["cluster"]["worker"] == [f"127.0.0.1:{port}" for own in ports.values() for port in own.values()]


# Reserving


def test_each_pod_and_port_gets_its_own(tmp_path):
    pods = [make_pod(f"j-worker-{i}", ports=(2222, 6006)) for i in range(10)] + [make_pod("j-chief-0", ports=())]
    ports = allocate(pods, tmp_path)
    found = [port for own in ports.values() for port in own.values()]
    assert set(ports) == {pod["metadata"]["name"] for pod in pods}
    assert ports["j-chief-0"] == {}
    assert len(set(found)) == 20
    assert {path.name for path in tmp_path.iterdir()} == {str(port) for port in found}
    for port in found:
        with closing(socket.create_server(("127.0.0.1", port))):
            pass
    release(ports, tmp_path)
    release(ports, tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_outgoing_connections_do_not_take_them(tmp_path):
    ports = allocate([make_pod("j-worker-0", ports=range(1, 200))], tmp_path)["j-worker-0"].values()
    lowest = rendezvous._lowest_ephemeral()
    assert all(10240 <= port < lowest for port in ports)


def test_many_jobs_at_once_do_not_share_a_port(tmp_path, monkeypatch):
    code = f"""
import json, pathlib
from jupyter_mltrain.backends.local import rendezvous
rendezvous._lowest_ephemeral = lambda: rendezvous.LOWEST_PORT + 200  # crowded
spec = {{"containers": [{{"ports": [{{"containerPort": 1}}]}}]}}
pods = [{{"metadata": {{"name": f"j-{{i}}"}}, "spec": spec}} for i in range(20)]
print(json.dumps([own[1] for own in rendezvous.allocate(pods, pathlib.Path({str(tmp_path)!r})).values()]))
"""
    jobs = [subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True) for _ in range(4)]
    found = [port for job in jobs for port in json.loads(job.communicate(timeout=100)[0])]
    assert len(found) == len(set(found)) == 80


def test_a_port_that_somebody_listens_on_is_not_given(tmp_path, monkeypatch):
    with socket.create_server(("127.0.0.1", 0)) as taken, socket.create_server(("127.0.0.1", 0)) as other:
        first, second = taken.getsockname()[1], other.getsockname()[1]
        monkeypatch.setattr(rendezvous, "LOWEST_PORT", min(first, second))
        monkeypatch.setattr(rendezvous, "_lowest_ephemeral", lambda: min(first, second) + 1)
        with pytest.raises(BackendUnavailable, match="No free port"):
            allocate([make_pod("j-worker-0")], tmp_path)
    assert list(tmp_path.iterdir()) == []


# For real

COLLECTIVES = """
import torch, torch.distributed as dist
dist.init_process_group("gloo")
total = torch.tensor([dist.get_rank() + 1])
dist.all_reduce(total)
print("sum", total.item(), "of", dist.get_world_size())
dist.destroy_process_group()
"""

TF_SERVERS = """
import json, os, socket
config = json.loads(os.environ["TF_CONFIG"])
own = config["cluster"][config["task"]["type"]][config["task"]["index"]]
host, port = own.rsplit(":", 1)
with socket.create_server((host, int(port))) as server:
    everyone = [address for addresses in config["cluster"].values() for address in addresses]
    for address in everyone:
        host, port = address.rsplit(":", 1)
        while True:
            try:
                socket.create_connection((host, int(port)), timeout=30).close()
                break
            except ConnectionRefusedError:
                pass
    for _ in everyone:
        server.accept()[0].close()
print("met", len(everyone))
"""


def make_job(kind: str, roles: dict[str, int], command: list[str]) -> dict:
    container = {"name": {"TFJob": "tensorflow", "PyTorchJob": "pytorch"}[kind], "image": "i", "command": command}
    replicas = {
        role: {"replicas": count, "template": {"spec": {"containers": [container]}}} for role, count in roles.items()
    }
    field = {"TFJob": "tfReplicaSpecs", "PyTorchJob": "pytorchReplicaSpecs"}[kind]
    metadata = {"name": "j", "namespace": "team", "uid": "u"}
    return {"apiVersion": "kubeflow.org/v1", "kind": kind, "metadata": metadata, "spec": {field: replicas}}


def run_job(manifest: dict, folder: Path, make_run) -> list[str]:
    """Run all replicas as the operator makes them, and return what each has said."""
    decision = operator.reconcile(manifest, [], datetime.now(UTC), {})
    pods = [action.manifest for action in decision.actions if isinstance(action, operator.types.CreatePod)]
    ports = allocate(pods, folder / "ports")
    place = Place(ports, (), Sources.named_in({}), str, {})
    runs = []
    for pod in pods:
        resolved = resolve(pod["spec"]["containers"][0], pod, place)
        runs.append(make_run(*resolved.argv, env={"PATH": os.environ["PATH"], **resolved.env}).launch())
    assert [run.ended().exit_code for run in runs] == [0] * len(pods), "\n".join(run.output() for run in runs)
    return [run.output().splitlines()[-1] for run in runs]


def test_the_replicas_of_two_tfjobs_at_once_meet_each_their_own(tmp_path, make_run):
    manifest = make_job("TFJob", {"Chief": 1, "PS": 1, "Worker": 2}, [sys.executable, "-c", TF_SERVERS])
    with ThreadPoolExecutor() as pool:
        jobs = [pool.submit(run_job, manifest, tmp_path, make_run) for _ in range(2)]
    assert [job.result() for job in jobs] == [["met 4"] * 4] * 2


@pytest.mark.slow
def test_the_replicas_of_a_pytorchjob_add_up(tmp_path, make_run):
    pytest.importorskip("torch")
    manifest = make_job("PyTorchJob", {"Master": 1, "Worker": 2}, [sys.executable, "-c", COLLECTIVES])
    assert run_job(manifest, tmp_path, make_run) == ["sum 6 of 3"] * 3

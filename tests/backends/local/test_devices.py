from __future__ import annotations

import os
import sys
from pathlib import Path

import psutil
import pytest
from hypothesis import given
from hypothesis import strategies as st

from jupyter_mltrain.backends.base import Device
from jupyter_mltrain.backends.local import devices
from jupyter_mltrain.backends.local.devices import Gpu, choose, groups, matches, product_label, suitable, wanted
from jupyter_mltrain.backends.local.memory import Hierarchy

H200 = [Gpu(f"GPU-h{i}", "NVIDIA-H200", 141 * 2**30) for i in range(2)]
T4 = [Gpu(f"GPU-t{i}", "Tesla-T4", 15 * 2**30) for i in range(3)]
MACHINE = [T4[0], *H200, *T4[1:]]


@pytest.mark.parametrize(
    ("name", "label"),
    [
        ("NVIDIA H200", "NVIDIA-H200"),
        ("NVIDIA A100-SXM4-80GB", "NVIDIA-A100-SXM4-80GB"),
        ("Tesla T4", "Tesla-T4"),
        ("NVIDIA GeForce RTX 3060 (Laptop)", "NVIDIA-GeForce-RTX-3060-Laptop"),
    ],
)
def test_products_are_named_as_node_labels(name, label):
    assert product_label(name) == label


def test_this_machine_says_what_it_has_or_why_not():
    gpus, note = devices.find_gpus()
    assert bool(gpus) != bool(note)
    for gpu in gpus:
        assert gpu.uuid.startswith("GPU-")
    if not gpus:
        assert "NVIDIA" in note


def test_equal_accelerators_are_one_group():
    assert groups(MACHINE, {"GPU-t0", "GPU-h1"}, "here") == (
        Device("Tesla-T4", total=3, free=2, memory=15 * 2**30, node="here"),
        Device("NVIDIA-H200", total=2, free=1, memory=141 * 2**30, node="here"),
    )
    assert groups([], set()) == ()


@pytest.mark.parametrize(
    ("leased", "product", "count", "expected"),
    [
        ((), None, 0, ()),
        ((), None, 1, ("GPU-t0",)),
        ((), "NVIDIA-H200", 1, ("GPU-h0",)),
        (("GPU-h0",), "NVIDIA-H200", 1, ("GPU-h1",)),
        (("GPU-h0",), "NVIDIA-H200", 2, None),
        ((), None, 3, ("GPU-t0", "GPU-t1", "GPU-t2")),
        (("GPU-t1",), None, 2, ("GPU-t0", "GPU-t2")),
        (("GPU-t1", "GPU-t2"), None, 2, ("GPU-h0", "GPU-h1")),
        ((), None, 4, None),
        ((), "NVIDIA-B200", 1, None),
    ],
)
def test_choosing(leased, product, count, expected):
    assert choose(MACHINE, set(leased), product, count) == expected


@given(
    st.sets(st.sampled_from([gpu.uuid for gpu in MACHINE])),
    st.sampled_from([None, "NVIDIA-H200", "Tesla-T4"]),
    st.integers(0, 5),
)
def test_what_is_chosen_is_free_alike_and_as_many_as_asked(leased, product, count):
    chosen = choose(MACHINE, leased, product, count)
    free = [gpu for gpu in MACHINE if gpu.uuid not in leased and product in (None, gpu.product)]
    if chosen is None:
        assert all(sum(other.product == gpu.product for other in free) < count for gpu in free)
    else:
        assert len(set(chosen)) == count
        assert set(chosen) <= {gpu.uuid for gpu in free}
        assert len({gpu.product for gpu in free if gpu.uuid in chosen}) <= 1


def test_what_a_pod_asks_for():
    gpu = {"nvidia.com/gpu": "2"}
    assert wanted({"containers": [{"resources": {"limits": gpu}}, {"resources": {"requests": gpu}}, {}]}) == 4
    assert wanted({"containers": [{"name": "main"}, {"resources": {"limits": {"cpu": 2}}}]}) == 0


def test_resources_that_are_not_here():
    resources = {"limits": {"amd.com/gpu": 1, "nvidia.com/gpu": 1, "cpu": 1, "nvidia.com/mig-1g.5gb": 1}}
    assert devices.foreign_resources({"containers": [{"resources": resources}, {}]}) == (
        "amd.com/gpu",
        "nvidia.com/mig-1g.5gb",
    )


def affinity(*terms: list[tuple[str, str, list[str]]]) -> dict:
    found = [
        {"matchExpressions": [{"key": key, "operator": op, **({"values": v} if v else {})} for key, op, v in term]}
        for term in terms
    ]
    required = {"requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": found}}
    return {"affinity": {"nodeAffinity": required}}


PRODUCT = "nvidia.com/gpu.product"


@pytest.mark.parametrize(
    ("pod_spec", "fits"),
    [
        ({}, True),
        ({"nodeSelector": {PRODUCT: "NVIDIA-H200"}}, True),
        ({"nodeSelector": {PRODUCT: "Tesla-T4"}}, False),
        ({"nodeSelector": {"pool": "big"}}, True),
        (affinity([(PRODUCT, "In", ["NVIDIA-H200", "NVIDIA-B200"])]), True),
        (affinity([(PRODUCT, "In", ["Tesla-T4"])]), False),
        (affinity([(PRODUCT, "In", ["Tesla-T4"])], [(PRODUCT, "In", ["NVIDIA-H200"])]), True),
        (affinity([(PRODUCT, "NotIn", ["NVIDIA-H200"])]), False),
        (affinity([(PRODUCT, "Exists", []), ("nvidia.com/gpu.memory", "Gt", ["100000"])]), True),
        (affinity([("nvidia.com/gpu.memory", "Lt", ["100000"])]), False),
        (affinity([("nvidia.com/mig.strategy", "DoesNotExist", [])]), True),
        (affinity([("nvidia.com/mig.strategy", "Exists", [])]), False),
        (affinity([("zone", "In", ["north"]), (PRODUCT, "In", ["NVIDIA-H200"])]), True),
    ],
)
def test_affinity_and_selector(pod_spec, fits):
    assert matches(pod_spec, H200[0].labels) is fits


def test_the_product_of_a_mixed_machine_is_chosen_by_affinity():
    pod_spec = affinity([(PRODUCT, "In", ["NVIDIA-H200"])])
    assert choose(suitable(MACHINE, pod_spec), set(), None, 2) == ("GPU-h0", "GPU-h1")


def test_a_replica_that_asks_for_none_sees_none():
    assert devices.visible_devices_env(()) == {"CUDA_VISIBLE_DEVICES": "", "NVIDIA_VISIBLE_DEVICES": "void"}
    assert devices.visible_devices_env(("GPU-a", "GPU-b"))["CUDA_VISIBLE_DEVICES"] == "GPU-a,GPU-b"


def test_importing_does_not_load_the_driver_library():
    import subprocess

    code = "import sys, jupyter_mltrain.backends.local.devices; print('pynvml' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout == "False\n"


# Processors and memory


def test_no_more_than_the_machine_has():
    assert 1 <= devices.processors() <= os.cpu_count()
    assert 2**20 < devices.memory_size() <= psutil.virtual_memory().total


def make_files(root: Path, **files: str) -> Path:
    root.mkdir(parents=True, exist_ok=True)
    for name, content in files.items():
        (root / name.replace("_dot_", ".", 1)).write_text(content)
    return root


def test_the_quota_of_any_group_above_counts(tmp_path):
    make_files(tmp_path, cpu_dot_max="250000 100000\n", memory_dot_max="2000\n")
    own = make_files(tmp_path / "service", cpu_dot_max="max 100000\n", memory_dot_max="max\n")
    hierarchy = Hierarchy(2, tmp_path, own)
    assert list(devices._processor_quotas([hierarchy])) == [3]
    assert list(devices._memory_limits([hierarchy])) == [2000]


def test_version_1_has_other_files(tmp_path):
    make_files(tmp_path, cpu_dot_cfs_quota_us="-1", cpu_dot_cfs_period_us="100000", memory_dot_limit_in_bytes="9000")
    own = make_files(tmp_path / "job", cpu_dot_cfs_quota_us="50000", cpu_dot_cfs_period_us="100000")
    hierarchy = Hierarchy(1, tmp_path, own)
    assert list(devices._processor_quotas([hierarchy])) == [1]
    assert list(devices._memory_limits([hierarchy])) == [9000]

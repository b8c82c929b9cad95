"""Which base image a notebook gets."""

import pytest

from jupyter_mltrain.errors import ImageError, InvalidInput
from jupyter_mltrain.image.bases import choose

SLIM = "docker.io/library/python:3.12-slim"


@pytest.mark.parametrize("framework", ["tensorflow", "pytorch", "none"])
def test_without_gpus(framework: str) -> None:
    found = choose(framework, "3.12")
    assert (str(found.image), found.environment, found.requirements) == (SLIM, {}, {})


@pytest.mark.parametrize("gpu", ["nvidia.com/gpu", "nvidia.com/mig-1g.5gb"])
def test_cuda_comes_as_packages(gpu: str) -> None:
    found = choose("tensorflow", "3.12", gpu=gpu)
    assert str(found.image) == SLIM
    assert found.environment == {"NVIDIA_VISIBLE_DEVICES": "all", "NVIDIA_DRIVER_CAPABILITIES": "compute,utility"}
    assert found.requirements["tensorflow"] == "tensorflow[and-cuda]"


def test_a_sites_image_for_gpus_has_cuda() -> None:
    found = choose("tensorflow", "3.12", gpu="nvidia.com/gpu", bases={"tensorflow-gpu": "r.example/cuda:{python}"})
    assert (str(found.image), found.requirements) == ("r.example/cuda:3.12", {})
    assert found.environment


def test_a_sites_image_for_everything_gets_cuda() -> None:
    found = choose("tensorflow", "3.12", gpu="nvidia.com/gpu", bases={"default": "r.example/python:{python}"})
    assert str(found.image) == "r.example/python:3.12"
    assert found.requirements


@pytest.mark.parametrize(
    ("framework", "gpu", "expected"),
    [
        ("tensorflow", "nvidia.com/gpu", "a"),
        ("tensorflow", "amd.com/gpu", "b"),
        ("tensorflow", "", "c"),
        ("pytorch", "nvidia.com/gpu", "d"),
        ("pytorch", "gpu.intel.com/xe", "d"),
        ("pytorch", "", "e"),
        ("none", "nvidia.com/gpu", "d"),
        ("none", "", "e"),
    ],
)
def test_the_more_exact_key_counts(framework: str, gpu: str, expected: str) -> None:
    bases = {
        "tensorflow-gpu": "r.example/a",
        "tensorflow-amd": "r.example/b",
        "tensorflow": "r.example/c",
        "default-gpu": "r.example/d",
        "default": "r.example/e",
    }
    assert choose(framework, "3.12", gpu=gpu, bases=bases).image.repository == expected


@pytest.mark.parametrize(("framework", "key"), [("pytorch", "pytorch-amd"), ("none", "default-amd")])
def test_other_gpus_need_an_image_of_the_sites(framework: str, key: str) -> None:
    with pytest.raises(ImageError, match=r"amd\.com/gpu") as caught:
        choose(framework, "3.12", gpu="amd.com/gpu", bases={framework: "r.example/cpu"})
    assert repr(key) in caught.value.hint


def test_a_name_that_is_none() -> None:
    with pytest.raises(InvalidInput, match="that is set for 'default': 'Not An Image' is not the name"):
        choose("none", "3.12", bases={"default": "Not An Image"})

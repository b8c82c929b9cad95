"""Places, samples, documents."""

import json
from pathlib import Path

import pytest
from jsonschema import Draft202012Validator
from openapi_spec_validator import validate

from jupyter_mltrain.samples import list_samples
from jupyter_mltrain.server.routes import ROUTES
from tests.server._api import Api


async def test_this_machine_is_the_default_place(api: Api) -> None:
    first = (await api.json("backends"))["backends"][0]
    assert (first["name"], first["title"], first["available"], first["images"]) == (
        "local",
        "This machine",
        True,
        False,
    )
    assert first["kinds"] == ["TFJob", "PyTorchJob", "Job"]


async def test_a_place_that_does_not_work_says_why(api: Api, home: Path) -> None:
    home.write_text("not a folder")
    (local,) = (await api.json("backends"))["backends"]
    assert (local["available"], "MLTRAIN_HOME" in local["why"]) == (False, True)
    assert (await api.json("jobs", status=507))["code"] == "storage"
    assert (await api.json("jobs/some", status=507))["code"] == "storage"


async def test_the_inventory(api: Api) -> None:
    found = await api.json("devices", params={"backend": "local"})
    assert found["cpus"] >= 1
    assert (found["slots"], found["slotsFree"]) == (2, 2)


async def test_samples_are_listed_the_best_one_first(api: Api) -> None:
    samples = (await api.json("samples"))["samples"]
    assert [sample["name"] for sample in samples] == [sample.name for sample in list_samples()]
    assert all(sample["available"] != bool(sample["why"]) for sample in samples)


async def test_a_sample_is_copied_under_a_free_name(api: Api) -> None:
    paths = [(await api.json("samples/penguins/open", "POST", status=201))["path"] for _ in range(2)]
    assert paths == ["penguins.ipynb", "penguins1.ipynb"]
    copies = [json.loads((api.root / path).read_text())["cells"] for path in paths]
    assert copies[0] == copies[1]


async def test_a_sample_can_be_run_at_once(api: Api) -> None:
    once = {"token": "a-click-of-a-user"}
    job = await api.json("samples/penguins/run", "POST", once, status=201)
    assert (job["notebook"], job["kind"]) == ("penguins.ipynb", "Job")
    assert (await api.json("samples/penguins/run", "POST", once, status=201))["id"] == job["id"]
    assert (await api.json("jobs"))["total"] == 1


@pytest.mark.parametrize("action", ["open", "run"])
async def test_a_sample_that_there_is_not(api: Api, action: str) -> None:
    assert "recommender" in (await api.json(f"samples/poem/{action}", "POST", {}, status=404))["hint"]


async def test_schemas(api: Api) -> None:
    schemas = await api.json("schema")
    Draft202012Validator.check_schema(schemas["trainingSpec"])
    Draft202012Validator(schemas["trainingSpec"]).validate({"framework": "tensorflow"})
    assert {"JobSummary", "Submission", "Message"} <= set(schemas["wire"]["$defs"])


async def test_the_openapi_document_is_valid_and_tells_every_route(api: Api) -> None:
    document = await api.json("openapi.json")
    validate(document)
    assert set(document["paths"]) == {f"/{path}" for path in ROUTES}
    assert document["servers"][0]["url"].endswith("/jupyter-mltrain")
    create = document["paths"]["/jobs"]["post"]
    assert create["requestBody"]["content"]["application/json"]["schema"]["$ref"].endswith("/Submission")
    assert set(create["responses"]) >= {"201", "400", "403", "404", "409", "413", "415"}
    operations = [path[verb] for path in document["paths"].values() for verb in {"get", "post", "delete"} & set(path)]
    assert all(operation["summary"] and operation["x-action"] for operation in operations)

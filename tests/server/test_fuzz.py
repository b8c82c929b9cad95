"""Anything that may be sent, by schemathesis: no 500, and no answer that the OpenAPI document does not have."""

from pathlib import Path
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from tests.server._process import TOKEN, jupyter_server
from tests.support import write_notebook

HEADERS = {"Authorization": f"token {TOKEN}"}
CHECKS = [not_a_server_error, status_code_conformance, content_type_conformance, response_schema_conformance]
LEFT_OUT = "/samples/{name}/run"  # each would be a real training


def both_modes(operation: Any) -> st.SearchStrategy[schemathesis.Case]:
    """Return requests that keep to the document, and such that do not."""
    return operation.as_strategy(generation_mode=GenerationMode.POSITIVE) | operation.as_strategy(
        generation_mode=GenerationMode.NEGATIVE
    )


@pytest.mark.slow
def test_no_answer_is_a_surprise(tmp_path: Path) -> None:
    with jupyter_server(tmp_path) as server:
        write_notebook(server.root / "train.ipynb", "print(n)", parameters="n: int = 1")
        schema = schemathesis.openapi.from_url(
            f"{server.url}jupyter-mltrain/openapi.json", headers=HEADERS, wait_for_schema=60
        )
        operations = [found.ok() for found in schema.exclude(path=LEFT_OUT).get_all_operations()]
        assert len(operations) > 20
        for operation in operations:
            _fuzz(operation)


def _fuzz(operation: Any) -> None:
    @given(both_modes(operation))
    @settings(
        max_examples=25,
        derandomize=True,
        database=None,
        deadline=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    def answers(case: schemathesis.Case) -> None:
        case.call_and_validate(headers=HEADERS, checks=CHECKS)

    answers()

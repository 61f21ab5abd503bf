"""Whatever the API's own description allows to be sent, and much that it does not, is answered without a fault."""

from contextlib import nullcontext
from typing import Any, cast

import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import content_type_conformance, response_schema_conformance

from api.composition import Services
from api.http.app import create_app
from tests.conftest import Client

CHECKS = [not_a_server_error, content_type_conformance, response_schema_conformance]
SCHEMA = schemathesis.openapi.from_dict(create_app(lambda: nullcontext(cast(Services, None))).openapi())
OPERATIONS = {result.ok().label: result.ok() for result in cast(Any, SCHEMA.get_all_operations())}


@pytest.mark.parametrize("label", OPERATIONS)
def test_no_request_meets_a_fault(label: str, client: Client, url: str) -> None:
    client.create(workflow_id="w7")
    client.call("POST", "/v1/jobs", json={"media_kind": "image"})
    headers = {"Authorization": client.http.headers["Authorization"]}

    @settings(max_examples=8, database=None, suppress_health_check=list(HealthCheck))
    @given(case=OPERATIONS[label].as_strategy())
    def any_request(case: Any) -> None:
        for waiting in ("wait", "min_position"):
            (case.query or {}).pop(waiting, None)
        response = case.call(base_url=url, headers=headers, timeout=30)
        case.validate_response(response, checks=CHECKS)

    any_request()

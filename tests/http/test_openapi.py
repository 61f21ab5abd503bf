"""The service's description of itself is complete: named schemas, examples, every error."""

from typing import Any

import httpx
import pytest

from domain.large_documents import DOCUMENTS
from tests.conftest import Client
from tests.http.routes import described, operations, protected

PROBLEM = {"$ref": "#/components/schemas/Problem"}
CHANGES = {
    "describe_asset",
    "link_asset",
    "unlink_asset",
    "soft_delete_asset",
    "restore_asset",
    "hold_asset",
    "release_hold",
    "put_content",
    "complete_upload",
}
TRANSITIONS = {"start_job", "succeed_job", "fail_job", "cancel_job", "requeue_job", "set_policy"}
LISTS = {
    "list_assets",
    "list_audit_trail",
    "list_asset_events",
    "list_jobs",
    "list_job_events",
    "list_assets_with_references",
    "list_jobs_with_references",
    "get_statistics",
    "list_changed_assets",
}


@pytest.fixture
def document(url: str) -> dict[str, Any]:
    return described(url)


def references(part: object) -> set[str]:
    """Every schema that a part of the document refers to."""
    if isinstance(part, dict):
        own = {part["$ref"]} if isinstance(part.get("$ref"), str) else set()
        return own.union(*map(references, part.values()))
    return set().union(*map(references, part)) if isinstance(part, list) else set()


def bodies(operation: dict[str, Any]) -> list[dict[str, Any]]:
    """The schemas of what an operation takes and of what it answers with when it succeeds."""
    request = operation.get("requestBody", {}).get("content", {})
    answered = [answer.get("content", {}) for status, answer in operation["responses"].items() if status < "300"]
    return [media["schema"] for content in (request, *answered) for media in content.values()]


def names(schema: dict[str, Any]) -> set[str]:
    """The names of the schemas that a body has, of which null may be one."""
    options = schema.get("anyOf", [schema.get("items", schema)])
    return {option["$ref"].rpartition("/")[2] for option in options if option.get("type") not in ("null", "string")}


def test_operation_ids_are_unique_and_every_operation_is_explained(document: dict[str, Any]) -> None:
    listed = [operation for _, _, operation in operations(document)]

    assert len(listed) >= 12
    assert len({operation["operationId"] for operation in listed}) == len(listed)
    assert all(operation["description"] and operation["summary"] and operation["tags"] for operation in listed)


def test_every_reference_leads_somewhere(document: dict[str, Any]) -> None:
    schemas = {f"#/components/schemas/{name}" for name in document["components"]["schemas"]}

    assert references(document) <= schemas


def test_every_body_has_a_named_schema(document: dict[str, Any]) -> None:
    for _, path, operation in operations(document):
        for schema in bodies(operation):
            assert names(schema) or schema["type"] == "string", path


def test_every_body_has_an_example(document: dict[str, Any]) -> None:
    used = {name for _, _, operation in operations(document) for body in bodies(operation) for name in names(body)}
    schemas = document["components"]["schemas"]

    assert {name for name in used if not schemas[name].get("examples")} == set()


def test_every_error_is_described_as_a_problem(document: dict[str, Any], url: str) -> None:
    for _, _, operation in protected(url):
        for status, answer in operation["responses"].items():
            if status >= "400":
                assert list(answer["content"]) == ["application/problem+json"]
                assert answer["content"]["application/problem+json"]["schema"] == PROBLEM
                assert answer["description"]
    assert {"type", "title", "status", "detail", "request_id"} <= set(
        document["components"]["schemas"]["Problem"]["required"]
    )


@pytest.mark.parametrize(
    ("status", "of"),
    [
        ("400", LISTS | CHANGES | {"create_asset", "get_asset"}),  # bad headers, at least
        ("401", LISTS | CHANGES | {"create_asset", "get_asset"}),
        ("404", CHANGES | {"get_asset", "list_asset_events"}),
        ("409", CHANGES),
        ("412", CHANGES),
        ("413", {"create_asset", "describe_asset", "link_asset", "restore_asset", "hold_asset"}),
        ("422", LISTS | CHANGES | {"create_asset", "get_asset"}),
        ("503", LISTS | CHANGES | {"create_asset", "get_asset"}),
    ],
)
def test_every_operation_names_the_errors_it_may_end_in(url: str, status: str, of: set[str]) -> None:
    naming = {operation["operationId"] for _, _, operation in protected(url) if status in operation["responses"]}

    assert naming >= of


def test_every_operation_but_health_needs_the_key(document: dict[str, Any]) -> None:
    for _, path, operation in operations(document):
        assert bool(operation.get("security")) == path.startswith("/v1/")


def test_changes_take_if_match_and_lists_take_pages(document: dict[str, Any]) -> None:
    parameters = {
        operation["operationId"]: {parameter["name"] for parameter in operation.get("parameters", [])}
        for _, _, operation in operations(document)
    }

    assert {name for name in parameters if "If-Match" in parameters[name]} == CHANGES | TRANSITIONS
    assert {name for name in parameters if {"limit", "cursor", "min_position"} <= parameters[name]} == LISTS


def test_every_free_document_that_a_request_may_have_says_what_it_may_hold(document: dict[str, Any]) -> None:
    schemas = document["components"]["schemas"]
    descriptions = {
        (name, member): schema["properties"][member]["anyOf"][0]["description"]
        for name, schema in schemas.items()
        for member in DOCUMENTS
        if member in schema.get("properties", {}) and name.startswith(("New", "RequestOperation"))
    }
    assert len(descriptions) == 7
    assert {where for where, description in descriptions.items() if "I-JSON (RFC 7493)" not in description} == set()


def test_no_parameter_is_described_twice(document: dict[str, Any]) -> None:
    for _, path, operation in operations(document):
        parameters = [(parameter["in"], parameter["name"]) for parameter in operation.get("parameters", [])]
        assert len(set(parameters)) == len(parameters), path


def test_an_example_of_an_asset_has_only_members_an_asset_has(client: Client, document: dict[str, Any]) -> None:
    asset = client.create()

    for example in document["components"]["schemas"]["Asset"]["examples"]:
        assert set(example) <= set(asset)


def test_the_service_is_in_good_health(client: Client, url: str) -> None:
    client.create()
    response = httpx.get(f"{url}/health")

    assert response.status_code == 200
    answer = response.json()
    assert (answer["status"], answer["failures"], answer["watches"], answer["problems"]) == ("ok", [], [], [])

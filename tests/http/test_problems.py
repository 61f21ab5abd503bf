"""Every kind of problem a client can meet, each with a status, a type and a title that stay the same."""

from collections.abc import Callable
from typing import Any

import httpx
import pytest

from tests.conftest import Client
from tests.http.assertions import UNKNOWN_ID, path, problem

Asset = dict[str, Any]
Ask = Callable[[Client, Asset], httpx.Response]


def deleted(client: Client, asset: Asset) -> httpx.Response:
    client.call("DELETE", path(asset))
    return client.get(path(asset))


def too_large(client: Client, _asset: Asset) -> httpx.Response:
    """Fields of which each is allowed, and which together are more than one entry of the log can hold."""
    body = {"media": {"media_kind": "file"}, "references": [f"message:{number}{'🏰' * 500}" for number in range(200)]}
    return client.call("POST", "/v1/assets", json=body)


def large_document(client: Client, asset: Asset) -> httpx.Response:
    """A document that fits into a body: as JSON is written here, each of its numbers has 18 characters."""
    body = b'{"metadata": {"m": [' + b"1e15, " * 100_000 + b"0]}}"
    return client.call("PATCH", path(asset), content=body, headers={"Content-Type": "application/json"})


KINDS: list[tuple[int, str, str, Ask]] = [
    (400, "bad-header", "Bad header", lambda c, a: c.call("GET", path(a), headers={"X-Actor": "ann"})),
    (400, "cursor", "Cursor", lambda c, _: c.get("/v1/assets", cursor="x")),
    (400, "search-too-short", "Search too short", lambda c, _: c.get("/v1/assets", name="x")),
    (401, "unauthenticated", "Unauthenticated", lambda c, a: httpx.get(c.http.base_url.join(path(a)))),
    (404, "not-found", "Not found", lambda c, _: c.get("/v1/nothing")),
    (404, "asset-not-found", "Asset not found", lambda c, _: c.get(f"/v1/assets/{UNKNOWN_ID}")),
    (404, "asset-deleted", "Asset deleted", deleted),
    (404, "hold-not-found", "Hold not found", lambda c, a: c.call("DELETE", path(a, "holds", "x"))),
    (405, "method-not-allowed", "Method not allowed", lambda c, _: c.call("PUT", "/v1/assets")),
    (
        409,
        "origin-is-permanent",
        "Origin is permanent",
        lambda c, a: c.call("DELETE", path(a, "links"), params={"ref": "model:x"}),
    ),
    (412, "stale-revision", "Stale revision", lambda c, a: c.call("DELETE", path(a), headers={"If-Match": '"9"'})),
    (422, "invalid-request", "Invalid request", lambda c, _: c.get("/v1/assets/x")),
    (422, "bad-moment", "Bad moment", lambda c, a: c.get(path(a), as_of="then")),
    (422, "beyond-head", "Beyond head", lambda c, a: c.get(path(a), as_of=10**6)),
    (
        422,
        "document-too-large",
        "Document too large",
        large_document,
    ),
    (422, "entry-too-large", "Entry too large", too_large),
]


@pytest.mark.parametrize(("status", "kind", "title", "ask"), KINDS, ids=[kind for _, kind, _, _ in KINDS])
def test_a_problem_is_told_by_status_type_and_title(
    client: Client, status: int, kind: str, title: str, ask: Ask
) -> None:
    details = problem(ask(client, client.create(model="x")), status, kind)

    assert details["title"] == title
    assert set(details) == {"type", "title", "status", "detail", "request_id"} | ({"errors"} & set(details))


def test_a_problem_names_the_request_it_answers(client: Client) -> None:
    response = client.call("GET", f"/v1/assets/{UNKNOWN_ID}", headers={"X-Request-ID": "mine-1"})

    assert problem(response, 404)["request_id"] == "mine-1"


def test_a_problem_names_every_field_that_does_not_fit_and_why(client: Client) -> None:
    response = client.call("POST", "/v1/assets", json={"media": {"media_kind": "image", "width": 0}, "name": 7, "x": 1})

    errors = {error["field"]: error["message"] for error in problem(response, 422)["errors"]}
    assert set(errors) == {"body.media.image.width", "body.name", "body.x"}
    assert all(errors.values())


def test_a_problem_does_not_repeat_what_was_sent(client: Client) -> None:
    response = client.call("POST", "/v1/assets", json={"media": {"media_kind": "image"}, "name": ["my secret"]})

    assert "my secret" not in response.text

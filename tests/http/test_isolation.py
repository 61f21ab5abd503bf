"""Two tenants with the same data: neither ever sees, counts, finds or changes anything of the other."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import httpx
import pytest

from tests.conftest import Client
from tests.http.assertions import UNKNOWN_ID, nothing_written, path, problem
from tests.http.routes import ask, protected

FIELDS: dict[str, Any] = {
    "media": {"media_kind": "map", "format": "png"},
    "name": "Castle at dusk",
    "tags": ["concept"],
    "workflow_id": "w7",
    "message_id": "m1",
    "scope": "world:w1",
    "subject": "u_42",
}
FILTERS: list[dict[str, Any]] = [
    {},
    {"name": "castle"},
    {"tag": "concept"},
    {"media_kind": "map"},
    {"status": "ready"},
    {"workflow_id": "w7"},
    {"world_id": "w1"},
    {"ref": ["message:m1", "world:w1"]},
    {"created_after": "2026-01-01T00:00:00Z"},
]
AUDITED: list[dict[str, Any]] = [
    {},
    {"actor": "user:ann"},
    {"topic": "asset.created"},
    {"correlation_id": "same-request"},
    {"since": "2026-01-01T00:00:00Z"},
]


@dataclass(frozen=True)
class Neighbours:
    """Two tenants, each with one live, held and one deleted asset, described alike."""

    ann: Client
    bob: Client
    live: dict[str, Any]
    deleted: dict[str, Any]
    of_bob: dict[str, Any]
    deleted_of_bob: dict[str, Any]


@pytest.fixture
def neighbours(clients: Callable[..., Client]) -> Neighbours:
    ann, bob = clients(), clients()
    for client in (ann, bob):
        client.http.headers["X-Request-ID"] = "same-request"
    (live, deleted), (of_bob, deleted_of_bob) = furnished(ann), furnished(bob)
    for client in (ann, bob):
        client.page()
    return Neighbours(ann, bob, live, deleted, of_bob, deleted_of_bob)


def furnished(client: Client) -> tuple[dict[str, Any], dict[str, Any]]:
    live, deleted = client.create(**FIELDS), client.create(**FIELDS)
    client.call("PUT", path(live, "holds", "case-17"))
    client.call("DELETE", path(deleted))
    return client.get(path(live)).json(), deleted


def status_and_body(response: httpx.Response) -> tuple[int, dict[str, Any]]:
    """What an answer tells, but for the request's own id."""
    return response.status_code, (response.json() if response.content else {}) | {"request_id": None}


@pytest.mark.parametrize("filters", FILTERS)
def test_lists_searches_and_counts_show_ones_own_only(neighbours: Neighbours, filters: dict[str, Any]) -> None:
    page = neighbours.ann.page(**filters)

    assert page == {"items": [neighbours.live], "next": None}
    assert neighbours.bob.page(**filters)["items"] == [neighbours.of_bob]


def test_deleted_assets_are_shown_to_their_owner_only(neighbours: Neighbours) -> None:
    assert neighbours.ann.ids(status="deleted") == [neighbours.deleted["id"]]
    assert neighbours.bob.ids(status="deleted") == [neighbours.deleted_of_bob["id"]]


def test_an_id_that_only_the_other_has_finds_nothing(neighbours: Neighbours) -> None:
    neighbours.bob.create(claim_id="c1", name="Only here")

    assert neighbours.ann.ids(claim_id="c1") == neighbours.ann.ids(name="only") == []
    assert len(neighbours.bob.ids(claim_id="c1", name="only")) == 1


@pytest.mark.parametrize("filters", AUDITED)
def test_the_trail_shows_ones_own_only(neighbours: Neighbours, filters: dict[str, Any]) -> None:
    mine = {neighbours.live["id"], neighbours.deleted["id"], None}

    shown = neighbours.ann.page("/v1/audit", **filters)["items"]

    assert {entry["asset_id"] for entry in shown} - {None} == mine - {None}
    assert len({entry["position"] for entry in shown}) == len(shown) <= 6


def test_the_trail_of_the_other_s_asset_is_empty(neighbours: Neighbours) -> None:
    for asset in (neighbours.of_bob, neighbours.deleted_of_bob):
        assert neighbours.ann.page("/v1/audit", asset=asset["id"]) == {"items": [], "next": None}
        assert len(neighbours.bob.page("/v1/audit", asset=asset["id"])["items"]) == 2


@pytest.mark.parametrize("route", ["/v1/assets", "/v1/audit"])
def test_the_other_s_cursor_is_refused(neighbours: Neighbours, route: str) -> None:
    neighbours.bob.create(**FIELDS)
    cursor = neighbours.bob.page(route, limit=1)["next"]

    problem(neighbours.ann.get(route, limit=1, cursor=cursor), 400, "cursor")


def test_the_cursor_of_the_other_s_history_is_refused(neighbours: Neighbours) -> None:
    cursor = neighbours.bob.get(path(neighbours.of_bob, "events"), limit=1).json()["next"]

    problem(neighbours.ann.get(path(neighbours.live, "events"), cursor=cursor), 400, "cursor")
    problem(neighbours.ann.get(path(neighbours.of_bob, "events"), cursor=cursor), 400, "cursor")


def test_on_every_route_the_other_s_asset_is_answered_like_one_that_never_was(neighbours: Neighbours, url: str) -> None:
    history = neighbours.bob.history(neighbours.of_bob["id"])
    routes = [route for route in protected(url) if "{asset_id}" in route[1]]
    assert len(routes) >= 8

    with nothing_written(neighbours.ann), nothing_written(neighbours.bob):
        for operation in routes:
            never = status_and_body(ask(neighbours.ann.http, operation, UNKNOWN_ID))
            assert never[0] == 404
            for asset in (neighbours.of_bob, neighbours.deleted_of_bob):
                assert status_and_body(ask(neighbours.ann.http, operation, asset["id"])) == never

    assert neighbours.bob.get(path(neighbours.of_bob)).json() == neighbours.of_bob
    assert neighbours.bob.history(neighbours.of_bob["id"]) == history


@pytest.mark.parametrize("moment", [{"revision": 1}, {"revision": 99}, {"as_of": 3}, {"as_of": "2999-01-01T00:00:00Z"}])
def test_no_moment_of_the_other_s_asset_is_shown(neighbours: Neighbours, moment: dict[str, Any]) -> None:
    for asset in (neighbours.of_bob, neighbours.deleted_of_bob):
        never = status_and_body(neighbours.ann.get(f"/v1/assets/{UNKNOWN_ID}", **moment))
        assert status_and_body(neighbours.ann.get(path(asset), **moment)) == never
        assert never[0] == 404


@pytest.mark.parametrize("tag", ['"1"', '"2"', '"9"', "*"])
def test_if_match_does_not_betray_the_other_s_revision(neighbours: Neighbours, tag: str) -> None:
    response = neighbours.ann.call("PATCH", path(neighbours.of_bob), json={"name": "Stolen"}, headers={"If-Match": tag})

    problem(response, 404, "asset-not-found")
    assert neighbours.bob.get(path(neighbours.of_bob)).json() == neighbours.of_bob


def test_naming_the_other_as_actor_opens_nothing(neighbours: Neighbours) -> None:
    response = neighbours.ann.call("GET", path(neighbours.of_bob), headers={"X-Actor": "user:bob"})

    problem(response, 404, "asset-not-found")


def test_positions_of_the_other_s_log_are_not_counted(neighbours: Neighbours) -> None:
    head = neighbours.ann.create()["position"]
    for _ in range(5):
        neighbours.bob.create()

    assert neighbours.ann.create()["position"] == head + 1
    problem(neighbours.ann.get(path(neighbours.live), as_of=head + 2), 422, "beyond-head")


def test_one_person_under_two_tenants_is_two_persons(neighbours: Neighbours) -> None:
    neighbours.bob.create(subject="u_42", name="A secret of Bob's")

    assert neighbours.ann.ids(name="secret") == []
    assert "secret" not in neighbours.ann.get("/v1/audit", min_position=neighbours.ann.head()).text

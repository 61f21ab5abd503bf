"""A list that is given the position of a write shows the write; one asset by its id is always current."""

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import pytest

from tests.conftest import Client
from tests.http.assertions import path, problem, refused_fields

CHANGES: list[tuple[str, tuple[str, ...], dict[str, Any], dict[str, Any]]] = [
    ("PATCH", (), {"json": {"name": "Keep"}}, {"name": "keep"}),
    ("POST", ("links",), {"json": {"references": ["message:m2"]}}, {"message_id": "m2"}),
    ("DELETE", (), {}, {"status": "deleted"}),
]


def at(response: httpx.Response) -> dict[str, str]:
    """The position a list must have reached to show a write."""
    return {"min_position": response.headers["Ledger-Position"]}


def test_every_new_asset_stands_first_in_the_list_at_once(client: Client) -> None:
    for _ in range(20):
        created = client.call("POST", "/v1/assets", json={"media": {"media_kind": "image"}, "message_id": "m1"})
        for filters in ({}, {"message_id": "m1"}):
            listed = client.get("/v1/assets", limit=1, **at(created), **filters)
            assert listed.json()["items"] == [created.json()]


@pytest.mark.parametrize(("method", "below", "options", "filters"), CHANGES)
def test_a_change_is_seen_by_lists_and_trail_at_once(
    client: Client, method: str, below: tuple[str, ...], options: dict[str, Any], filters: dict[str, Any]
) -> None:
    asset = client.create(name="Castle")

    changed = client.call(method, path(asset, *below), **options)

    (listed,) = client.get("/v1/assets", **at(changed), **filters).json()["items"]
    assert (listed["id"], listed["revision"]) == (asset["id"], 2)
    newest = client.get("/v1/audit", limit=1, **at(changed)).json()["items"][0]
    assert newest == client.history(asset["id"])[1]


def test_one_asset_is_always_current(client: Client) -> None:
    asset = client.create()
    for number in range(20):
        changed = client.call("PATCH", path(asset), json={"name": f"Name {number}"})
        assert client.get(path(asset)).json() == changed.json()
        assert client.history(asset["id"])[-1]["revision"] == number + 2


def test_a_position_that_has_been_reached_needs_no_waiting(client: Client) -> None:
    asset = client.create()
    for position in (0, 1, asset["position"]):
        for route in ("/v1/assets", "/v1/audit", path(asset), path(asset, "events")):
            assert client.get(route, min_position=position).status_code == 200


def test_whoever_waits_for_a_write_to_come_sees_it(client: Client) -> None:
    coming = client.create()["position"] + 1
    with ThreadPoolExecutor(5) as pool:
        waiting = [pool.submit(client.get, "/v1/assets", limit=1, min_position=coming) for _ in range(5)]
        created = client.create()

    assert created["position"] == coming
    assert [waiter.result().json()["items"] for waiter in waiting] == [[created]] * 5


def test_a_position_too_far_ahead_is_answered_after_a_while_with_try_again(client: Client) -> None:
    asset = client.create()
    routes = ("/v1/assets", "/v1/audit", path(asset), path(asset, "events"))

    def ask(route: str) -> httpx.Response:
        return client.http.get(route, params={"min_position": 2**63 - 1})

    with ThreadPoolExecutor(len(routes)) as pool:
        answers = list(pool.map(ask, routes))

    for answer in answers:
        problem(answer, 503, "projection-lag")
        assert int(answer.headers["Retry-After"]) >= 1
        assert 4 < answer.elapsed.total_seconds() < 15


@pytest.mark.parametrize("position", [-1, 2**63, "x", "", 1.5])
def test_what_is_no_position_is_refused_once(client: Client, position: object) -> None:
    asset = client.create()
    for route in ("/v1/assets", "/v1/audit", path(asset), path(asset, "events")):
        assert refused_fields(client.get(route, min_position=position)) == ["query.min_position"]


def test_a_write_that_changes_nothing_names_the_last_position_all_the_same(client: Client) -> None:
    asset = client.create(name="Castle")
    client.create()

    for response in (
        client.call("PATCH", path(asset), json={"name": "Castle"}),
        client.call("POST", path(asset, "restore")),
        client.call("DELETE", path(asset, "links"), params={"ref": "message:none"}),
    ):
        assert int(response.headers["Ledger-Position"]) == asset["position"]

"""Lists: pages, filters, and cursors that belong to one list only."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests.conftest import Client
from tests.http.assertions import path, problem, refused_fields

FILTERS: list[dict[str, Any]] = [
    {"name": "castle"},
    {"status": "ready"},
    {"media_kind": "image"},
    {"tag": "a"},
    {"message_id": "m1"},
    {"ref": "message:m1"},
    {"created_after": "2026-01-01T00:00:00Z"},
]
Clients = Callable[..., Client]


def pages(client: Client, limit: int, route: str = "/v1/assets", **params: Any) -> Iterator[list[dict[str, Any]]]:
    """Every page of a list, from the first to the last."""
    page = client.page(route, limit=limit, **params)
    yield page["items"]
    while page["next"] is not None:
        page = client.page(route, limit=limit, cursor=page["next"], **params)
        yield page["items"]


def ids(items: list[dict[str, Any]]) -> list[str]:
    return [item["id"] for item in items]


def five(client: Client) -> list[str]:
    """The ids of five new assets, the newest first."""
    return [client.create(name=f"Castle {number}", tags=["a"], message_id="m1")["id"] for number in range(5)][::-1]


def test_an_empty_list_is_a_page_without_a_next(client: Client) -> None:
    assert client.page() == {"items": [], "next": None}


@pytest.mark.parametrize("filters", [{}, *FILTERS])
def test_five_by_three_are_three_and_two_and_an_end(client: Client, filters: dict[str, Any]) -> None:
    asset_ids = five(client)

    assert [ids(page) for page in pages(client, 3, **filters)] == [asset_ids[:3], asset_ids[3:]]


@pytest.mark.parametrize(("limit", "sizes"), [(1, [1] * 5), (4, [4, 1]), (5, [5]), (6, [5]), (200, [5])])
def test_no_page_is_empty_and_none_is_too_long(client: Client, limit: int, sizes: list[int]) -> None:
    asset_ids = five(client)

    id_pages = [ids(page) for page in pages(client, limit)]
    assert [len(page) for page in id_pages] == sizes
    assert [id_ for page in id_pages for id_ in page] == asset_ids


def test_what_is_recorded_between_two_pages_neither_repeats_nor_hides_anything(client: Client) -> None:
    asset_ids = five(client)
    first = client.page(limit=3)
    new = client.create()["id"]
    second = client.page(limit=3, cursor=first["next"])

    assert ids(first["items"]) + ids(second["items"]) == asset_ids
    assert second["next"] is None
    assert client.ids() == [new, *asset_ids]


@pytest.mark.parametrize("deleted", range(5))
def test_what_is_deleted_between_two_pages_hides_nothing_else(client: Client, deleted: int) -> None:
    asset_ids = five(client)
    first = client.page(limit=3)
    client.call("DELETE", path({"id": asset_ids[deleted]}))
    second = client.page(limit=3, cursor=first["next"])

    assert ids(first["items"]) == asset_ids[:3]
    assert ids(second["items"]) == [asset_id for asset_id in asset_ids[3:] if asset_id != asset_ids[deleted]]


def test_what_is_changed_or_restored_between_two_pages_keeps_its_place(client: Client) -> None:
    asset_ids = five(client)
    client.call("DELETE", path({"id": asset_ids[4]}))
    first = client.page(limit=3)
    for asset_id in asset_ids[:4]:
        client.call("PATCH", path({"id": asset_id}), json={"name": "Renamed"})
    client.call("POST", path({"id": asset_ids[4]}, "restore"))

    assert ids(client.page(limit=3, cursor=first["next"])["items"]) == asset_ids[3:]


def test_a_cursor_serves_again_and_with_another_page_size(client: Client) -> None:
    asset_ids = five(client)
    cursor = client.page(limit=3)["next"]

    assert client.ids(limit=1, cursor=cursor) == asset_ids[3:4]
    assert client.ids(limit=9, cursor=cursor) == client.ids(limit=9, cursor=cursor) == asset_ids[3:]


@pytest.mark.parametrize("filters", [*FILTERS, {"status": "deleted"}, {"tag": ["a", "b"]}])
def test_a_cursor_of_other_filters_is_refused(client: Client, filters: dict[str, Any]) -> None:
    five(client)
    for others in ({}, {"created_before": "2999-01-01T00:00:00Z"}):
        cursor = client.page(limit=3, **others)["next"]
        problem(client.get("/v1/assets", limit=3, cursor=cursor, **filters), 400, "cursor")


def test_a_cursor_of_another_tenant_is_refused(clients: Clients) -> None:
    ann, bob = clients(), clients(holder="bob")
    five(ann)
    five(bob)

    problem(ann.get("/v1/assets", cursor=bob.page(limit=3)["next"]), 400, "cursor")
    problem(ann.get("/v1/audit", cursor=bob.page("/v1/audit", limit=3)["next"]), 400, "cursor")


def test_a_cursor_serves_every_key_of_its_tenant(clients: Clients) -> None:
    ann = clients()
    asset_ids = five(ann)

    assert clients(ann.tenant_id, "bob").ids(cursor=ann.page(limit=3)["next"]) == asset_ids[3:]


@pytest.mark.parametrize("asked", [["message:m1", "message:m1"], ["message:m1"]])
def test_repetitions_do_not_make_it_another_list(client: Client, asked: list[str]) -> None:
    asset_ids = five(client)
    first = client.page(limit=3, ref=["message:m1"])

    assert client.ids(limit=3, ref=asked, cursor=first["next"]) == asset_ids[3:]


@pytest.mark.parametrize("cursor", ["", "x", "!!!", "MTIz", "ä", "0", "a" * 200, "\0", "eyJhIjoxfQ", "LTE"])
@pytest.mark.parametrize("route", ["/v1/assets", "/v1/audit"])
def test_what_is_no_cursor_is_refused(client: Client, route: str, cursor: str) -> None:
    problem(client.get(route, cursor=cursor), 400, "cursor")


def test_a_cursor_of_another_resource_is_refused(client: Client) -> None:
    asset_ids = five(client)
    client.call("PATCH", path({"id": asset_ids[0]}), json={"name": "Keep"})
    client.call("PATCH", path({"id": asset_ids[1]}), json={"name": "Keep"})
    routes = ["/v1/assets", "/v1/audit", path({"id": asset_ids[0]}, "events"), path({"id": asset_ids[1]}, "events")]
    cursors = {route: client.page(route, limit=1)["next"] for route in routes}

    for route in routes:
        for other in set(routes) - {route}:
            problem(client.get(route, cursor=cursors[other]), 400, "cursor")


@pytest.mark.parametrize("limit", [0, -1, 201, "x", "", 1.5, 10**30])
@pytest.mark.parametrize("below", ["/v1/assets", "/v1/audit", "events"])
def test_a_page_of_an_impossible_size_is_refused(client: Client, below: str, limit: object) -> None:
    route = below if below.startswith("/") else path(client.create(), below)

    assert refused_fields(client.get(route, limit=limit)) == ["query.limit"]


@pytest.mark.parametrize("below", ["/v1/assets", "/v1/audit", "events"])
@pytest.mark.parametrize("unknown", ["nam", "Name", "offset", "as_off", "workflow"])
def test_an_unknown_filter_is_refused_and_not_ignored(client: Client, below: str, unknown: str) -> None:
    route = below if below.startswith("/") else path(client.create(), below)

    assert refused_fields(client.get(route, **{unknown: "1"})) == [f"query.{unknown}"]


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("status", "gone"),
        ("status", ""),
        ("media_kind", "hologram"),
        ("created_after", "yesterday"),
        ("created_after", "2026-11-20"),
        ("created_before", "2026-11-20T12:00:00"),
        ("created_after", "0001-01-01T00:00:00+14:00"),
        ("created_before", "9999-12-31T23:59:59-14:00"),
        ("name", "a\0b"),
        ("cursor", "x" * 201),
    ],
)
def test_a_filter_that_cannot_be_is_refused_by_name(client: Client, field: str, value: object) -> None:
    assert refused_fields(client.get("/v1/assets", **{field: value})) == [f"query.{field}"]


def test_each_filter_finds_what_fits_and_nothing_else(client: Client) -> None:
    image = client.create(tags=["a", "b"])["id"]
    audio = client.create(media={"media_kind": "audio"}, tags=["b", "A"])["id"]
    pending = client.create(status="pending")["id"]
    client.call("DELETE", path({"id": client.create()["id"]}))

    assert client.ids(media_kind="audio") == [audio]
    assert client.ids(media_kind="map") == []
    assert client.ids(status="pending") == [pending]
    assert client.ids(status="ready") == [audio, image]
    assert client.ids(tag="b") == [audio, image]
    assert client.ids(tag=["b", "a"]) == client.ids(tag="a") == [image]
    assert client.ids() == [pending, audio, image]


def test_times_bound_the_list_on_both_sides(client: Client) -> None:
    assets = [client.create() for _ in range(3)]
    times = [datetime.fromisoformat(asset["created_at"]) for asset in assets]
    tick = timedelta(microseconds=1)

    assert client.ids(created_after=times[0].isoformat()) == [assets[2]["id"], assets[1]["id"]]
    assert client.ids(created_before=times[2].isoformat()) == [assets[1]["id"], assets[0]["id"]]
    middle = {"created_after": (times[1] - tick).isoformat(), "created_before": (times[1] + tick).isoformat()}
    assert client.ids(**middle) == [assets[1]["id"]]
    assert client.ids(created_after=(datetime.now(UTC) + timedelta(hours=1)).isoformat()) == []


def test_a_time_is_the_same_in_every_zone(client: Client) -> None:
    asset = client.create()
    moment = datetime.fromisoformat(asset["created_at"]) - timedelta(microseconds=1)
    east = (moment.replace(tzinfo=None) + timedelta(hours=5, minutes=30)).isoformat() + "+05:30"

    assert client.ids(created_after=east) == [asset["id"]]
    assert client.ids(created_before=east) == []

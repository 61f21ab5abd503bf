"""What changed between two moments: each asset once, as it was at the second, and how it differs from the first."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests.conftest import Client
from tests.http.assertions import path, problem, refused_fields
from tests.http.test_history import NO_MOMENTS

ROUTE = "/v1/changes"


def differences(client: Client, **params: Any) -> list[tuple[str, str, int | None]]:
    """The differences with the names of the assets and their revisions before."""
    answer = client.get(ROUTE, **params)
    assert answer.status_code == 200, answer.text
    items = answer.json()["items"]
    return [(item["difference"], item["asset"]["name"], item["revision_before"]) for item in items]


def furnished(client: Client) -> list[int]:
    """The positions at the end of three days."""
    names = ("same", "changed", "deleted", "restored", "twice")
    assets = {name: client.create(name=name, message_id="m1") for name in names}
    client.call("DELETE", path(assets["restored"]))
    days = [client.head()]
    client.call("POST", path(assets["changed"], "links"), json={"references": ["message:m2"]})
    client.call("DELETE", path(assets["deleted"]))
    client.call("POST", path(assets["restored"], "restore"))
    client.call("DELETE", path(assets["twice"]))
    client.call("POST", path(assets["twice"], "restore"))
    client.create(name="new", message_id="m1")
    days.append(client.head())
    client.call("PATCH", path(assets["changed"]), json={"name": "changed again"})
    return [*days, client.head()]


ON_THE_SECOND_DAY = [
    ("created", "new", None),
    ("changed", "twice", 1),
    ("restored", "restored", 2),
    ("deleted", "deleted", 1),
    ("changed", "changed", 1),
]


def test_each_asset_differs_in_one_way_and_is_shown_as_it_was_at_the_second_moment(client: Client) -> None:
    first, second, third = furnished(client)

    span = {"from": first, "to": second}
    assert differences(client, **span) == ON_THE_SECOND_DAY
    assert differences(client, order="asc", **span) == ON_THE_SECOND_DAY[::-1]
    assert differences(client, **{"from": second}) == differences(client, **{"from": second, "to": third})
    assert differences(client, **{"from": second}) == [("changed", "changed again", 2)]
    assert differences(client, **{"from": third}) == differences(client, **{"from": first, "to": first}) == []
    assert {kind for kind, _, _ in differences(client, **{"from": 0})} == {"created"}
    answer = client.get(ROUTE, **span).json()
    assert (answer["from_position"], answer["to_position"]) == (first, second)
    for item in answer["items"]:
        if item["difference"] != "deleted":
            assert item["asset"] == client.get(path(item["asset"]), as_of=second).json()


def test_differences_and_lists_agree(client: Client) -> None:
    first, second, _ = furnished(client)

    def listed(moment: int) -> dict[str, Any]:
        both = [
            client.get("/v1/assets", as_of=moment, **status).json()["items"] for status in ({}, {"status": "deleted"})
        ]
        return {asset["id"]: asset for items in both for asset in items}

    before, after = listed(first), listed(second)
    items = client.get(ROUTE, **{"from": first, "to": second}).json()["items"]
    assert {item["asset"]["id"]: item["asset"] for item in items} == {
        id_: asset for id_, asset in after.items() if asset != before.get(id_)
    }
    for item in items:
        assert item["revision_before"] == before.get(item["asset"]["id"], {"revision": None})["revision"]


def test_filters_go_by_what_the_assets_are_at_the_second_moment(client: Client) -> None:
    first, second, _ = furnished(client)
    span = {"from": first, "to": second}

    assert [name for _, name, _ in differences(client, message_id="m2", **span)] == ["changed"]
    assert [name for _, name, _ in differences(client, status="deleted", **span)] == ["deleted"]
    assert [name for _, name, _ in differences(client, name="re", **span)] == ["restored"]
    assert differences(client, media_kind="video", **span) == []
    assert differences(client, name="again", **span) == []
    problem(client.get(ROUTE, name="a", **span), 400, "search-too-short")


def test_pages_are_of_the_same_moments_whatever_comes_between_them(client: Client) -> None:
    first, second, _ = furnished(client)
    soon = (datetime.now(UTC) + timedelta(seconds=3)).isoformat()
    for span in ({"from": first, "to": second}, {"from": first}, {"from": first, "to": soon}):
        expected = differences(client, **span)
        page = client.get(ROUTE, limit=2, **span)
        read = list(page.json()["items"])
        while page.json()["next"]:
            client.create(name="late")
            page = client.get(ROUTE, limit=2, cursor=page.json()["next"], **span)
            read += page.json()["items"]
        assert [(item["difference"], item["asset"]["name"], item["revision_before"]) for item in read] == expected


def test_a_cursor_of_other_moments_filters_or_tenants_is_refused(clients: Callable[..., Client]) -> None:
    ann, bob = clients(), clients()
    first, second, _ = furnished(ann)
    furnished(bob)
    span = {"from": first, "to": second}
    cursor = ann.get(ROUTE, limit=1, **span).json()["next"]
    others = ({"from": first - 1, "to": second}, {"from": first}, {"from": first, "to": second + 1})
    for other in (*others, {**span, "name": "changed"}, {**span, "order": "asc"}):
        problem(ann.get(ROUTE, limit=1, cursor=cursor, **other), 400, "cursor")
    problem(bob.get(ROUTE, limit=1, cursor=cursor, **span), 400, "cursor")
    problem(ann.get("/v1/assets", limit=1, cursor=cursor, as_of=second), 400, "cursor")
    problem(ann.get(ROUTE, cursor=ann.page(limit=1, as_of=second)["next"], **span), 400, "cursor")


def test_moments_that_do_not_fit_are_refused(client: Client) -> None:
    head = client.create()["position"]
    assert refused_fields(client.get(ROUTE)) == refused_fields(client.get(ROUTE, to=head)) == ["query.from"]
    problem(client.get(ROUTE, **{"from": head, "to": head - 1}), 422, "moments-reversed")
    problem(client.get(ROUTE, **{"from": head + 1}), 422, "beyond-head")
    problem(client.get(ROUTE, **{"from": 0, "to": head + 1}), 422, "beyond-head")
    problem(client.get(ROUTE, **{"from": 0, "to": "2999-01-01T00:00:00Z"}), 422, "beyond-head")


@pytest.mark.parametrize("moment", NO_MOMENTS)
def test_what_is_no_moment_is_refused_by_the_name_of_its_parameter(client: Client, moment: str) -> None:
    for name, span in (("from", {"from": moment}), ("to", {"from": 0, "to": moment})):
        assert problem(client.get(ROUTE, **span), 422, "bad-moment")["detail"].startswith(f"{name} takes a position")


def test_another_tenants_changes_are_nobody_elses(clients: Callable[..., Client]) -> None:
    ann, bob = clients(), clients()
    furnished(bob)
    ann.create(name="only")
    assert differences(ann, **{"from": 0}) == [("created", "only", None)]

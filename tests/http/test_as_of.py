"""Lists look back: to a position or a time they show what they showed then, page by page, deleted or not."""

import base64
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest

from tests.conftest import Client
from tests.http.assertions import path, problem
from tests.http.job_requests import asked, done
from tests.http.test_history import NO_MOMENTS

AS_OF = "Ledger-As-Of"
ROUTES = ["/v1/assets", "/v1/jobs", "/v1/references/message/assets?id=m1", "/v1/references/message/jobs?id=m1"]
LOOKING_BACK = [*ROUTES, "/v1/statistics", "/v1/statistics?group_by=client", "/v1/lineage?ref=message:m1"]


def then(client: Client, moment: object, route: str = "/v1/assets", **params: Any) -> list[dict[str, Any]]:
    """The items that a list shows as of a moment."""
    answer = client.get(route, as_of=moment, **params)
    assert answer.status_code == 200, answer.text
    items: list[dict[str, Any]] = answer.json()["items"]
    return items


def furnished(client: Client) -> tuple[list[int], list[list[dict[str, Any]]]]:
    """Positions, and what the list of assets showed at each of them."""
    castle = client.create(name="Castle", tags=["a"], message_id="m1")
    steps: list[Callable[[], object]] = [
        lambda: client.create(name="Tower"),
        lambda: client.call("PATCH", path(castle), json={"name": "Keep", "tags": []}),
        lambda: client.call("DELETE", path(castle, "links"), params={"ref": "message:m1"}),
        lambda: client.call("DELETE", path(castle)),
        lambda: client.call("POST", path(castle, "restore")),
        lambda: client.call("POST", path(castle, "links"), json={"references": ["message:m1"]}),
    ]
    positions, lists = [client.head()], [client.page()["items"]]
    for step in steps:
        step()
        positions.append(client.head())
        lists.append(client.page()["items"])
    return positions, lists


def test_a_list_as_of_a_position_is_what_it_was_then(client: Client) -> None:
    positions, lists = furnished(client)

    assert [then(client, position) for position in positions] == lists
    assert then(client, 0) == []
    assert then(client, positions[-1]) == client.page()["items"]


def test_filters_orders_and_totals_are_those_of_the_moment(client: Client) -> None:
    created, second, renamed, unlinked, deleted, restored, linked = furnished(client)[0]

    def names(moment: int, **params: Any) -> list[str]:
        return [asset["name"] for asset in then(client, moment, **params)]

    assert names(created, name="castle") == names(created, tag="a") == names(second, message_id="m1") == ["Castle"]
    assert names(renamed, name="castle") == names(renamed, tag="a") == names(unlinked, message_id="m1") == []
    assert names(deleted, status="deleted") == ["Keep"]
    assert names(restored, status="deleted") == names(restored, message_id="m1") == []
    assert names(linked, message_id="m1") == ["Keep"]
    assert names(linked) == ["Tower", "Keep"]
    assert names(linked, sort="updated") == ["Keep", "Tower"]
    assert names(linked, sort="updated", order="asc") == ["Tower", "Keep"]
    totals = [client.get("/v1/assets", as_of=at, total=True).json()["total"] for at in (created, second, deleted)]
    assert totals == [1, 2, 1]


def test_a_lookup_by_reference_looks_back_too(client: Client) -> None:
    _, second, _, unlinked, _, _, linked = furnished(client)[0]
    route = "/v1/references/message/assets"

    assert [len(then(client, moment, route, id="m1")) for moment in (second, unlinked, linked)] == [1, 0, 1]
    assert then(client, second, route, id="m1")[0]["name"] == "Castle"


def test_jobs_are_listed_as_they_were(client: Client) -> None:
    job = asked(client, run="r1", references=["message:m1"])
    started = done(client, job, "start", attempt=1)
    failed = done(client, job, "fail", attempt=1, code="x", message="out of memory")

    assert then(client, job["position"] - 1, "/v1/jobs") == []
    for state in (job, started, failed):
        for params in ({}, {"status": state["status"]}, {"ref": "message:m1"}, {"job_id": "r1"}):
            assert then(client, state["position"], "/v1/jobs", **params) == [state]
        assert then(client, state["position"], "/v1/references/message/jobs", id="m1") == [state]
        assert client.get("/v1/jobs", as_of=state["position"], total=True).json()["total"] == 1
    assert then(client, started["position"], "/v1/jobs", error="memory") == []
    assert then(client, failed["position"], "/v1/jobs", error="MEMORY") == [failed]


def test_a_time_stands_for_the_last_position_at_it(client: Client) -> None:
    positions, lists = furnished(client)
    for position, items in zip(positions, lists, strict=True):
        (event,) = [event for event in client.page("/v1/audit", limit=200)["items"] if event["position"] == position]
        answer = client.get("/v1/assets", as_of=event["time"])
        assert (answer.headers[AS_OF], answer.json()["items"]) == (str(position), items)


@pytest.mark.parametrize("route", ROUTES)
def test_every_page_names_the_moment(client: Client, route: str) -> None:
    for number in range(3):
        client.create(message_id="m1")
        asked(client, run=str(number), references=["message:m1"])
    head = client.head()
    separator = "&" if "?" in route else "?"
    first = client.call("GET", f"{route}{separator}limit=2&as_of={head}")
    second = client.call("GET", f"{route}{separator}limit=2&as_of={head}&cursor={first.json()['next']}")

    assert [page.headers[AS_OF] for page in (first, second)] == [str(head)] * 2
    assert [len(page.json()["items"]) for page in (first, second)] == [2, 1]
    assert AS_OF not in client.call("GET", route).headers


def test_the_pages_of_a_time_are_of_one_moment_whatever_comes_between_them(client: Client) -> None:
    assets = [client.create(name=f"Castle {number}") for number in range(5)][::-1]
    moment = (datetime.now(UTC) + timedelta(seconds=3)).isoformat()
    first = client.get("/v1/assets", as_of=moment, limit=3)
    client.create(name="Late")  # at a time that is before the moment too
    client.call("DELETE", path(assets[4]))
    second = client.get("/v1/assets", as_of=moment, limit=3, cursor=first.json()["next"])

    assert first.json()["items"] + second.json()["items"] == assets
    assert second.json()["next"] is None
    assert first.headers[AS_OF] == second.headers[AS_OF] == str(assets[0]["position"])


@pytest.mark.parametrize("route", ["/v1/assets", "/v1/jobs"])
def test_a_cursor_of_another_moment_is_refused(client: Client, route: str) -> None:
    for number in range(3):
        client.create()
        asked(client, run=str(number))
    head, time = client.head(), datetime.now(UTC).isoformat()

    def cursor(**moment: Any) -> str:
        answer: str = client.page(route, limit=1, **moment)["next"]
        return answer

    for moment in ({"as_of": head}, {"as_of": time}):
        own = cursor(**moment)
        assert client.get(route, limit=1, cursor=own, **moment).status_code == 200
        for other in ({}, {"as_of": head - 1}, {"as_of": "2026-01-01T00:00:00Z"}):
            problem(client.get(route, limit=1, cursor=own, **other), 400, "cursor")
            problem(client.get(route, limit=1, cursor=own, order="asc", **moment), 400, "cursor")
    for moment in ({"as_of": head}, {"as_of": time}):
        problem(client.get(route, limit=1, cursor=cursor(), **moment), 400, "cursor")
    problem(client.get(route, limit=1, cursor=cursor(as_of=time), as_of=head), 400, "cursor")


@pytest.mark.parametrize("text", ["", "x", "1.2", "1.2.3", "1.x.3", "1.-1.3", "1." + "9" * 18 + ".3", "1.²."])
@pytest.mark.parametrize("moment", [1, "2026-01-01T00:00:00Z"])
def test_what_is_no_cursor_is_refused_whatever_the_moment(client: Client, text: str, moment: object) -> None:
    cursor = base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")
    answer = client.get("/v1/assets", cursor=cursor, as_of=moment)
    assert answer.status_code in {400, 422}
    assert answer.json()["type"].rpartition(":")[2] in {"cursor", "beyond-head"}


@pytest.mark.parametrize("route", LOOKING_BACK)
def test_a_moment_that_has_not_come_is_refused(client: Client, route: str) -> None:
    ahead = (datetime.now(UTC) + timedelta(minutes=1)).isoformat()
    for moment in (client.head() + 1, 10**17, "2999-01-01T00:00:00Z", ahead):
        problem(client.call("GET", str(httpx.URL(route).copy_merge_params({"as_of": str(moment)}))), 422, "beyond-head")


@pytest.mark.parametrize("moment", NO_MOMENTS)
@pytest.mark.parametrize("route", LOOKING_BACK)
def test_what_is_no_moment_is_refused(client: Client, route: str, moment: str) -> None:
    problem(client.call("GET", str(httpx.URL(route).copy_merge_params({"as_of": moment}))), 422, "bad-moment")


def test_a_list_of_a_moment_just_now_waits_until_all_of_it_is_visible(client: Client) -> None:
    for _ in range(20):
        asset = client.create()
        assert then(client, asset["position"], limit=1) == [asset]
        assert then(client, asset["created_at"], limit=1, min_position=asset["position"]) == [asset]


def test_before_the_first_event_there_was_nothing(client: Client) -> None:
    client.create()
    for route in ("/v1/assets", "/v1/jobs"):
        answer = client.get(route, as_of="1970-01-01T00:00:00Z")
        assert (answer.json()["items"], answer.headers[AS_OF]) == ([], "0")


def test_what_is_another_tenants_was_never_in_the_list(clients: Callable[..., Client]) -> None:
    ann, bob = clients(), clients()
    for client in (bob, ann):
        furnished(client)
        asked(client, run="r1")
    head = min(ann.head(), bob.head())
    ids = [{item["id"] for at in range(head + 1) for item in then(c, at) + then(c, at, "/v1/jobs")} for c in (ann, bob)]
    assert len(ids[0]) == len(ids[1]) == 3
    assert not ids[0] & ids[1]
    for moment in (head, datetime.now(UTC).isoformat()):
        cursor = bob.page(limit=1, as_of=moment)["next"]
        problem(ann.get("/v1/assets", limit=1, as_of=moment, cursor=cursor), 400, "cursor")

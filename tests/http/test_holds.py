"""Legal holds: put on, kept while others are lifted, lifted."""

import pytest

from tests.conftest import Client
from tests.http.assertions import nothing_written, path, problem, topics


def test_a_hold_is_put_shown_and_lifted(client: Client) -> None:
    asset = client.create()

    put = client.call("PUT", path(asset, "holds", "case-17"), json={"reason": "Doe v. Roe"})
    assert put.status_code == 204
    assert int(put.headers["Ledger-Position"]) == asset["position"] + 1
    assert client.get(path(asset)).json()["holds"] == ["case-17"]
    assert client.page()["items"][0]["holds"] == ["case-17"]

    released = client.call("DELETE", path(asset, "holds", "case-17"), params={"reason": "Settled"})
    assert released.status_code == 204
    assert client.get(path(asset)).json()["holds"] == []

    _, held, lifted = client.history(asset["id"])
    assert (held["topic"], held["reason"]) == ("asset.held", "Doe v. Roe")
    assert held["changes"] == [{"field": "holds", "before": [], "after": ["case-17"]}]
    assert (lifted["topic"], lifted["reason"]) == ("asset.hold_released", "Settled")
    assert lifted["changes"] == [{"field": "holds", "before": ["case-17"], "after": []}]


def test_each_hold_stands_by_itself(client: Client) -> None:
    asset = client.create()
    for hold in ("a", "b", "c"):
        client.call("PUT", path(asset, "holds", hold))
    client.call("DELETE", path(asset, "holds", "b"))

    assert client.get(path(asset)).json()["holds"] == ["a", "c"]


def test_putting_a_hold_again_is_no_event(client: Client) -> None:
    asset = client.create()
    client.call("PUT", path(asset, "holds", "a"))

    with nothing_written(client):
        assert client.call("PUT", path(asset, "holds", "a")).status_code == 204

    assert topics(client, asset) == ["asset.created", "asset.held"]


def test_a_hold_that_is_not_there_cannot_be_lifted(client: Client) -> None:
    asset = client.create()

    with nothing_written(client):
        problem(client.call("DELETE", path(asset, "holds", "a")), 404, "hold-not-found")


def test_a_deleted_asset_can_be_held_and_stays_held_when_it_is_restored(client: Client) -> None:
    asset = client.create()
    client.call("DELETE", path(asset))

    assert client.call("PUT", path(asset, "holds", "a")).status_code == 204
    assert client.page(status="deleted")["items"][0]["holds"] == ["a"]
    assert client.call("POST", path(asset, "restore")).json()["holds"] == ["a"]
    assert topics(client, asset) == ["asset.created", "asset.soft_deleted", "asset.held", "asset.restored"]


@pytest.mark.parametrize(
    ("name", "written"), [("Fall Ä", "Fall%20%C3%84"), ("100%", "100%25"), ("2026/17", "2026%2F17")]
)
def test_a_hold_may_have_any_name(client: Client, name: str, written: str) -> None:
    asset = client.create()

    assert client.call("PUT", path(asset, "holds", written)).status_code == 204
    assert client.get(path(asset)).json()["holds"] == [name]
    assert client.call("DELETE", path(asset, "holds", written)).status_code == 204
    assert client.get(path(asset)).json()["holds"] == []


@pytest.mark.parametrize("written", ["x" * 513, "%00"])
def test_a_hold_without_a_fitting_name_is_refused(client: Client, written: str) -> None:
    asset = client.create()

    with nothing_written(client):
        problem(client.call("PUT", path(asset, "holds", written)), 422, "invalid-request")

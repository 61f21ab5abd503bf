"""Changing the words about an asset."""

from typing import Any

import pytest

from tests.conftest import Client
from tests.http.assertions import nothing_written, path, problem, refused_fields, topics

WORDS: dict[str, Any] = {
    "name": "Castle",
    "description": "At dusk",
    "tags": ["a", "b"],
    "metadata": {"seed": 7, "sampler": {"steps": 20}},
}
OTHER: dict[str, Any] = {"name": "Keep", "description": "At dawn", "tags": ["b", "a"], "metadata": {"seed": 8}}
CLEARED: dict[str, Any] = {"name": None, "description": None, "tags": [], "metadata": None}


def describe(client: Client, asset: dict[str, Any], **words: object) -> dict[str, Any]:
    response = client.call("PATCH", path(asset), json=words)
    assert response.status_code == 200, response.text
    changed: dict[str, Any] = response.json()
    return changed


def differences(before: dict[str, Any], after: dict[str, Any]) -> set[str]:
    return {field for field in before if before[field] != after[field]}


@pytest.mark.parametrize("field", WORDS)
@pytest.mark.parametrize("new", [OTHER, CLEARED], ids=["another value", "cleared"])
def test_only_what_is_given_changes(client: Client, field: str, new: dict[str, Any]) -> None:
    asset = client.create(**WORDS)

    changed = describe(client, asset, **{field: new[field]})

    assert changed[field] == new[field]
    assert differences(asset, changed) == {field, "revision", "position", "updated_at"}
    assert client.get(path(asset)).json() == changed
    assert client.page()["items"] == [changed]
    (change,) = client.history(asset["id"])[1]["changes"]
    assert change == {"field": field, "before": WORDS[field], "after": new[field]}


@pytest.mark.parametrize("field", WORDS)
def test_null_clears(client: Client, field: str) -> None:
    changed = describe(client, client.create(**WORDS), **{field: None})

    assert changed[field] == CLEARED[field]


@pytest.mark.parametrize("words", [{"name": "Castle"}, WORDS, {"tags": ["a", "b", "a"]}])
def test_saying_the_same_again_is_no_event(client: Client, words: dict[str, Any]) -> None:
    asset = client.create(**WORDS)

    with nothing_written(client):
        response = client.call("PATCH", path(asset), json=words)

    assert response.status_code == 200
    assert response.json() == asset
    assert response.headers["ETag"] == '"1"'
    assert topics(client, asset) == ["asset.created"]


@pytest.mark.parametrize(
    ("before", "after"),
    [({"on": 1}, {"on": True}), ({"on": [0]}, {"on": [False]}), ({"n": 1}, {"n": "1"}), ({"n": None}, {})],
)
def test_values_that_are_different_in_json_are_different(
    client: Client, before: dict[str, Any], after: dict[str, Any]
) -> None:
    changed = describe(client, client.create(metadata=before), metadata=after)

    assert repr(changed["metadata"]) == repr(after)
    (change,) = client.history(changed["id"])[1]["changes"]
    assert repr([change["before"], change["after"]]) == repr([before, after])


def test_several_fields_change_in_one_event(client: Client) -> None:
    asset = client.create(**WORDS)

    changed = describe(client, asset, name="Keep", description=None, reason="Renamed by the client")

    assert (changed["name"], changed["description"], changed["revision"]) == ("Keep", None, 2)
    event = client.history(asset["id"])[1]
    assert event["topic"] == "asset.described"
    assert event["reason"] == "Renamed by the client"
    assert {change["field"] for change in event["changes"]} == {"name", "description"}


def test_a_new_name_is_found_and_the_old_one_no_longer(client: Client) -> None:
    asset = client.create(**WORDS)

    describe(client, asset, name="Keep", tags=["c"])

    assert client.ids(name="keep") == client.ids(tag="c") == [asset["id"]]
    assert client.ids(name="castle") == client.ids(tag="a") == []


def test_changes_add_up(client: Client) -> None:
    asset = client.create()
    for revision in range(2, 7):
        changed = describe(client, asset, name=f"Name {revision}")
        assert changed["revision"] == revision

    assert client.get(path(asset)).headers["ETag"] == '"6"'
    assert [event["revision"] for event in client.history(asset["id"])] == [1, 2, 3, 4, 5, 6]


@pytest.mark.parametrize("body", [{}, {"reason": "no change"}])
def test_a_change_that_says_nothing_is_refused(client: Client, body: dict[str, Any]) -> None:
    asset = client.create()

    with nothing_written(client):
        response = client.call("PATCH", path(asset), json=body)

    assert refused_fields(response) == ["body"]


@pytest.mark.parametrize("field", ["media", "status", "scope", "references", "id", "file_name", "prompt_spec"])
def test_what_an_asset_is_cannot_be_described_away(client: Client, field: str) -> None:
    asset = client.create()

    with nothing_written(client):
        response = client.call("PATCH", path(asset), json={field: asset.get(field), "name": "x"})

    assert refused_fields(response) == [f"body.{field}"]
    assert client.get(path(asset)).json() == asset


def test_a_deleted_asset_cannot_be_described(client: Client) -> None:
    asset = client.create(**WORDS)
    client.call("DELETE", path(asset))

    with nothing_written(client):
        problem(client.call("PATCH", path(asset), json={"name": "x"}), 404, "asset-deleted")

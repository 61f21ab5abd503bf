"""From references to the assets and jobs that have all of them, whatever characters their ids are made of."""

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings

from tests.conftest import Client
from tests.domain import strategies as some

ODD = ["conv-7/ä", "a:b", "100%", "%2F", "a b", "../..", "?id=x&y", "#1", "猫", "'; DROP TABLE assets", "a\\b", "\n"]


def looked_up(client: Client, kind: str, ids: list[str], what: str = "assets") -> list[str]:
    """The ids of what has all the references."""
    page = client.page(f"/v1/references/{kind}/{what}", id=ids)
    return [item["id"] for item in page["items"]]


def job(client: Client, **body: Any) -> str:
    """Ask for a job; returns its id."""
    id_: str = client.call("POST", "/v1/jobs", json={"media_kind": "image"} | body).json()["id"]
    return id_


@pytest.mark.parametrize("id_", ODD)
def test_an_id_of_any_characters_finds_what_has_exactly_it(clients: Callable[..., Client], id_: str) -> None:
    client, other = clients(), clients()
    references = [f"conversation:{id_}"]
    for caller in (other, client):
        caller.create(references=[f"conversation:{id_}x", f"message:{id_}"])
        asset = caller.create(references=references)["id"]
        asked = job(caller, references=references)
    assert looked_up(client, "conversation", [id_]) == [asset]
    assert looked_up(client, "conversation", [id_], "jobs") == [asked]


def test_made_up_ids_find_what_has_them(clients: Callable[..., Client]) -> None:
    client, other = clients(), clients()

    @settings(max_examples=40)
    @given(some.text)
    def finds(id_: str) -> None:
        for caller in (other, client):
            asset = caller.create(references=[{"kind": "message", "id": id_}])["id"]
        assert looked_up(client, "message", [id_])[0] == asset

    finds()


def test_several_ids_must_all_be_there_and_repeating_one_changes_nothing(client: Client) -> None:
    both = client.create(references=["claim:c1", "claim:c2"])["id"]
    first = client.create(references=["claim:c1"])["id"]
    client.create(references=["claim:c2", "message:c1"])
    asked = job(client, references=["claim:c1", "claim:c2"])
    job(client, references=["claim:c1"])
    assert looked_up(client, "claim", ["c1", "c2"]) == looked_up(client, "claim", ["c2", "c1", "c2"]) == [both]
    assert looked_up(client, "claim", ["c1"]) == [first, both]
    assert looked_up(client, "claim", ["c1", "c3"]) == []
    assert looked_up(client, "claim", ["c2", "c1", "c1"], "jobs") == [asked]


def test_origin_scope_and_links_all_count_until_a_link_is_taken_away(client: Client) -> None:
    asset = client.create(workflow_id="w7", scope="world:w1", references=["message:m1"])["id"]
    kinds = {"workflow": "w7", "world": "w1", "message": "m1"}
    for kind, id_ in kinds.items():
        assert looked_up(client, kind, [id_]) == [asset]
    client.call("DELETE", f"/v1/assets/{asset}/links?ref=message:m1")
    assert looked_up(client, "message", ["m1"]) == []
    client.call("POST", f"/v1/assets/{asset}/links", json={"references": ["message:m2"]})
    assert looked_up(client, "message", ["m2"]) == [asset]
    client.call("DELETE", f"/v1/assets/{asset}")
    assert looked_up(client, "message", ["m2"]) == []


def test_a_job_is_found_by_what_it_was_asked_with_and_its_assets_by_the_job(client: Client) -> None:
    asked = job(client, claim_id="c7", scope="client:k1", run="engine-1")
    client.call("POST", f"/v1/jobs/{asked}/start", json={"attempt": 1})
    asset_ids = client.call(
        "POST", f"/v1/jobs/{asked}/succeed", json={"attempt": 1, "assets": [{"media": {"media_kind": "image"}}]}
    ).json()["assets"]
    for kind, id_ in {"claim": "c7", "client": "k1", "run": "engine-1"}.items():
        assert looked_up(client, kind, [id_], "jobs") == [asked]
        assert looked_up(client, kind, [id_]) == asset_ids
    assert looked_up(client, "job", [asked]) == asset_ids
    assert looked_up(client, "job", ["engine-1"]) == []


@pytest.mark.parametrize("what", ["assets", "jobs"])
def test_a_lookup_is_paged_and_its_cursor_belongs_to_it(clients: Callable[..., Client], what: str) -> None:
    client, other = clients(), clients()
    for caller in (client, other):
        for number in range(5):
            if what == "assets":
                caller.create(references=["claim:c1"])
            else:
                job(caller, references=["claim:c1"], run=str(number))
    path = f"/v1/references/claim/{what}"
    first = client.page(path, id="c1", limit=3)
    cursor = first["next"]
    assert client.get(path, id="c2", cursor=cursor).status_code == 400
    assert other.get(path, id="c1", cursor=cursor).status_code == 400
    assert client.get(f"/v1/references/message/{what}", id="c1", cursor=cursor).status_code == 400
    rest = client.page(path, id="c1", limit=3, cursor=cursor)
    assert (len(first["items"]), len(rest["items"]), rest["next"]) == (3, 2, None)
    assert len({item["id"] for item in first["items"] + rest["items"]}) == 5


@pytest.mark.parametrize("what", ["assets", "jobs"])
@pytest.mark.parametrize(
    "path",
    [
        "claim/{}",
        "claim/{}?id=",
        "claim/{}?id=" + "x" * 513,
        "Claim/{}?id=c1",
        "c%2F1/{}?id=c1",
        "claim/{}?id=c1&kind=claim",
        "claim/{}?id=c1&limit=201",
        "claim/{}?" + "&".join(f"id={number}" for number in range(201)),
    ],
)
def test_a_lookup_that_does_not_fit_is_refused(client: Client, what: str, path: str) -> None:
    assert client.call("GET", f"/v1/references/{path.format(what)}").status_code in {404, 422}

"""References: every id an asset was given is echoed, and finds it again."""

from itertools import combinations, permutations
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from domain.reference import ReferenceAliases
from tests.conftest import Client
from tests.http.assertions import nothing_written, path, refused_fields

ALIASES = tuple(ReferenceAliases.model_fields)
ORIGIN = set("job run workflow node agent tool tool_call response container provider_file provider model".split())
ODD_IDS = {
    "slash and umlaut": "conv-7/ä",
    "colons": "a:b:c",
    "only a colon": ":",
    "emoji": "🏰👩‍👩‍👧",
    "percent": "100%25",
    "wildcards": r"%_\%",
    "sql": "'; DROP TABLE ledger.events; --",
    "quotes": """"it's" `x` {"kind": "m"}""",
    "query syntax": "a b+c&ref=d#e?f=g;h",
    "space": " ",
    "line breaks": "a\r\n\tb",
    "dots": "../../etc/passwd",
    "null": "null",
    "braces": "{0}%(id)s%s",
    "512 characters": "x" * 512,
    "512 wide characters": "🏰" * 512,
    "512 characters that do not compress": "".join(chr(0x10000 + number * 7_919 % 0xE0000) for number in range(512)),
}
STORABLE = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), min_size=1, max_size=512)


def kind(alias: str) -> str:
    return alias.removesuffix("_id")


def given_all(suffix: str) -> dict[str, str]:
    """An id for every alias."""
    return {alias: f"{alias}/{suffix}" for alias in ALIASES}


def test_there_are_21_short_names_of_references() -> None:
    assert len(ALIASES) == 21


def test_every_id_an_asset_was_given_is_echoed(client: Client) -> None:
    asset = client.create(**given_all("1"))

    written = {alias: f"{kind(alias)}:{alias}/1" for alias in ALIASES}
    assert asset["origin"] == [text for alias, text in written.items() if kind(alias) in ORIGIN]
    assert asset["links"] == [text for alias, text in written.items() if kind(alias) not in ORIGIN]
    (event,) = client.history(asset["id"])
    changes = {change["field"]: change["after"] for change in event["changes"]}
    assert (changes["origin"], changes["links"]) == (asset["origin"], asset["links"])


@pytest.mark.parametrize("alias", ALIASES)
def test_every_id_alone_finds_the_asset_by_its_short_and_its_long_name(client: Client, alias: str) -> None:
    asset, other = client.create(**{alias: "1"}), client.create(**{alias: "2"})

    assert client.ids(**{alias: "1"}) == client.ids(ref=f"{kind(alias)}:1") == [asset["id"]]
    assert client.ids(**{alias: "2"}) == client.ids(ref=f"{kind(alias)}:2") == [other["id"]]
    assert client.ids(**{alias: "3"}) == client.ids(ref=f"{alias}:1:") == []


def test_every_id_finds_the_asset_together_with_any_other(client: Client) -> None:
    asset = client.create(**given_all("1"))
    client.create(**given_all("2"))

    for alias, other in combinations(ALIASES, 2):
        assert client.ids(**{alias: f"{alias}/1", other: f"{other}/1"}) == [asset["id"]]


def test_ids_of_different_assets_find_neither(client: Client) -> None:
    client.create(**given_all("1"))
    client.create(**given_all("2"))

    for alias, other in permutations(ALIASES, 2):
        assert client.ids(**{alias: f"{alias}/1", "ref": f"{kind(other)}:{other}/2"}) == []


def test_all_ids_at_once_find_the_asset(client: Client) -> None:
    asset = client.create(**given_all("1"))
    client.create(**given_all("1") | {"source_id": "another"})

    assert client.ids(**given_all("1")) == [asset["id"]]


@pytest.mark.parametrize("id_", ODD_IDS.values(), ids=ODD_IDS)
def test_an_id_from_outside_is_any_text(client: Client, id_: str) -> None:
    asset = client.create(conversation_id=id_, references=[{"kind": "claim", "id": id_}, f"shot:{id_}"])
    client.create(conversation_id=f"{id_[:-1]}y", references=[f"claim:{id_[:-1]}y"])

    assert asset["links"] == [f"conversation:{id_}", f"claim:{id_}", f"shot:{id_}"]
    assert client.get(path(asset)).json() == asset
    assert client.ids(conversation_id=id_) == client.ids(claim_id=id_) == [asset["id"]]
    assert client.ids(ref=f"shot:{id_}") == [asset["id"]]
    assert client.ids(conversation_id=id_, ref=[f"claim:{id_}", f"shot:{id_}"]) == [asset["id"]]


@settings(max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(id_=STORABLE)
def test_any_id_that_can_be_stored_finds_exactly_its_own(client: Client, id_: str) -> None:
    asset = client.create(message_id=id_)

    items = client.page(message_id=id_)["items"]
    assert items[0] == asset
    assert all(item["links"] == [f"message:{id_}"] for item in items)


def test_ids_that_merely_look_alike_are_different(client: Client) -> None:
    ids = ["é", "e\u0301", "E", "e", "e ", " e"]
    asset_ids = [client.create(message_id=id_)["id"] for id_ in ids]

    assert [client.ids(message_id=id_) for id_ in ids] == [[asset_id] for asset_id in asset_ids]


@pytest.mark.parametrize("alias", ALIASES)
@pytest.mark.parametrize("id_", ["", "x" * 513, "a\0b"], ids=["empty", "513 characters", "NUL"])
def test_an_id_that_cannot_be_is_refused_by_name(client: Client, alias: str, id_: str) -> None:
    with nothing_written(client):
        created = client.call("POST", "/v1/assets", json={"media": {"media_kind": "image"}, alias: id_})

    assert refused_fields(created) == [f"body.{alias}"]
    assert refused_fields(client.get("/v1/assets", **{alias: id_})) == [f"query.{alias}.0"]


@pytest.mark.parametrize(
    "text", ["message", ":x", "Message:x", "message:", "1st:x", "a-b:x", f"{'k' * 65}:x", f"message:{'x' * 513}", ""]
)
def test_what_is_no_reference_is_refused(client: Client, text: str) -> None:
    with nothing_written(client):
        created = client.call("POST", "/v1/assets", json={"media": {"media_kind": "image"}, "references": [text]})

    assert refused_fields(created)[0].startswith("body.references.0")
    assert refused_fields(client.get("/v1/assets", ref=text))[0].startswith("query.ref.0")


@pytest.mark.parametrize("written", ["storyboard:s 1", {"kind": "storyboard", "id": "s 1"}])
def test_a_reference_of_any_kind_is_written_either_way(client: Client, written: object) -> None:
    asset = client.create(references=[written])

    assert asset["links"] == ["storyboard:s 1"]
    assert client.ids(ref="storyboard:s 1") == [asset["id"]]


def test_repetitions_in_what_is_given_are_harmless(client: Client) -> None:
    asset = client.create(message_id="m1", references=["message:m1", {"kind": "message", "id": "m1"}, "model:x"])

    assert (asset["origin"], asset["links"]) == (["model:x"], ["message:m1"])
    (event,) = client.history(asset["id"])
    changes = {change["field"]: change["after"] for change in event["changes"]}
    assert changes["links"] == ["message:m1"]


def test_repetitions_in_what_is_asked_are_harmless(client: Client) -> None:
    asset = client.create(message_id="m1", workflow_id="w1")
    client.create(message_id="m1")

    assert client.ids(message_id=["m1", "m1"], ref=["message:m1", "workflow:w1"], workflow_id="w1") == [asset["id"]]


@pytest.mark.parametrize("asked", [("m1", "m2"), ("m2", "m1")])
def test_several_ids_of_one_kind_must_all_be_there(client: Client, asked: tuple[str, ...]) -> None:
    both = client.create(references=["message:m1", "message:m2"])
    client.create(message_id="m1")
    client.create(message_id="m2")

    assert client.ids(message_id=asked) == [both["id"]]
    assert client.ids(message_id=[*asked, "m3"]) == []


def test_every_one_of_200_references_finds_the_asset_and_all_of_them_at_once(client: Client) -> None:
    written = [f"message:{number}" for number in range(200)]
    asset = client.create(references=written)

    assert client.ids(ref=written[199]) == [asset["id"]]
    response = client.get("/v1/assets", ref=written)
    assert [item["id"] for item in response.json()["items"]] == [asset["id"]]
    assert response.elapsed.total_seconds() < 2


@pytest.mark.parametrize("scope", ["world:w1", {"kind": "world", "id": "w1"}])
def test_the_scope_is_echoed_and_finds_the_asset(client: Client, scope: object) -> None:
    asset = client.create(scope=scope, world_id="w1", message_id="m1")
    client.create(scope="world:w2")

    assert (asset["scope"], asset["links"]) == ("world:w1", ["message:m1"])
    assert client.ids(world_id="w1") == client.ids(ref="world:w1", message_id="m1") == [asset["id"]]


def test_references_are_filters_beside_all_others(client: Client) -> None:
    fields: dict[str, Any] = {"name": "Castle", "tags": ["a"], "model": "sdxl"}
    asset = client.create(**fields)
    for field, other in {"name": "Keep", "tags": ["b"], "model": "flux"}.items():
        client.create(**fields | {field: other})

    assert client.ids(name="castle", tag="a", model="sdxl", media_kind="image", status="ready") == [asset["id"]]

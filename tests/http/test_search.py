"""Search by name: any part of it, in any case, every character standing for itself."""

import pytest

from tests.conftest import Client
from tests.http.assertions import path, problem

LITERAL = [
    "%",
    "_",
    "\\",
    "%%",
    "__",
    "\\%",
    "'",
    "''",
    '"',
    "'; DROP TABLE ledger.events; --",
    "$1",
    "{0}",
    "%s",
    ".*",
    "[a-z]",
]


@pytest.mark.parametrize("search", ["castle", "CASTLE", "cAsTlE", "Castle at dusk", "at", "e a", "sk", "Ca"])
def test_any_part_of_a_name_in_any_case_finds_it(client: Client, search: str) -> None:
    asset = client.create(name="Castle at dusk")
    client.create(name="Keep")
    client.create(description="Castle at dusk", tags=["Castle at dusk"])

    assert client.ids(name=search) == [asset["id"]]


@pytest.mark.parametrize(
    ("name", "search"),
    [
        ("ÄÖÜ im Nebel", "äöü"),
        ("äöü im Nebel", "ÄÖÜ"),
        ("Große Straße", "STRASSE"),
        ("GROSSE STRASSE", "straße"),
        ("ΌΛΟΣ", "όλος"),
        ("МОСКВА", "москва"),
        ("Café", "CAFE\u0301"),
        ("ﬁligree", "FILI"),
        ("日本の城", "の城"),
        ("🏰🏰 at dusk", "🏰🏰"),
    ],
)
def test_case_is_folded_in_every_script(client: Client, name: str, search: str) -> None:
    asset = client.create(name=name)
    client.create(name="Keep")

    assert asset["name"] == name
    assert client.ids(name=search) == [asset["id"]]


@pytest.mark.parametrize("literal", LITERAL)
def test_every_character_stands_for_itself(client: Client, literal: str) -> None:
    asset = client.create(name=f"a{literal}b")
    client.create(name="aXb")
    client.create(name="aXXb")
    client.create(name="a" + "X" * len(literal) + "b")

    assert client.ids(name=f"a{literal}b") == [asset["id"]]
    assert client.ids(name=f"A{literal}") == client.ids(name=f"{literal}B") == [asset["id"]]


def test_wildcards_find_only_names_that_hold_them(client: Client) -> None:
    client.create(name="Castle")

    assert [client.ids(name=wild) for wild in ("%%", "__", "c%e", "c_stle", "\\c", ".*")] == [[]] * 6


@pytest.mark.parametrize("search", ["", "c", "%", "ä", "🏰"])
def test_fewer_than_two_characters_are_refused(client: Client, search: str) -> None:
    client.create(name="castle % ä 🏰")

    problem(client.get("/v1/assets", name=search), 400, "search-too-short")


def test_an_asset_without_a_name_is_never_found_by_one(client: Client) -> None:
    client.create()

    assert client.ids(name="null") == client.ids(name="none") == []


def test_a_cleared_name_is_found_no_longer(client: Client) -> None:
    asset = client.create(name="Castle")
    client.call("PATCH", path(asset), json={"name": None})

    assert client.ids(name="castle") == []


def test_a_very_long_search_is_a_search(client: Client) -> None:
    asset = client.create(name="x" * 512)

    assert client.ids(name="X" * 512) == [asset["id"]]
    assert client.ids(name="x" * 5_000) == []

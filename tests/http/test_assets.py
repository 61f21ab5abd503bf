"""One asset over HTTP: recorded as it was described, read back, refused where it contradicts itself."""

from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.conftest import Client
from tests.http.assertions import UNKNOWN_ID, nothing_written, path, problem, refused_fields, topics

FIELDS = {
    "media": {"media_kind": "video", "format": "mp4", "width": 640, "height": 360, "duration": 2.5, "frame_rate": 25.0},
    "status": "pending",
    "name": "Flight over the castle",
    "file_name": "../flight #1.mp4",
    "description": "Dawn, from the east.",
    "tags": ["concept", "Tag mit Ä"],
    "metadata": {"seed": 7, "weights": [0.1, 1e-7], "nested": {"": None, "on": True}},
    "prompt_spec": {"prompt": "a castle at dawn"},
    "source_url": "https://example.org/flight?x=1",
    "content": {"content_type": "video/mp4", "size": 9007199254740991, "sha256": "ab" * 32},
    "subject": "u_42",
    "scope": "world:w1",
}
MEDIA: list[tuple[dict[str, Any], dict[str, Any]]] = [
    ({"media_kind": "image"}, {"format": None, "width": None, "height": None}),
    ({"media_kind": "image", "format": "PNG"}, {"format": "png", "width": None, "height": None}),
    ({"media_kind": "image", "format": ".jpg"}, {"format": "jpeg", "width": None, "height": None}),
    ({"media_kind": "image", "format": "holo-9000"}, {"format": "other", "width": None, "height": None}),
    (
        {"media_kind": "video", "format": "webm", "width": 1},
        {"format": "webm", "width": 1, "height": None, "duration": None, "frame_rate": None},
    ),
    ({"media_kind": "audio", "format": "8svx"}, {"format": "other", "duration": None, "sample_rate": None}),
    ({"media_kind": "document", "page_count": 3}, {"format": None, "page_count": 3}),
    ({"media_kind": "map", "format": "tmx"}, {"format": "tmx", "width": None, "height": None}),
    ({"media_kind": "file"}, {}),
]
FOREIGN = [
    ("image", "page_count"),
    ("image", "duration"),
    ("video", "sample_rate"),
    ("audio", "width"),
    ("document", "frame_rate"),
    ("map", "duration"),
    ("file", "format"),
]
UNFIT: list[tuple[dict[str, Any], str]] = [
    ({"media_kind": "image", "width": 0}, "body.media.image.width"),
    ({"media_kind": "image", "height": -1}, "body.media.image.height"),
    ({"media_kind": "image", "width": 2**31}, "body.media.image.width"),
    ({"media_kind": "image", "width": 1.5}, "body.media.image.width"),
    ({"media_kind": "image", "width": "wide"}, "body.media.image.width"),
    ({"media_kind": "image", "format": 7}, "body.media.image.format"),
    ({"media_kind": "video", "duration": 0}, "body.media.video.duration"),
    ({"media_kind": "audio", "sample_rate": 0}, "body.media.audio.sample_rate"),
    ({"media_kind": "document", "page_count": 0}, "body.media.document.page_count"),
    ({"media_kind": "hologram"}, "body.media"),
    ({"format": "png"}, "body.media"),
]
TOO_LONG: dict[str, Any] = {
    "name": "n" * 513,
    "file_name": "f" * 513,
    "description": "d" * 10_001,
    "source_url": "u" * 4_097,
    "subject": "s" * 513,
    "reason": "r" * 2_001,
    "tags": [f"t{number}" for number in range(101)],
    "references": [f"message:{number}" for number in range(201)],
}
STORABLE = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), min_size=1, max_size=512)


def test_a_created_asset_is_answered_with_its_place_and_reads_back_the_same(client: Client) -> None:
    response = client.call(
        "POST", "/v1/assets", json={"media": {"media_kind": "image", "format": "png", "width": 4}, "name": "Castle"}
    )

    assert response.status_code == 201
    asset = response.json()
    assert response.headers["Location"] == f"/v1/assets/{asset['id']}"
    assert response.headers["ETag"] == '"1"'
    assert int(response.headers["Ledger-Position"]) == asset["position"]
    assert client.get(response.headers["Location"]).json() == asset
    assert client.page()["items"] == [asset]
    assert [event["topic"] for event in client.history(asset["id"])] == ["asset.created"]


def test_everything_that_is_said_of_an_asset_is_kept(client: Client) -> None:
    asset = client.create(**FIELDS, reason="First cut")

    assert {field: asset[field] for field in FIELDS} == FIELDS
    assert client.get(path(asset)).json() == asset
    assert client.page()["items"] == [asset]
    (event,) = client.history(asset["id"])
    assert {change["field"]: change["after"] for change in event["changes"]} == FIELDS
    assert all(change["before"] is None for change in event["changes"])
    assert event["subject"] == "u_42"
    assert event["reason"] == "First cut"


def test_a_size_is_a_whole_number_however_json_writes_it(client: Client) -> None:
    assert client.create(content={"size": 512.0})["content"]["size"] == 512
    for size in (512.5, "512", True, 2.0**53):
        body = {"media": {"media_kind": "image"}, "content": {"size": size}}
        problem(client.call("POST", "/v1/assets", json=body), 422)


def test_an_asset_says_when_and_by_whom_it_was_made(client: Client) -> None:
    before = datetime.now(UTC)
    asset = client.create()
    after = datetime.now(UTC)

    assert asset["created_at"] == asset["updated_at"]
    assert before <= datetime.fromisoformat(asset["created_at"]) <= after
    assert asset["created_by"] == asset["updated_by"] == "user:ann"
    assert asset["deleted_at"] is None


@pytest.mark.parametrize(("sent", "kept"), MEDIA)
def test_what_is_unknown_of_media_is_null_and_an_unknown_format_is_other(
    client: Client, sent: dict[str, Any], kept: dict[str, Any]
) -> None:
    asset = client.create(media=sent)

    assert asset["media"] == {"media_kind": sent["media_kind"], **kept}
    assert client.get(path(asset)).json() == asset
    assert client.page(media_kind=sent["media_kind"])["items"] == [asset]


def test_odd_assets_stand_in_one_list_beside_all_others(client: Client) -> None:
    created = [client.create(media=sent) for sent, _ in MEDIA]

    assert client.page()["items"] == created[::-1]


@pytest.mark.parametrize(("kind", "field"), FOREIGN)
def test_a_field_of_another_kind_of_media_is_refused_by_name(client: Client, kind: str, field: str) -> None:
    with nothing_written(client):
        response = client.call("POST", "/v1/assets", json={"media": {"media_kind": kind, field: 3}})

    assert refused_fields(response) == [f"body.media.{kind}.{field}"]


@pytest.mark.parametrize(("media", "field"), UNFIT)
def test_media_that_cannot_be_are_refused_by_name(client: Client, media: dict[str, Any], field: str) -> None:
    with nothing_written(client):
        response = client.call("POST", "/v1/assets", json={"media": media})

    assert refused_fields(response) == [field]


@pytest.mark.parametrize("field", TOO_LONG)
def test_what_is_too_long_is_refused_by_name(client: Client, field: str) -> None:
    with nothing_written(client):
        response = client.call("POST", "/v1/assets", json={"media": {"media_kind": "image"}, field: TOO_LONG[field]})

    assert refused_fields(response) == [f"body.{field}"]


@pytest.mark.parametrize(
    "fields", [{"status": "failed"}, {"status": "deleted"}, {"name": ""}, {"tags": [""]}, {"content": {"size": -1}}]
)
def test_what_no_new_asset_can_be_is_refused(client: Client, fields: dict[str, Any]) -> None:
    with nothing_written(client):
        response = client.call("POST", "/v1/assets", json={"media": {"media_kind": "image"}} | fields)

    assert refused_fields(response)[0].startswith(f"body.{next(iter(fields))}")


def test_repeated_tags_are_kept_once_in_the_order_given(client: Client) -> None:
    assert client.create(tags=["b", "a", "b", "B"])["tags"] == ["b", "a", "B"]


@settings(max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(words=STORABLE, tag=STORABLE.filter(lambda text: len(text) <= 100), key=STORABLE)
def test_any_words_that_can_be_stored_come_back_unchanged(client: Client, words: str, tag: str, key: str) -> None:
    asset = client.create(name=words, description=words, tags=[tag], metadata={key: words})

    assert (asset["name"], asset["description"], asset["tags"]) == (words, words, [tag])
    assert asset["metadata"] == {key: words}
    assert client.get(path(asset)).json() == asset
    assert client.page(tag=tag)["items"][0] == asset


def test_an_asset_that_never_was_is_not_found(client: Client) -> None:
    problem(client.get(f"/v1/assets/{UNKNOWN_ID}"), 404, "asset-not-found")
    problem(client.get(f"/v1/assets/{UNKNOWN_ID}/events"), 404, "asset-not-found")


@pytest.mark.parametrize(
    ("method", "below", "body"),
    [
        ("GET", "", None),
        ("GET", "/events", None),
        ("PATCH", "", {"name": "x"}),
        ("DELETE", "", None),
        ("PUT", "/holds/x", None),
    ],
)
def test_the_tenant_has_a_history_but_is_no_asset(client: Client, method: str, below: str, body: object) -> None:
    with nothing_written(client):
        response = client.call(method, f"/v1/assets/{client.tenant_id}{below}", json=body)

    problem(response, 404, "asset-not-found")


def test_creating_twice_makes_two_assets(client: Client) -> None:
    first, second = client.create(name="Same"), client.create(name="Same")

    assert first["id"] != second["id"]
    assert second["position"] == first["position"] + 1
    assert topics(client, first) == topics(client, second) == ["asset.created"]

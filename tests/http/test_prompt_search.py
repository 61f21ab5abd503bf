"""Lists find assets by what their prompts say, their bytes hold and their metadata has."""

import io
import zipfile
from typing import Any

import pytest

from tests.conftest import Client
from tests.http.content_requests import CASTLE, put, with_content

SPEC = {"prompt": "A Castle on a hill", "negative": ["people"], "seed": 4711, "model": "SDXL-1.0"}


def castle(client: Client, **body: Any) -> str:
    asset_id: str = client.create(prompt_spec=SPEC, metadata={"shot": 12, "take": {"of": ["a=b", None]}}, **body)["id"]
    return asset_id


@pytest.mark.parametrize(
    "criteria",
    [
        {"prompt": "castle"},
        {"prompt": "HILL, castle!"},
        {"prompt": "people"},
        {"seed": "4711"},
        {"prompt_model": "sdxl-1.0"},
        {"metadata.shot": "12"},
        {"metadata": "shot=12"},
        {"metadata.take.of": ["a=b", "null"]},
        {"metadata": ["shot=12", "take.of=a=b"], "metadata.take.of": "null"},
        {"prompt": "castle", "seed": "4711", "prompt_model": "SDXL-1.0", "metadata.shot": "12"},
        {"prompt": "castle", "tag": "a", "message_id": "m1", "name": "cas", "media_kind": "image"},
    ],
)
def test_an_asset_is_found_by_what_it_is_made_from_alone_and_with_other_filters(
    client: Client, criteria: dict[str, Any]
) -> None:
    asset_id = castle(client, name="Castle", tags=["a"], message_id="m1")
    client.create(prompt_spec={"prompt": "a keep", "seed": 4712}, metadata={"shot": 13}, name="Castle", tags=["a"])

    assert client.ids(**criteria) == [asset_id]
    for order in ({"sort": "updated"}, {"order": "asc"}):
        page = client.page(total=True, **order, **criteria)
        assert ([asset["id"] for asset in page["items"]], page["total"]) == ([asset_id], 1)


@pytest.mark.parametrize(
    "criteria",
    [
        {"prompt": "castle keep"},
        {"prompt": "cast"},
        {"seed": "471"},
        {"prompt_model": "sdxl"},
        {"metadata.shot": "1"},
        {"metadata.Shot": "12"},
        {"metadata.take.of": "A=B"},
        {"metadata.take": "null"},
        {"prompt": "castle", "metadata.shot": "13"},
    ],
)
def test_nothing_is_found_that_lacks_a_part_of_what_is_asked_for(client: Client, criteria: dict[str, Any]) -> None:
    castle(client)
    assert client.page(total=True, **criteria)["total"] == 0


def test_what_the_bytes_hold_is_found_from_then_on(client: Client) -> None:
    asset_id = with_content(client, metadata={"shot": 1})
    before = client.head()
    embedded = {"seed": "271828", "prompt": "castle violet", "prompt_model": "sample-landscape-v1"}
    assert client.ids(**embedded) == [asset_id]
    client.call("PATCH", f"/v1/assets/{asset_id}", json={"metadata": {"shot": 2}})
    assert client.ids(**embedded, **{"metadata.shot": "2"}) == [asset_id]
    assert client.ids(**embedded, **{"metadata.shot": "1"}) == []
    assert client.ids(**embedded, **{"metadata.shot": "1"}, as_of=before) == [asset_id]

    put(client, asset_id, b"plain text")
    assert client.ids(seed="271828") == []
    assert client.ids(seed="271828", as_of=before) == [asset_id]


def test_pages_lose_nothing_and_repeat_nothing_and_cursors_are_bound_to_the_criteria(client: Client) -> None:
    ids = [castle(client, tags=["a"]) for _ in range(5)]
    client.call("DELETE", f"/v1/assets/{ids.pop(1)}")
    for order, expected in (({"order": "asc"}, ids), ({}, ids[::-1]), ({"sort": "updated"}, ids[::-1])):
        for beside in ({}, {"tag": "a"}):
            asked: dict[str, Any] = {"prompt": "castle", "metadata.shot": "12", "limit": 2, **order, **beside}
            first = client.page(**asked)
            second = client.page(**asked, cursor=first["next"])
            assert [asset["id"] for page in (first, second) for asset in page["items"]] == expected
            for other in ({"prompt": "hill"}, {"metadata.shot": "13"}, {"seed": "4711"}):
                assert client.get("/v1/assets", cursor=first["next"], **(asked | other)).status_code == 400


@pytest.mark.parametrize(
    "criteria",
    [
        {"prompt": ""},
        {"prompt": " ,.!"},
        {"seed": "x"},
        {"seed": "007"},
        {"seed": "1.5"},
        {"prompt_model": ""},
        {"metadata": "shot"},
        {"metadata": "=12"},
        {"metadata.": "12"},
        {"metadata.shot": [str(number) for number in range(21)]},
        {"metadata.shot": "\x00"},
        {"metadat.shot": "12"},
    ],
)
def test_what_cannot_be_searched_for_is_refused(client: Client, criteria: dict[str, Any]) -> None:
    assert client.get("/v1/assets", **criteria).status_code == 422
    assert client.get("/v1/changes", **{"from": "0"}, **criteria).status_code == 422


def test_lists_that_have_no_such_filter_refuse_it(client: Client) -> None:
    for path in ("/v1/jobs", "/v1/audit", "/v1/statistics"):
        for name in ("metadata.shot", "metadata", "prompt", "seed", "prompt_model"):
            assert client.get(path, **{name: "a=1"}).status_code == 422


def test_exports_changes_zips_and_purges_take_the_same_filters(client: Client) -> None:
    asset_id = with_content(client, data=CASTLE, prompt_spec=SPEC, metadata={"shot": 12})
    with_content(client, metadata={"shot": 13})
    asked = {"prompt": "hill lake", "metadata.shot": "12", "min_position": client.head()}
    assert [asset["id"] for asset in client.page()["items"]][1] == asset_id

    exported = client.get("/v1/assets.jsonl", **asked)
    assert exported.text.count("\n") == 1
    assert asset_id in exported.text
    changed = client.get("/v1/changes", **{"from": "0"}, **asked)
    assert [item["asset"]["id"] for item in changed.json()["items"]] == [asset_id]
    zipped = client.get("/v1/assets/zip", **asked)
    assert zipfile.ZipFile(io.BytesIO(zipped.content)).infolist()[0].file_size == len(CASTLE)
    purged = client.call("POST", "/v1/assets/purge", params={**asked, "dry_run": True})
    assert purged.json()["assets"] == 1


def test_the_description_says_how_a_member_of_the_metadata_is_written(client: Client) -> None:
    operations = client.get("/openapi.json").json()["paths"]
    for path in ("/v1/assets", "/v1/assets.csv", "/v1/assets.jsonl"):
        (member,) = [each for each in operations[path]["get"]["parameters"] if each["name"] == "metadata"]
        assert member["schema"]["items"]["pattern"] == r"^[^=\u0000]+=[^\u0000]*$"

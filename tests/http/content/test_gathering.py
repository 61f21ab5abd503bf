"""Many contents at once: fetched from URLs, and packed into a zip."""

import json
from collections.abc import Callable, Iterator
from io import BytesIO
from time import thread_time
from typing import Any
from uuid import UUID
from zipfile import ZipFile

import pytest
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from api.application.content.zip_stream import UniqueNames
from api.composition import Services
from api.http.routers import zips
from infra.content.upload_table import object_key
from tests.conftest import Client
from tests.http.assertions import problem
from tests.http.content_requests import CASTLE, put, streamed, with_content
from tests.infra.content.sites import Site, says, served


@pytest.fixture
def site() -> Iterator[str]:
    """A web server on the one loopback address that may be fetched from in tests."""
    with served(Site()) as web_site:
        web_site.answers = {
            "/castle.png": says(body=CASTLE, Content_Type="image/png"),
            "/nothing": says(404),
            "/away": says(302, Location="http://127.0.0.2/secret"),
        }
        yield web_site.url("", host="127.0.0.1")


def test_what_lies_behind_urls_is_recorded_and_what_cannot_be_had_fails_alone(client: Client, site: str) -> None:
    fields = {"media": {"media_kind": "image"}, "tags": ["found"]}
    urls = [
        f"{site}/castle.png",
        f"{site}/nothing",
        f"{site}/away",
        "http://169.254.169.254/latest",
        "file:///etc/hosts",
    ]
    answer = client.call("POST", "/v1/assets/from-urls", json={"items": [{"url": u, "asset": fields} for u in urls]})
    assert answer.status_code == 200, answer.text
    castle, *refused = answer.json()["results"]
    asset = castle["asset"]
    assert (asset["tags"], asset["source_url"], asset["file_name"]) == (["found"], urls[0], "castle.png")
    assert streamed(client, asset["id"]).content == CASTLE
    assert [result["problem"]["status"] for result in refused] == [502, 422, 422, 422]
    assert client.head() == int(answer.headers["Ledger-Position"])
    assert len(client.ids()) == 1


@pytest.mark.parametrize("items", [[], [{"url": "http://a.example/"}] * 101, [{"url": ""}], [{"link": "x"}]])
def test_a_list_of_urls_that_does_not_fit_is_refused(client: Client, items: list[dict[str, str]]) -> None:
    assert client.call("POST", "/v1/assets/from-urls", json={"items": items}).status_code == 422


def test_a_zip_has_every_content_under_a_name_of_its_own(client: Client) -> None:
    names = ["a.png", "A.png", "../../etc/passwd", "", "b/c.png"]
    ids = [with_content(client, f"bytes {n}".encode(), file_name=name or None) for n, name in enumerate(names)]
    got = client.get("/v1/assets/zip", id=ids)
    assert got.headers["Content-Type"] == "application/zip"
    with ZipFile(BytesIO(got.content)) as archive:
        assert archive.testzip() is None
        assert archive.namelist() == ["a.png", "A (2).png", "passwd", ids[3], "c.png"]
        assert [archive.read(name) for name in archive.namelist()] == [f"bytes {n}".encode() for n in range(5)]


def test_a_zip_of_a_filter_has_what_the_list_shows(client: Client) -> None:
    with_content(client, b"one", file_name="one.txt", workflow_id="w1")
    with_content(client, b"two", file_name="two.txt", workflow_id="w2")
    client.create(workflow_id="w1", file_name="described only")
    got = client.get("/v1/assets/zip", workflow_id="w1", min_position=client.head())
    with ZipFile(BytesIO(got.content)) as archive:
        assert archive.namelist() == ["one.txt"]
    assert client.get("/v1/assets/zip").status_code == 422


def test_a_zip_refuses_what_another_tenant_owns(clients: Callable[..., Client], client: Client) -> None:
    theirs = with_content(clients(), file_name="theirs.png")
    ours = with_content(client)
    assert client.get("/v1/assets/zip", id=[ours, theirs]).status_code == 404


def test_a_zip_names_what_is_gone_from_the_store(client: Client, services: Services) -> None:
    asset_id = with_content(client, file_name="gone.png")
    store = services.store
    for key, _ in list(store.objects(f"{object_key(client.tenant_id, UUID(asset_id), UUID(int=0))[:73]}/")):
        store.delete(key)
    with ZipFile(BytesIO(client.get("/v1/assets/zip", id=[asset_id]).content)) as archive:
        assert archive.namelist() == ["missing.txt"]
        assert "gone.png" in archive.read("missing.txt").decode()


def test_a_zip_names_what_is_deleted_or_purged_while_it_is_sent(client: Client) -> None:
    deleted = with_content(client, file_name="deleted.png", workflow_id="w1")
    purged = with_content(client, file_name="purged.png", workflow_id="w1", message_id="m1")
    with_content(client, bytes(24 << 20), file_name="first.bin", workflow_id="w1")  # too large to be sent unread
    filters: dict[str, Any] = {"workflow_id": "w1", "min_position": client.head()}
    with client.http.stream("GET", "/v1/assets/zip", params=filters) as answer:
        arriving = answer.iter_bytes()
        beginning = next(arriving)
        client.call("DELETE", f"/v1/assets/{deleted}")
        client.call("POST", "/v1/assets/purge", params={"message_id": "m1"})
        client.call("POST", f"/v1/assets/{purged}/restore")
        with ZipFile(BytesIO(beginning + b"".join(arriving))) as archive:
            assert archive.testzip() is None
            assert archive.namelist() == ["first.bin", "missing.txt"]
            assert archive.read("missing.txt").decode().splitlines()[1:] == ["purged.png", "deleted.png"]


def test_a_zip_of_more_than_it_takes_is_refused_before_it_begins(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(zips, "MOST_ENTRIES", 2)
    for number in range(3):
        with_content(client, b"some", file_name=f"{number}.txt", workflow_id=f"w{min(number, 1)}", message_id="m1")
    refusal = problem(client.get("/v1/assets/zip", message_id="m1", min_position=client.head()), 422, "filter-too-wide")
    assert refusal["detail"] == "The filter finds 3 assets, and a zip takes 2. Narrow it."
    assert client.get("/v1/assets/zip", workflow_id="w1").status_code == 200


def test_names_in_a_zip_are_unique_and_lead_nowhere() -> None:
    names = UniqueNames({"missing.txt"})
    assert [names.of(n) for n in ("x", "X", "x (2)", "missing.txt", "..", "\\\\host\\share", "a:b?.png")] == [
        "x",
        "X (2)",
        "x (2) (2)",
        "missing (2).txt",
        "unnamed",
        "share",
        "a_b_.png",
    ]


def test_many_files_of_one_name_are_named_as_quickly_as_few() -> None:
    names, before = UniqueNames(["a (7).png"]), thread_time()
    file_names = {names.of(name).lower() for _ in range(5_000) for name in ("a.png", "A.png")}
    assert len(file_names) == 10_000
    assert {"a (6).png", "a (8).png", "a (10001).png"} <= file_names
    assert thread_time() - before < 5


def with_large_workflow() -> tuple[bytes, dict[str, Any]]:
    """A picture with more inside than an event can carry."""
    info, file = PngInfo(), BytesIO()
    workflow = {"nodes": [{"id": n, "type": "KSampler", "note": "x" * 40} for n in range(1_000)]}
    info.add_text("workflow", json.dumps(workflow))
    Image.new("RGB", (4, 4)).save(file, "png", pnginfo=info)
    return file.getvalue(), workflow


def test_much_that_is_found_inside_is_kept_beside_the_bytes(client: Client) -> None:
    data, workflow = with_large_workflow()
    asset_id = with_content(client, b"nothing inside")
    assert client.get(f"/v1/assets/{asset_id}/embedded").status_code == 404
    embedded = put(client, asset_id, data).json()["content"]["embedded"]
    assert embedded["document"]["size"] > 40_000
    assert client.get(f"/v1/assets/{asset_id}/embedded").json()["workflow"] == workflow


def test_content_that_is_not_recorded_leaves_nothing_in_the_store(client: Client, services: Services) -> None:
    data, _ = with_large_workflow()
    asset_id = str(client.create(status="pending")["id"])
    assert put(client, asset_id, data, **{"If-Match": '"9"'}).status_code == 412
    assert list(services.store.objects(f"{client.tenant_id}/")) == []


def test_a_filter_that_cannot_be_asked_is_refused_before_the_zip_begins(client: Client) -> None:
    assert client.get("/v1/assets/zip", name="x").status_code == 400

"""What is said of bytes beside them: ETags, ranges, and the headers alone, by the ledger and by signed URLs."""

from datetime import timedelta

import httpx
import pytest

from api.composition import Services
from tests.conftest import Client
from tests.http.assertions import problem
from tests.http.content_requests import CASTLE, location, pending, sha256, streamed, with_content


def lasting(answer: httpx.Response) -> dict[str, str]:
    """The headers that do not change from answer to answer."""
    return {name: value for name, value in answer.headers.items() if name not in {"date", "x-request-id"}}


def test_ranges_and_etags_work_on_a_signed_url_too(client: Client) -> None:
    url = location(client, f"/v1/assets/{with_content(client)}/content")
    etag = httpx.get(url).headers["ETag"]
    assert httpx.get(url, headers={"If-None-Match": etag}).status_code == 304
    assert httpx.get(url, headers={"If-None-Match": '"other"'}).content == CASTLE
    assert httpx.get(url, headers={"Range": "bytes=0-3"}).content == CASTLE[:4]


@pytest.mark.parametrize("served", ["directory"], indirect=True)
def test_a_url_that_the_ledger_signed_answers_as_the_ledger_does(client: Client) -> None:
    asset_id = with_content(client, file_name="castle.png")
    url = location(client, f"/v1/assets/{asset_id}/content")
    etag = f'"{sha256(CASTLE)}"'
    assert lasting(httpx.get(url)) == lasting(streamed(client, asset_id))
    assert httpx.get(url, headers={"Range": "bytes=0-3", "If-Range": etag}).content == CASTLE[:4]
    assert httpx.get(url, headers={"Range": "bytes=0-3", "If-Range": '"other"'}).content == CASTLE
    head = httpx.head(url)
    assert (head.status_code, head.content, lasting(head)) == (200, b"", lasting(streamed(client, asset_id)))
    assert httpx.head(url, headers={"If-None-Match": etag}).status_code == 304
    assert httpx.head(url + "0").status_code == 403


def test_the_headers_of_content_come_without_the_bytes(client: Client) -> None:
    asset_id = with_content(client, file_name="castle.png")
    target = f"/v1/assets/{asset_id}/content"
    whole = streamed(client, asset_id)
    for params in ({}, {"stream": True}, {"version": 1}):
        head = client.call("HEAD", target, params=params, headers={"Range": "bytes=0-3"})
        assert (head.status_code, head.content, lasting(head)) == (200, b"", lasting(whole))
    assert client.call("HEAD", target, headers={"If-None-Match": whole.headers["ETag"]}).status_code == 304
    assert client.call("HEAD", target, params={"version": 2}).status_code == 404
    assert client.call("HEAD", f"/v1/assets/{pending(client)}/content").status_code == 404


@pytest.mark.parametrize("served", ["directory"], indirect=True)
def test_a_url_that_the_ledger_signed_opens_nothing_once_it_has_expired(
    client: Client, services: Services, url: str
) -> None:
    with_content(client)
    ((key, _),) = services.store.objects(f"{client.tenant_id}/")
    past = timedelta(seconds=-1)
    get = services.store.sign_get(key, past, content_type="image/png", disposition="inline")
    put = services.store.sign_put(key, past, size=None, content_type=None)
    problem(httpx.get(url + get), 403, "url-expired")
    problem(httpx.put(url + put, content=b"late"), 403, "url-expired")
    with services.store.open(key) as chunks:
        assert b"".join(chunks) == CASTLE

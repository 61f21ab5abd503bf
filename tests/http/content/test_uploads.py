"""Uploads that go to the store by signed URLs: in one piece or in parts, verified when they are completed."""

from concurrent.futures import ThreadPoolExecutor
from uuid import UUID

import httpx
import pytest

from api.composition import Services
from infra.content.store import SMALLEST_PART
from infra.content.upload_table import object_key
from tests.conftest import Client
from tests.http.content_requests import CASTLE, begin, complete, part_urls, pending, seen, send, sha256, streamed


def test_bytes_sent_to_a_signed_url_are_content_once_the_upload_is_completed(client: Client) -> None:
    asset_id = pending(client)
    upload = begin(client, asset_id, size=len(CASTLE), sha256=sha256(CASTLE), content_type="image/png")
    assert upload["headers"] == {"Content-Type": "image/png"}
    assert client.get(f"/v1/assets/{asset_id}").json()["status"] == "pending"
    assert send(upload, CASTLE).status_code == 200
    done = complete(client, upload, file_name="castle.png")
    assert done.status_code == 200, done.text
    assert (done.json()["status"], done.json()["content"]["sha256"]) == ("ready", sha256(CASTLE))
    assert streamed(client, asset_id).content == CASTLE


def test_completing_again_what_was_completed_answers_the_asset_and_records_nothing(client: Client) -> None:
    asset_id = pending(client)
    upload = begin(client, asset_id)
    send(upload, CASTLE)
    done = complete(client, upload)
    again = complete(client, upload)
    assert (again.status_code, again.json()) == (200, done.json())
    assert [event["topic"] for event in client.history(asset_id)] == ["asset.created", "asset.content_stored"]


def test_a_url_that_outlives_its_upload_does_not_reach_what_was_recorded(client: Client) -> None:
    asset_id = pending(client)
    upload = begin(client, asset_id)
    send(upload, CASTLE)
    assert complete(client, upload).status_code == 200
    assert send(upload, b"something else").status_code == 200
    assert streamed(client, asset_id).content == CASTLE


def test_a_move_that_was_cut_short_is_ended_by_who_completes_again(client: Client, services: Services) -> None:
    asset_id = pending(client)
    upload = begin(client, asset_id)
    send(upload, CASTLE)
    services.store.write(object_key(client.tenant_id, UUID(asset_id), UUID(upload["id"])), [CASTLE])
    assert complete(client, upload).status_code == 200
    assert [key.rpartition("/")[2] for key, _ in services.store.objects(f"{client.tenant_id}/{asset_id}/")] == [
        upload["id"]
    ]


def test_many_who_complete_an_upload_at_once_record_once_what_was_verified(client: Client) -> None:
    asset_id = pending(client)
    upload = begin(client, asset_id)
    send(upload, CASTLE)
    path = f"/v1/assets/{asset_id}/uploads/{upload['id']}/complete"
    with ThreadPoolExecutor(6) as pool:
        completing = [pool.submit(client.http.post, path, json={}) for _ in range(5)]
        pool.submit(send, upload, b"something else")
        answers = [answer.result() for answer in completing]
    overwritten = [answer for answer in answers if answer.status_code == 503]  # by the S3 server, while it copied
    assert all(answer.json()["detail"] == "The content store refused: IncompleteBody." for answer in overwritten)
    statuses = {answer.status_code for answer in answers if answer not in overwritten}
    assert 200 in statuses
    assert statuses <= {200, 404, 409}
    assert [event["topic"] for event in client.history(asset_id)] == ["asset.created", "asset.content_stored"]
    assert (
        sha256(streamed(client, asset_id).content) == client.get(f"/v1/assets/{asset_id}").json()["content"]["sha256"]
    )


@pytest.mark.parametrize("sent", [CASTLE[:-1] + b"x", CASTLE[:-1]])
def test_other_bytes_than_announced_are_refused_and_may_be_sent_again(client: Client, sent: bytes) -> None:
    asset_id = pending(client)
    upload = begin(client, asset_id, sha256=sha256(CASTLE))
    send(upload, sent)
    assert complete(client, upload).status_code == 409
    assert client.get(f"/v1/assets/{asset_id}").json()["status"] == "pending"
    send(upload, CASTLE)
    assert complete(client, upload).status_code == 200


def test_bytes_of_another_size_than_announced_never_become_content(client: Client) -> None:
    upload = begin(client, pending(client), size=3, content_type="image/png")
    for data in (b"four", b"to"):
        send(upload, data)  # which a directory refuses; a bucket takes all that comes
        assert complete(client, upload).status_code in {404, 409}
    send(upload, b"one")
    assert complete(client, upload).json()["content"]["size"] == 3


@pytest.mark.parametrize("served", ["directory"], indirect=True)
def test_a_url_that_the_ledger_signed_takes_only_the_size_and_type_that_were_announced(client: Client) -> None:
    upload = begin(client, pending(client), size=3, content_type="image/png")
    assert httpx.put(upload["url"], content=b"four", headers=upload["headers"]).status_code == 409
    assert httpx.put(upload["url"], content=b"one", headers={"Content-Type": "text/html"}).status_code == 409
    assert send(upload, b"one").status_code == 200
    assert [httpx.request(method, upload["url"]).status_code for method in ("GET", "HEAD")] == [403, 403]


def test_an_upload_whose_bytes_never_came_cannot_be_completed(client: Client) -> None:
    upload = begin(client, pending(client))
    refused = complete(client, upload)
    assert refused.status_code == 404
    assert "arrived" in refused.json()["detail"]


def test_a_large_file_comes_in_parts_in_any_order_and_can_be_resumed(client: Client) -> None:
    asset_id = pending(client, media={"media_kind": "file"})
    data = bytes(range(251)) * (SMALLEST_PART // 251 + 1) + b"the end"
    pieces = {1: data[:SMALLEST_PART], 2: data[SMALLEST_PART:]}
    upload = begin(client, asset_id, sha256=sha256(data), part_size=SMALLEST_PART)
    assert (upload["url"], upload["parts"]) == (None, [])
    assert httpx.put(part_urls(client, upload, 2)[2], content=pieces[2]).status_code == 200
    assert seen(client, upload).json()["parts"] == [{"number": 2, "size": len(pieces[2])}]
    assert httpx.put(part_urls(client, upload, 1)[1], content=pieces[1]).status_code == 200
    done = complete(client, upload)
    assert done.status_code == 200, done.text
    assert streamed(client, asset_id).content == data


def test_an_upload_that_was_aborted_takes_nothing_any_more(client: Client) -> None:
    upload = begin(client, pending(client), part_size=SMALLEST_PART)
    url = part_urls(client, upload, 1)[1]
    path = f"/v1/assets/{upload['asset_id']}/uploads/{upload['id']}"
    assert client.call("DELETE", path).status_code == 204
    assert httpx.put(url, content=b"late").status_code == 404
    assert seen(client, upload).status_code == 404
    assert client.call("DELETE", path).status_code == 404


def test_an_upload_belongs_to_its_asset(client: Client) -> None:
    upload = begin(client, pending(client))
    other = upload | {"asset_id": pending(client)}
    assert seen(client, other).status_code == 404
    assert complete(client, other).status_code == 404


def test_what_is_too_large_or_of_no_type_that_is_taken_gets_no_url(client: Client) -> None:
    refused = client.call("POST", f"/v1/assets/{pending(client)}/uploads", json={"size": 2**50})
    assert refused.status_code == 413


def test_parts_that_are_not_what_was_announced_are_refused_and_forgotten(client: Client) -> None:
    asset_id = pending(client)
    upload = begin(client, asset_id, sha256=sha256(b"announced"), part_size=SMALLEST_PART)
    assert httpx.put(part_urls(client, upload, 1)[1], content=b"other").status_code == 200
    assert complete(client, upload).status_code == 409
    assert seen(client, upload).status_code == 404
    assert complete(client, upload).status_code == 404
    assert client.get(f"/v1/assets/{asset_id}").json()["status"] == "pending"


def test_an_upload_whose_parts_never_came_cannot_be_completed(client: Client) -> None:
    upload = begin(client, pending(client), part_size=SMALLEST_PART)
    assert complete(client, upload).status_code == 404
    assert seen(client, upload).json()["parts"] == []


def test_a_part_that_is_too_small_and_not_the_last_is_refused_and_the_others_stay(client: Client) -> None:
    upload = begin(client, pending(client), part_size=SMALLEST_PART)
    for url in part_urls(client, upload, 1, 2).values():
        assert httpx.put(url, content=b"small").status_code == 200
    assert complete(client, upload).status_code == 409
    assert len(seen(client, upload).json()["parts"]) == 2


def test_parts_that_were_joined_for_a_completion_that_was_refused_can_be_completed_again(client: Client) -> None:
    upload = begin(client, pending(client), part_size=SMALLEST_PART)
    assert httpx.put(part_urls(client, upload, 1)[1], content=CASTLE).status_code == 200
    path = f"/v1/assets/{upload['asset_id']}/uploads/{upload['id']}"
    assert client.call("POST", f"{path}/complete", headers={"If-Match": '"9"'}).status_code == 412
    answer = seen(client, upload)
    assert (answer.status_code, "complete it" in answer.json()["detail"]) == (404, True)
    assert complete(client, upload).status_code == 200
    assert streamed(client, upload["asset_id"]).content == CASTLE

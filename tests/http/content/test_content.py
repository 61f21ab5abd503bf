"""The bytes of an asset: sent, verified, and got back as they were."""

import base64
import hashlib
import json
import tempfile
from collections.abc import Callable, Iterator
from io import BytesIO
from pathlib import Path

import httpx
import pytest
from PIL import Image

from tests.conftest import Client
from tests.http.content_requests import CASTLE, SAMPLES, location, pending, put, sha256, streamed, with_content


def test_bytes_sent_as_the_body_are_stored_and_come_back(client: Client) -> None:
    asset_id = pending(client, name="Castle")
    stored = put(client, asset_id, CASTLE, **{"Content-Type": "image/png"})
    assert stored.status_code == 200, stored.text
    asset = stored.json()
    assert asset["status"] == "ready"
    assert asset["media"] == {"media_kind": "image", "format": "png", "width": 512, "height": 512}
    assert asset["content"] | {"embedded": None} == {
        "content_type": "image/png",
        "size": len(CASTLE),
        "sha256": sha256(CASTLE),
        "version": 1,
        "embedded": None,
    }
    assert asset["content"]["embedded"]["parameters"]
    got = client.get(asset["url"], stream=True)
    assert got.content == CASTLE
    assert got.headers["Content-Type"] == "image/png"
    assert [event["topic"] for event in client.history(asset_id)] == ["asset.created", "asset.content_stored"]


def test_a_redirect_leads_to_the_bytes_without_a_key(client: Client) -> None:
    asset_id = with_content(client, file_name="Burg ä/β.png")
    redirect = client.get(f"/v1/assets/{asset_id}/content")
    assert redirect.status_code == 307
    got = httpx.get(location(client, f"/v1/assets/{asset_id}/content"))
    assert (got.status_code, got.content) == (200, CASTLE)
    assert got.headers["Content-Disposition"] == "inline; filename=\"_.png\"; filename*=UTF-8''%CE%B2.png"


def test_a_signed_url_that_was_changed_opens_nothing(client: Client) -> None:
    asset_id, other_id = with_content(client), with_content(client)
    url = location(client, f"/v1/assets/{asset_id}/content")
    for changed in (url.replace(asset_id, other_id), url + "0", url.replace("xpires=", "xpires=1")):
        assert httpx.get(changed).status_code in {400, 403}, changed  # servers of S3 differ in which
    assert httpx.put(url, content=b"x").status_code in {400, 403}
    assert httpx.get(url).content == CASTLE


@pytest.mark.parametrize("served", ["directory"], indirect=True)
def test_the_ledger_says_what_is_wrong_with_a_url_that_it_signed_itself(client: Client) -> None:
    url = location(client, f"/v1/assets/{with_content(client)}/content")
    for refused in (httpx.get(url + "0"), httpx.put(url, content=b"x")):
        assert (refused.status_code, refused.json()["type"]) == (403, "urn:asset-ledger:problem:signature")


@pytest.mark.parametrize(
    ("asked", "status", "content"),
    [
        ("bytes=0-9", 206, CASTLE[:10]),
        ("bytes=10-", 206, CASTLE[10:]),
        ("bytes=-7", 206, CASTLE[-7:]),
        ("bytes=0-99999999", 206, CASTLE),
        ("bytes=5-4", 200, CASTLE),
        ("lines=1-2", 200, CASTLE),
        ("bytes=abc", 200, CASTLE),
    ],
)
def test_a_range_gives_just_these_bytes(client: Client, asked: str, status: int, content: bytes) -> None:
    got = streamed(client, with_content(client), Range=asked)
    assert (got.status_code, got.content) == (status, content)


@pytest.mark.parametrize("header", ["bytes=0-3,100-103", "bytes=0-19,10-29", "bytes=0-3,"])
def test_several_ranges_are_answered_by_the_whole(client: Client, header: str) -> None:
    got = streamed(client, with_content(client), Range=header)
    assert (got.status_code, got.content) == (200, CASTLE)
    assert "Content-Range" not in got.headers


def test_a_range_beyond_the_end_cannot_be_given(client: Client) -> None:
    got = streamed(client, with_content(client), Range="bytes=99999999-")
    assert got.status_code == 416
    assert got.headers["Content-Range"] == f"bytes */{len(CASTLE)}"


def test_what_the_caller_has_already_is_not_sent_again(client: Client) -> None:
    asset_id = with_content(client)
    etag = streamed(client, asset_id).headers["ETag"]
    assert etag == f'"{sha256(CASTLE)}"'
    assert streamed(client, asset_id, **{"If-None-Match": etag}).status_code == 304
    assert streamed(client, asset_id, **{"If-None-Match": '"other"'}).content == CASTLE
    assert streamed(client, asset_id, Range="bytes=0-3", **{"If-Range": '"other"'}).content == CASTLE


def test_bytes_that_are_not_those_announced_are_refused_and_the_asset_stays_pending(client: Client) -> None:
    asset_id = pending(client)
    digest = base64.b64encode(hashlib.sha256(b"other").digest()).decode()
    refused = put(client, asset_id, CASTLE, **{"Content-Digest": f"sha-256=:{digest}:"})
    assert refused.status_code == 409
    assert sha256(CASTLE) in refused.json()["detail"]
    assert client.get(f"/v1/assets/{asset_id}").json()["status"] == "pending"
    assert client.get(f"/v1/assets/{asset_id}/content").status_code == 404
    assert len(client.history(asset_id)) == 1


@pytest.mark.parametrize("digest", ["sha-256=:c2hvcnQ=:", "sha-256=abc", "sha-256=::", "sha-512=:x:, sha-256=:y:"])
def test_a_digest_that_cannot_be_read_is_refused_and_not_passed_over(client: Client, digest: str) -> None:
    asset_id = pending(client)
    assert put(client, asset_id, CASTLE, **{"Content-Digest": digest}).status_code == 400
    assert put(client, asset_id, CASTLE, **{"Content-Digest": "sha-512=:x:"}).status_code == 200


@pytest.mark.parametrize("data", [CASTLE[:2000], b"no picture at all \x00\xff", b""])
def test_bytes_that_cannot_be_understood_still_make_the_asset_of_its_kind(client: Client, data: bytes) -> None:
    asset_id = pending(client)
    asset = put(client, asset_id, data, **{"Content-Type": "image/png"}).json()
    assert asset["status"] == "ready"
    assert asset["media"]["media_kind"] == "image"
    assert asset["content"]["problem"]
    assert asset["content"]["size"] == len(data)
    assert streamed(client, asset_id).content == data


@pytest.mark.parametrize("served", ["s3"], indirect=True)
def test_while_nothing_can_be_copied_from_a_bucket_to_the_disk_the_caller_is_told_to_try_again(
    client: Client, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asset_id = with_content(client)
    with monkeypatch.context() as patched:
        patched.setattr(tempfile, "tempdir", str(tmp_path / "gone"))
        for method, path, data in (("PUT", "content", CASTLE), ("GET", "thumbnail", b"")):
            refused = client.http.request(method, f"/v1/assets/{asset_id}/{path}", content=data)
            assert refused.status_code == 503, refused.text
    assert put(client, asset_id, CASTLE).status_code == 200


def test_new_content_is_a_new_version_and_the_old_one_stays_readable(client: Client) -> None:
    asset_id = with_content(client)
    portrait = (SAMPLES / "portrait.jpg").read_bytes()
    asset = put(client, asset_id, portrait).json()
    assert (asset["content"]["version"], asset["media"]["format"]) == (2, "jpeg")
    assert streamed(client, asset_id).content == portrait
    assert client.get(f"/v1/assets/{asset_id}/content", stream=True, version=1).content == CASTLE
    assert client.get(f"/v1/assets/{asset_id}/content", stream=True, version=3).status_code == 404


def test_content_of_a_deleted_asset_and_of_another_tenant_is_not_found(
    clients: Callable[..., Client], client: Client
) -> None:
    asset_id = with_content(client)
    stranger = clients()
    assert stranger.get(f"/v1/assets/{asset_id}/content").status_code == 404
    assert put(stranger, asset_id, b"mine").status_code == 404
    client.call("DELETE", f"/v1/assets/{asset_id}")
    assert client.get(f"/v1/assets/{asset_id}/content").status_code == 404
    assert put(client, asset_id, b"late").status_code == 404


def test_a_form_records_an_asset_with_its_bytes(client: Client) -> None:
    fields = {"media": {"media_kind": "image"}, "tags": ["concept"], "workflow_id": "w7"}
    form = {"asset": json.dumps(fields), "sha256": sha256(CASTLE)}
    created = client.call(
        "POST", "/v1/assets/upload", data=form, files={"file": ("../Burg ä.png", CASTLE, "image/png")}
    )
    assert created.status_code == 201, created.text
    asset = created.json()
    assert (asset["file_name"], asset["origin"], asset["status"]) == ("../Burg ä.png", ["workflow:w7"], "ready")
    assert streamed(client, asset["id"]).content == CASTLE
    assert [e["topic"] for e in client.history(asset["id"])] == ["asset.created", "asset.content_stored"]


@pytest.mark.parametrize(
    ("sample", "kind"),
    [
        ("castle.png", "image"),
        ("portrait.jpg", "image"),
        ("chime.wav", "audio"),
        ("flight.webm", "video"),
        ("brief.pdf", "document"),
    ],
)
def test_what_an_asset_is_follows_from_its_bytes_if_nobody_says(client: Client, sample: str, kind: str) -> None:
    created = client.call("POST", "/v1/assets/upload", files={"file": (sample, (SAMPLES / sample).read_bytes())})
    assert created.json()["media"]["media_kind"] == kind


def test_a_form_sent_again_under_its_key_records_nothing_twice(client: Client) -> None:
    def send(data: bytes) -> httpx.Response:
        files = {"file": ("a.png", data, "image/png")}
        return client.call("POST", "/v1/assets/upload", files=files, headers={"Idempotency-Key": "upload-1"})

    first, again, other = send(CASTLE), send(CASTLE), send(CASTLE[:-1])
    assert (first.status_code, again.status_code, other.status_code) == (201, 200, 409)
    assert first.json()["id"] == again.json()["id"]
    assert again.json()["content"]["version"] == 1


@pytest.mark.parametrize(
    ("content_type", "body"),
    [
        ("text/plain", b"x"),
        ("multipart/form-data", b"x"),
        ("multipart/form-data; boundary=b", b""),
        ("multipart/form-data; boundary=b", b"--b\r\nno header\r\n\r\nx\r\n--b--\r\n"),
        (
            "multipart/form-data; boundary=b",
            b'--b\r\nContent-Disposition: form-data; name="asset"\r\n\r\n{}\r\n--b--\r\n',
        ),
        ("multipart/form-data; boundary=b", b'--b\r\nContent-Disposition: form-data; name="file"\r\n\r\ncut sho'),
        (
            "multipart/form-data; boundary=b",
            b'--b\r\nContent-Disposition: form-data; name="file"\r\n\r\nx\r\n'
            b'--b\r\nContent-Disposition: form-data; name="asset"\r\n\r\n{}\r\n--b--\r\n',
        ),
        (
            "multipart/form-data; boundary=b",
            b'--b\r\nContent-Disposition: form-data; name="asset"\r\n\r\n{"media": 1}\r\n'
            b'--b\r\nContent-Disposition: form-data; name="file"\r\n\r\nx\r\n--b--\r\n',
        ),
    ],
)
def test_a_form_that_is_none_is_refused_and_nothing_is_recorded(client: Client, content_type: str, body: bytes) -> None:
    head = client.head()
    refused = client.call("POST", "/v1/assets/upload", content=body, headers={"Content-Type": content_type})
    assert refused.status_code == 422, refused.text
    assert client.head() == head


def test_a_large_body_passes_in_pieces(client: Client) -> None:
    piece = bytes(range(256)) * 4096

    def pieces() -> Iterator[bytes]:
        for _ in range(5):
            yield piece

    asset_id = pending(client, media={"media_kind": "file"})
    sent = client.call("PUT", f"/v1/assets/{asset_id}/content", content=pieces())
    assert sent.json()["content"]["sha256"] == sha256(piece * 5)
    assert streamed(client, asset_id).content == piece * 5


@pytest.mark.parametrize("sample", ["castle.png", "portrait.jpg", "flight.webm", "brief.pdf"])
def test_a_small_picture_is_made_of_what_can_be_seen(client: Client, sample: str) -> None:
    created = client.call("POST", "/v1/assets/upload", files={"file": (sample, (SAMPLES / sample).read_bytes())}).json()
    for size in ("128", "512"):
        got = client.get(created["thumbnail_url"], stream=True, size=size)
        assert got.headers["Content-Type"] == "image/webp"
        with Image.open(BytesIO(got.content)) as picture:
            assert max(picture.size) <= int(size)
    again = client.call(
        "GET", created["thumbnail_url"], headers={"If-None-Match": got.headers["ETag"]}, params={"size": size}
    )
    assert again.status_code == 304
    assert httpx.get(location(client, created["thumbnail_url"], size="512")).content == got.content


def test_sound_has_a_picture_of_its_own(client: Client) -> None:
    created = client.call(
        "POST", "/v1/assets/upload", files={"file": ("c.wav", (SAMPLES / "chime.wav").read_bytes())}
    ).json()
    assert created["thumbnail_url"] is None
    with Image.open(BytesIO(client.get(created["waveform_url"], stream=True).content)) as picture:
        assert picture.size == (800, 160)


def test_what_cannot_be_shown_has_no_picture_and_that_is_no_failure(client: Client) -> None:
    asset_id = with_content(client, CASTLE[:50])
    assert client.get(f"/v1/assets/{asset_id}").json()["status"] == "ready"
    assert client.get(f"/v1/assets/{asset_id}/thumbnail").status_code == 404
    assert client.get(f"/v1/assets/{asset_id}/waveform").status_code == 404

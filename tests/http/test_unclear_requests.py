"""Requests that can be read in two ways are refused: nobody can tell which of them was meant."""

from contextlib import closing

import httpx
import pytest

from tests.conftest import Client
from tests.http.assertions import nothing_written, path, problem, refused_fields
from tests.http.content_requests import CASTLE
from tests.http.raw_connections import opened, to_the_end
from tests.http.test_half_closed import head

REPEATED = {
    "a filter": "/v1/assets?media_kind=image&media_kind=video",
    "a limit": "/v1/jobs?limit=1&limit=2",
    "a moment": "/v1/assets?as_of=1&as_of=2",
    "two of a diff": "/v1/changes?from=1&from=2",
    "a position": "/v1/events?after=0&after=1",
}


@pytest.mark.parametrize("asked", REPEATED.values(), ids=REPEATED)
def test_a_parameter_that_has_one_value_is_not_repeated(client: Client, asked: str) -> None:
    name = asked.partition("?")[2].partition("=")[0]
    assert refused_fields(client.call("GET", asked)) == [f"query.{name}"]


def test_a_purge_that_is_and_is_not_a_trial_is_none(client: Client) -> None:
    client.call("DELETE", path(client.create()))
    asked = "/v1/assets/purge?status=deleted&dry_run=true&dry_run=false"
    with nothing_written(client):
        assert refused_fields(client.call("POST", asked, json={"reason": "x"})) == ["query.dry_run"]


def test_a_parameter_that_has_several_values_is_repeated(client: Client) -> None:
    asset = client.create(tags=["a", "b"])
    client.create(tags=["a"])
    assert client.ids(tag=["a", "b"]) == [asset["id"]]


@pytest.mark.parametrize("name", ["If-Match", "X-Actor", "Authorization", "Idempotency-Key"])
def test_a_field_of_the_header_that_has_one_value_is_not_repeated(client: Client, name: str) -> None:
    asset = client.create()
    values = {"If-Match": ['"1"', '"2"'], "X-Actor": ["user:a", "user:b"], "Idempotency-Key": ["a", "b"]}
    key = client.http.headers["Authorization"]
    headers = [("Authorization", key)] * (2 if name == "Authorization" else 1)
    headers += [(name, value) for value in values.get(name, [])]
    with nothing_written(client):
        answer = httpx.patch(f"{client.http.base_url}{path(asset)}", headers=headers, json={"name": "x"})
        problem(answer, 400, "bad-request")


@pytest.mark.parametrize("tag", ['"01"', '"001"', '"00"'])
def test_an_etag_is_compared_by_its_characters(client: Client, tag: str) -> None:
    asset = client.create()
    with nothing_written(client):
        answer = client.call("PATCH", path(asset), json={"name": "x"}, headers={"If-Match": tag})
        problem(answer, 400, "bad-header")


@pytest.mark.parametrize(
    "named", ["case-17%0A", "case-17%0a", "%0Acase-17", "case%0A17", "%ff", "case-17%fe", "%ED%A0%80"]
)
@pytest.mark.parametrize("method", ["PUT", "DELETE"])
def test_a_hold_is_that_of_its_name_and_of_no_other(client: Client, method: str, named: str) -> None:
    asset = client.create()
    for hold in ("case-17", "\ufffd", "case-17\ufffd"):
        assert client.call("PUT", path(asset, "holds", hold)).status_code == 204
    with nothing_written(client):
        problem(client.call(method, f"{path(asset)}/holds/{named}"), 400, "bad-request")
    assert client.call("DELETE", path(asset, "holds", "\ufffd")).status_code == 204


@pytest.mark.parametrize("asked", ["/health%0A", "/v1/assets%0A", "/v1/assets.csv%0A", "/openapi.json%0A", "/docs%0A"])
def test_no_path_ends_with_a_line_feed(client: Client, asked: str) -> None:
    problem(client.get(asked), 400, "bad-request")


def test_a_body_has_a_length_or_comes_in_chunks(client: Client, url: str) -> None:
    body = b'{"media": {"media_kind": "image"}}'
    fields = ("Content-Type: application/json", f"Content-Length: {len(body)}", "Transfer-Encoding: chunked")
    sent = head(client, "POST /v1/assets", *fields) + b"%x\r\n%s\r\n0\r\n\r\n" % (len(body), body)
    with nothing_written(client), closing(opened(url, sent + head(client, "GET /v1/policy"))) as connection:
        answer = to_the_end(connection)
    assert answer.startswith(b"HTTP/1.1 400 ")
    assert answer.count(b"HTTP/1.1 ") == 1
    assert b"\r\nconnection: close\r\n" in answer.lower()


@pytest.mark.parametrize("encoding", ["gzip", "br", "identity, gzip"])
def test_a_body_with_an_encoding_is_refused(client: Client, encoding: str) -> None:
    asset = client.create(status="pending")
    with nothing_written(client):
        headers = {"Content-Encoding": encoding}
        answers = [
            client.call("POST", "/v1/assets", json={"media": {"media_kind": "image"}}, headers=headers),
            client.call("PUT", path(asset, "content"), content=CASTLE, headers=headers),
        ]
    for answer in answers:
        problem(answer, 415, "content-encoding-refused")


def test_a_form_has_each_field_once_and_no_other(client: Client) -> None:
    media = (None, '{"media": {"media_kind": "image"}}')
    file = ("file", ("a.png", CASTLE))
    with nothing_written(client):
        for fields in ([("asset", media), ("asset", media), file], [("asset", media), ("assett", media), file]):
            problem(client.call("POST", "/v1/assets/upload", files=fields), 422, "invalid-request")

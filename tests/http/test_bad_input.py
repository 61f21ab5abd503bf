"""Whatever is sent: a problem that says what is wrong, never a fault, and nothing written."""

from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from tests.conftest import Client
from tests.http.assertions import UNKNOWN_ID, nothing_written, path, problem, refused_fields, topics
from tests.http.routes import ask, concrete, described, operations, protected

JSON = {"Content-Type": "application/json"}
WRITES = [("POST", ""), ("PATCH", "asset"), ("POST", "links"), ("POST", "restore"), ("PUT", "holds/case-17")]
NOT_OBJECTS: dict[str, bytes] = {
    "cut off": b'{"name": "x"',
    "more than one value": b'{"name": "x"} {}',
    "a comma too many": b'{"name": "x",}',
    "single quotes": b"{'name': 'x'}",
    "not UTF-8": b'{"name": "\xff\xfe"}',
    "UTF-16 without a mark": '{"name": "x"'.encode("utf-16-le"),
    "only bytes": b"\x00\x01\x02",
    "an array": b"[]",
    "a string": b'"name"',
    "a number": b"7",
    "true": b"true",
    "form": b"name=x&tags=y",
    "a control character": b'{"name": "\x01"}',
    "a number of 5,000 digits": b'{"name": ' + b"1" * 5_000 + b"}",
    "arrays 500,000 deep": b"[" * 500_000,
    "objects 50,000 deep": b'{"metadata":' * 50_000 + b"1" + b"}" * 50_000,
}
UNKNOWN_MEMBERS: dict[str, bytes] = {
    "a plain one": b'{"colour": "red"}',
    "an empty one": b'{"": 1}',
    "a lone surrogate": b'{"\\ud800": 1}',
    "a NUL": b'{"a\\u0000b": 1}',
    "a prototype": b'{"__class__": {"__init__": 1}}',
    "a very long one": b'{"' + b"k" * 100_000 + b'": 1}',
}
UNSTORABLE: dict[str, bytes] = {
    "NUL in the name": b'{"name": "a\\u0000b"}',
    "surrogate in the name": b'{"name": "\\ud800"}',
    "reversed pair in the name": b'{"name": "\\udc00\\ud800"}',
    "NUL in a tag": b'{"tags": ["a\\u0000b"]}',
    "surrogate in a tag": b'{"tags": ["\\udfff"]}',
    "surrogate in the description": b'{"description": "x\\ud800y"}',
    "surrogate in the reason": b'{"name": "x", "reason": "\\ud800"}',
    "NUL in a value": b'{"metadata": {"a": ["b", {"c": "\\u0000"}]}}',
    "NUL in a key": b'{"metadata": {"a": {"\\u0000": 1}}}',
    "surrogate in a value": b'{"metadata": {"a": ["\\ud800"]}}',
    "surrogate in a key": b'{"metadata": {"a": [{"\\ud800": 1}]}}',
    "surrogate in the first key": b'{"metadata": {"\\ud800": 1}}',
    "NaN": b'{"metadata": {"a": NaN}}',
    "Infinity": b'{"metadata": {"a": [-Infinity]}}',
    "a number beyond floats": b'{"metadata": {"a": 1e999}}',
    "an integer beyond 2^53": b'{"metadata": {"a": 9007199254740992}}',
    "an integer below -2^53": b'{"metadata": {"a": -9007199254740992}}',
    "an integer of 400 digits": b'{"metadata": {"a": ' + b"9" * 400 + b"}}",
    "33 levels": b'{"metadata": ' + b'{"a":' * 32 + b"[1]" + b"}" * 32 + b"}",
    "300 levels": b'{"metadata": {"a":' + b"[" * 300 + b"]" * 300 + b"}}",
    "900 levels": b'{"metadata": {"a":' + b"[" * 900 + b"]" * 900 + b"}}",
    "metadata that are an array": b'{"metadata": [1]}',
    "a name that is a number": b'{"name": 7}',
    "a name that is an object": b'{"name": {"a": 1}}',
    "tags that are an object": b'{"tags": {"a": 1}}',
}
ONLY_NEW: dict[str, bytes] = {
    "surrogate in the kind": b'{"media": {"media_kind": "\\ud800"}}',
    "surrogate in a field of media": b'{"media": {"media_kind": "image", "\\ud800": 1}}',
    "NaN in media": b'{"media": {"media_kind": "image", "width": NaN}}',
    "a duration beyond floats": b'{"media": {"media_kind": "video", "duration": 1e999}}',
    "a width of 400 digits": b'{"media": {"media_kind": "image", "width": ' + b"9" * 400 + b"}}",
    "surrogate in an id": b'{"media": {"media_kind": "image"}, "message_id": "\\ud800"}',
    "NUL in a reference": b'{"media": {"media_kind": "image"}, "references": ["message:\\u0000"]}',
    "surrogate in a kind": b'{"media": {"media_kind": "file"}, "references": [{"kind": "\\ud800", "id": "x"}]}',
    "surrogate in the scope": b'{"media": {"media_kind": "image"}, "scope": "world:\\ud800"}',
    "surrogate in the subject": b'{"media": {"media_kind": "image"}, "subject": "\\ud800"}',
    "surrogate in the file name": b'{"media": {"media_kind": "image"}, "file_name": "\\ud800"}',
    "surrogate in the media type": b'{"media": {"media_kind": "image"}, "content": {"content_type": "\\ud800"}}',
    "surrogate in the digest": b'{"media": {"media_kind": "image"}, "content": {"sha256": "\\ud800"}}',
    "a digest with a line break": b'{"media": {"media_kind": "image"}, "content": {"sha256": "' + b"a" * 64 + b'\\n"}}',
    "a size beyond 2^53": b'{"media": {"media_kind": "image"}, "content": {"size": 9007199254740992}}',
}
LARGE: dict[str, dict[str, Any]] = {
    "words and a document": {"description": "🏰" * 10_000, "metadata": {"text": "x" * 39_000}},
    "many links": {"references": [f"message:{number}{'🏰' * 500}" for number in range(200)]},
    "everything else": {"description": "🏰" * 10_000, "tags": [f"{number}{'🏰' * 90}" for number in range(100)]},
}


def bodies(asset: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """Method and path of every route that takes a body."""
    for method, below in WRITES:
        yield method, {"": "/v1/assets", "asset": path(asset)}.get(below) or path(asset, below)


def send(client: Client, method: str, target: str, body: bytes, **headers: str) -> httpx.Response:
    return client.call(method, target, content=body, headers=JSON | headers)


@pytest.mark.parametrize("body", NOT_OBJECTS.values(), ids=NOT_OBJECTS)
def test_what_is_no_json_object_is_refused_everywhere(client: Client, body: bytes) -> None:
    asset = client.create()

    with nothing_written(client):
        for method, target in bodies(asset):
            response = send(client, method, target, body)
            assert response.status_code in {400, 422}
            problem(response, response.status_code)
            assert len(response.content) < 8_192

    assert topics(client, asset) == ["asset.created"]


@pytest.mark.parametrize("body", UNKNOWN_MEMBERS.values(), ids=UNKNOWN_MEMBERS)
def test_an_unknown_member_is_refused_everywhere(client: Client, body: bytes) -> None:
    asset = client.create()

    with nothing_written(client):
        for method, target in bodies(asset):
            assert refused_fields(send(client, method, target, body))

    assert topics(client, asset) == ["asset.created"]


@pytest.mark.parametrize("body", UNSTORABLE.values(), ids=UNSTORABLE)
def test_words_that_cannot_be_kept_are_refused(client: Client, body: bytes) -> None:
    asset = client.create(name="Castle")

    with nothing_written(client):
        created = send(client, "POST", "/v1/assets", b'{"media": {"media_kind": "image"}, ' + body[1:])
        changed = send(client, "PATCH", path(asset), body)

    for response in (created, changed):
        assert all(
            field.split(".")[1] in {"name", "description", "tags", "metadata", "reason"}
            for field in refused_fields(response)
        )
    assert client.get(path(asset)).json() == asset


@pytest.mark.parametrize("body", ONLY_NEW.values(), ids=ONLY_NEW)
def test_what_a_new_asset_cannot_be_is_refused(client: Client, body: bytes) -> None:
    with nothing_written(client):
        assert refused_fields(send(client, "POST", "/v1/assets", body))[0].startswith("body.")


@pytest.mark.parametrize("fields", LARGE.values(), ids=LARGE)
def test_what_does_not_fit_in_one_entry_is_refused(client: Client, fields: dict[str, Any]) -> None:
    with nothing_written(client):
        response = client.call("POST", "/v1/assets", json={"media": {"media_kind": "image"}} | fields)

    problem(response, 422)


def test_documents_up_to_40_kib_and_32_levels_are_kept(client: Client) -> None:
    deep: dict[str, Any] = {}
    for _ in range(31):
        deep = {"a": deep}
    spec = {"p": "p" * (40 * 1024 - len('{"p":""}') - len('{"a":') * 31 - len("{}") - 31)}

    asset = client.create(metadata=deep, prompt_spec=spec)

    assert (asset["metadata"], asset["prompt_spec"]) == (deep, spec)
    assert client.get(path(asset)).json() == asset
    assert client.page()["items"] == [asset]


@pytest.mark.parametrize("chunked", [False, True], ids=["with its length", "in chunks"])
def test_a_body_of_two_mebibytes_is_too_large(client: Client, chunked: bool) -> None:
    asset = client.create()
    parts = [b'{"name": "', b"x" * 2**20, b"x" * 2**20, b'"}']

    with nothing_written(client):
        for method, target in bodies(asset):
            response = client.call(method, target, content=iter(parts) if chunked else b"".join(parts), headers=JSON)
            problem(response, 413)


def test_a_body_with_very_many_mistakes_gets_a_short_answer(client: Client) -> None:
    with nothing_written(client):
        response = send(client, "POST", "/v1/assets", b'{"tags": [' + b",".join([b"1"] * 300_000) + b"]}")

    assert refused_fields(response)
    assert len(response.content) < 64 * 1024


@pytest.mark.parametrize(
    "type_", ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data", "image/png"]
)
def test_a_body_of_another_type_is_refused(client: Client, type_: str) -> None:
    asset = client.create()

    with nothing_written(client):
        for method, target in bodies(asset):
            response = client.call(method, target, content=b'{"name": "x"}', headers={"Content-Type": type_})
            assert response.status_code in {400, 415, 422}
            problem(response, response.status_code)


@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS", "TRACE", "BREW"])
def test_a_method_that_a_path_does_not_have_is_refused_with_those_it_has(client: Client, url: str, method: str) -> None:
    asset = client.create()
    paths: dict[str, set[str]] = {}
    for offered, template, _ in operations(described(url)):
        paths.setdefault(concrete(template, asset["id"]), set()).add(offered)

    with nothing_written(client):
        for target, has in paths.items():
            if method not in has:
                response = client.call(method, target)
                assert response.status_code == 405
                assert set(response.headers["Allow"].split(", ")) == has
                assert method == "HEAD" or problem(response, 405)


@pytest.mark.parametrize(
    "target", ["/", "/v1", "/v1/asset", "/v1/assets/x/y/z", "/v2/assets", "/v1/assets/../keys", "/%00"]
)
def test_a_path_that_is_not_there_is_not_found(client: Client, target: str) -> None:
    problem(client.get(target), 404, "not-found")


@pytest.mark.parametrize("asset_id", ["x", "1", "%00", "0193483c", "../audit", "0" * 1_000, f"{UNKNOWN_ID}x", "null"])
def test_what_is_no_id_is_refused_on_every_route(client: Client, url: str, asset_id: str) -> None:
    with nothing_written(client):
        for operation in protected(url):
            if "{asset_id}" in operation[1]:
                response = ask(client.http, operation, asset_id.replace("../", "..%2F"))
                assert response.status_code in {404, 405, 422}
                problem(response, response.status_code)


def test_an_unknown_query_parameter_is_refused_on_every_route(client: Client, url: str) -> None:
    asset = client.create(message_id="m1")
    client.call("PUT", path(asset, "holds", "case-17"))

    with nothing_written(client):
        accepted = [
            operation[2]["operationId"]
            for operation in protected(url)
            if ask(client.http, operation, asset["id"], revison=1).status_code != 422
        ]
        assert accepted == []


@pytest.mark.parametrize("query", ["reason=%00", "reason=" + "x" * 2_001])
def test_a_reason_that_cannot_be_kept_is_refused(client: Client, query: str) -> None:
    asset = client.create(message_id="m1")
    client.call("PUT", path(asset, "holds", "a"))

    with nothing_written(client):
        for target in (path(asset), path(asset, "holds", "a"), path(asset, "links")):
            response = client.call(
                "DELETE", f"{target}?ref=message:m1&{query}" if "links" in target else f"{target}?{query}"
            )
            assert refused_fields(response) == ["query.reason"]


def test_letters_that_are_not_utf_8_do_not_harm_a_search(client: Client) -> None:
    client.create(name="Castle")

    for query in ("name=%ff%fe", "ref=message:%ed%a0%80", "name=%c3%28", "message_id=%ff"):
        response = client.call("GET", f"/v1/assets?min_position={client.head()}&{query}")
        assert (response.status_code, response.json()["items"]) == (200, [])
    assert refused_fields(client.call("GET", "/v1/assets?%ff=1")) == ["query.\ufffd"]

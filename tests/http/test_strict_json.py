"""JSON in requests: no object has two members of one name (RFC 7493), at any depth, in any body."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.strict_json import MOST_VALUES, most_values, parse
from tests.conftest import Client
from tests.http.assertions import nothing_written, problem
from tests.http.content_requests import CASTLE

JSON = {"Content-Type": "application/json"}
IMAGE = '{"media":{"media_kind":"image"}'
DOUBLED = {
    "at the top": IMAGE + ',"name":"a","name":"a"}',
    "in a model": '{"media":{"media_kind":"image","width":1,"width":2}}',
    "in a document": IMAGE + ',"metadata":{"name":1,"name":2}}',
    "deep in a document": IMAGE + ',"metadata":{"a":[{"b":{"name":1,"x":2,"name":1}}]}}',
    "written otherwise": IMAGE + ',"metadata":{"name":1,"n\\u0061me":2}}',
    "beside half a character": IMAGE + ',"description":"\\ud800","name":"a","name":"b"}',
}


@pytest.mark.parametrize("body", DOUBLED.values(), ids=DOUBLED)
def test_a_member_that_is_there_twice_is_refused_by_its_name(client: Client, body: str) -> None:
    name = "width" if "width" in body else "name"
    with nothing_written(client):
        answers = [
            client.call("POST", "/v1/assets", content=body, headers=JSON),
            client.call("POST", "/v1/jobs", content=body, headers=JSON),
            client.call("POST", "/v1/assets/batch", content=f"[{body}]", headers=JSON),
            client.call("POST", "/v1/assets/upload", data={"asset": body}, files={"file": ("a.png", CASTLE)}),
        ]
        lines = client.call("POST", "/v1/assets/batch", content=body, headers={"Content-Type": "application/x-ndjson"})
    for answer in answers:
        assert f"the member '{name}' is there twice" in problem(answer, 422, "invalid-request")["detail"]
    (result,) = lines.json()["results"]
    assert f"the member '{name}' is there twice" in result["problem"]["detail"]


def test_what_no_parser_understands_is_refused_with_the_reason(client: Client) -> None:
    answer = client.call("POST", "/v1/assets", content=IMAGE, headers=JSON)
    assert "not JSON: Expecting ',' delimiter" in problem(answer, 422)["detail"]


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)


@given(VALUES, st.booleans())
def test_what_is_written_is_read(value: object, ascii_: bool) -> None:
    text = json.dumps(value, ensure_ascii=ascii_).encode("utf-8", "surrogatepass")
    try:
        expected = json.loads(text)
    except UnicodeDecodeError:
        return
    assert json.dumps(parse(text)) == json.dumps(expected)
    assert most_values(text) >= _values(expected)


def _values(value: object) -> int:
    below = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return 1 + sum(map(_values, below))


@given(st.binary() | st.text(alphabet='{}[]",:\\u012e-truefalsn \n\x01').map(str.encode))
def test_what_the_standard_library_refuses_is_refused(text: bytes) -> None:
    try:
        json.loads(text.decode())
    except (ValueError, RecursionError):
        with pytest.raises(json.JSONDecodeError):
            parse(text.removeprefix(b"\xef\xbb\xbf"))


def test_values_are_counted_exactly_where_it_matters() -> None:
    comma = b'"' + b"," * MOST_VALUES + b'\\","'
    assert most_values(b"[" + comma + b",1]") == 3
    assert most_values(b"[" + b"1," * MOST_VALUES + b"1]") == MOST_VALUES + 1
    assert most_values(b"[1,{}]") == 4  # an upper bound


def test_a_string_without_an_end_is_read_once() -> None:
    """Were it looked for again from each quote in it, this would take hours."""
    quotes = b'"' + b'\\"' * 500_000
    assert most_values(b"[1" + b",1" * MOST_VALUES + quotes) == MOST_VALUES + 1
    assert most_values(quotes + b"," * (MOST_VALUES + 1)) == 1
    assert most_values(quotes + b"," * (MOST_VALUES + 1) + b"\\") == 1

"""Media, references and free documents: what is accepted, and what it becomes."""

from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from pydantic import TypeAdapter, ValidationError

from domain.json_documents import Document
from domain.media import Media
from domain.reference import Reference, ReferenceAliases, ReferenceInput, distinct
from tests.domain import strategies as some

media: TypeAdapter[Media] = TypeAdapter(Media)
document: TypeAdapter[dict[str, Any]] = TypeAdapter(Document)
reference_input: TypeAdapter[Reference] = TypeAdapter(ReferenceInput)


@pytest.mark.parametrize(
    ("sent", "format_"),
    [
        ("PNG", "png"),
        (".jpg", "jpeg"),
        (" TIF ", "tiff"),
        ("xyz", "other"),
        ("", "other"),
        ("mp3", "other"),
        (None, None),
    ],
)
def test_a_format_is_normalised_and_an_unknown_one_is_other(sent: str | None, format_: str | None) -> None:
    assert media.validate_python({"media_kind": "image", "format": sent}).format == format_  # type: ignore[union-attr]


@pytest.mark.parametrize(
    ("kind", "field", "value"),
    [
        ("image", "page_count", 2),
        ("document", "width", 3),
        ("file", "format", "bin"),
        ("audio", "height", 3),
        ("image", "width", 0),
        ("video", "duration", 0),
        ("video", "duration", float("inf")),
        ("image", "width", 2.5),
    ],
)
def test_a_field_that_does_not_fit_the_kind_is_refused_by_name(kind: str, field: str, value: object) -> None:
    with pytest.raises(ValidationError) as refusal:
        media.validate_python({"media_kind": kind, field: value})
    assert refusal.value.errors()[0]["loc"] == (kind, field)


@given(some.media)
def test_media_survives_json(sent: dict[str, Any]) -> None:
    value = media.validate_python(sent)
    assert media.validate_json(media.dump_json(value)) == value


@pytest.mark.parametrize("id_", ["conv-7/ä", "a:b:c", " ", "😀", "'; DROP TABLE", "x" * 512])
def test_a_reference_is_written_kind_colon_id_whatever_the_id(id_: str) -> None:
    assert reference_input.validate_python(f"message:{id_}") == Reference(kind="message", id=id_)
    assert str(Reference.parse(f"message:{id_}")) == f"message:{id_}"


@pytest.mark.parametrize(
    "text", ["", "message", "message:", ":m1", "Message:m1", "1x:m", "a b:m", "message:a\x00b", "m:" + "x" * 513]
)
def test_what_is_not_a_reference_is_refused(text: str) -> None:
    with pytest.raises(ValidationError):
        reference_input.validate_python(text)


def test_aliases_stand_for_references_and_repetitions_are_dropped() -> None:
    aliases = ReferenceAliases(workflow_id="w7", agent="a1", tool_call_id="t")
    assert [str(r) for r in aliases.aliased()] == ["workflow:w7", "agent:a1", "tool_call:t"]
    assert [str(r) for r in distinct(aliases.aliased() * 2)] == ["workflow:w7", "agent:a1", "tool_call:t"]


@given(some.documents)
def test_any_json_is_a_document_and_comes_back_unchanged(sent: dict[str, Any]) -> None:
    assert document.validate_json(document.dump_json(document.validate_python(sent))) == sent


@pytest.mark.parametrize(
    "value",
    [
        float("nan"),
        float("inf"),
        2**53,
        -(2**53),
        "a\x00b",
        "\ud800",
        {"\ud800": 1},
        {"a\x00": 1},
        [[["x" * 3, 2**60]]],
    ],
)
def test_what_json_cannot_carry_safely_is_refused(value: object) -> None:
    with pytest.raises(ValidationError):
        document.validate_python({"value": value})


def test_a_reference_to_a_document_is_none() -> None:
    with pytest.raises(ValidationError, match="send the document itself"):
        document.validate_python({"$document": {"id": str(UUID(int=1)), "sha256": "a" * 64, "size": 50_000}})


def test_a_document_nested_too_deep_is_refused() -> None:
    deep: dict[str, Any] = {}
    for _ in range(40):
        deep = {"in": deep}
    with pytest.raises(ValidationError, match="levels deep"):
        document.validate_python(deep)

"""Lines of JSON, read as assets."""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from api.application.imports.items import Item, SourceUnreadableError, Unreadable
from api.importers.jsonl import MOST_BYTES, read
from domain.reference import Reference

IMAGE = {"media": {"media_kind": "image", "format": "png"}}


def items(folder: Path, *lines: bytes | dict[str, Any], files: Path | None = None) -> list[Item | Unreadable]:
    """What the file with these lines holds."""
    file = folder / "assets.jsonl"
    file.write_bytes(b"\n".join(line if isinstance(line, bytes) else json.dumps(line).encode() for line in lines))
    return list(read(file, files))


def test_a_line_says_what_the_api_takes(tmp_path: Path) -> None:
    line = IMAGE | {"name": "Castle", "tags": ["a"], "workflow_id": "w7", "references": ["message:m_91"]}
    (item,) = items(tmp_path, line)
    assert isinstance(item, Item)
    assert item.place == "line 1"
    assert (item.new.name, item.new.tags, item.new.workflow_id) == ("Castle", ("a",), "w7")
    assert item.new.references == (Reference(kind="message", id="m_91"),)
    assert (item.path, item.created_at, item.job) == (None, None, None)


def test_the_place_is_the_id_or_else_the_path_or_else_the_line(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(b"x")
    lines: list[dict[str, Any]] = [{"id": "a:1", "path": "a.png"}, {"id": 7}, {}, {"path": "./a.png"}]
    assert [item.place for item in items(tmp_path, *(IMAGE | line for line in lines))] == [
        "a:1",
        "7",
        "line 3",
        "./a.png",
    ]


@pytest.mark.parametrize(
    "written", ["2026-11-20T15:04:05Z", "2026-11-20T15:04:05", "2026-11-20 16:04:05+01:00", 1795187045, 1795187045000]
)
def test_a_time_without_a_zone_is_in_utc(tmp_path: Path, written: object) -> None:
    (item,) = items(tmp_path, IMAGE | {"created_at": written})
    assert isinstance(item, Item)
    assert item.created_at == datetime(2026, 11, 20, 15, 4, 5, tzinfo=UTC)


def test_a_path_names_the_content_and_stands_in_for_the_media(tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    for folder in (tmp_path, elsewhere):
        (folder / "in").mkdir(parents=True)
        (folder / "in" / "a.png").write_bytes(b"x")
    for files in (None, elsewhere):
        (item,) = items(tmp_path, {"path": "in/a.png"}, files=files)
        assert isinstance(item, Item)
        assert item.path == (files or tmp_path) / "in" / "a.png"
        assert (item.new.media.media_kind, item.new.file_name) == ("file", "a.png")
    (item,) = items(tmp_path, IMAGE | {"path": "in/a.png", "file_name": "b.png"})
    assert isinstance(item, Item)
    assert (item.new.media.media_kind, item.new.file_name) == ("image", "b.png")


@pytest.mark.parametrize(
    ("path", "reason"),
    [
        ("../secret", "path: leads out of the folder"),
        ("in/../../secret", "path: leads out of the folder"),
        ("/etc/passwd", "path: leads out of the folder"),
        ("link", "path: leads out of the folder"),
        ("gone", "path: there is no such file"),
        ("in", "path: there is no such file"),
        (7, "path: there is no such file"),
        ("loop/a", "path: cannot be followed"),
        ("a\0b", "path: cannot be followed"),
        ("x" * 5_000, "path: cannot be followed"),
    ],
)
def test_a_path_stays_in_the_folder(tmp_path: Path, path: object, reason: str) -> None:
    (tmp_path / "secret").write_bytes(b"x")
    folder = tmp_path / "folder"
    (folder / "in").mkdir(parents=True)
    (folder / "link").symlink_to(tmp_path / "secret")
    (folder / "loop").symlink_to("loop")
    assert items(folder, IMAGE | {"path": path}) == [Unreadable("line 1", reason)]


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        (b"{", "is not JSON: Expecting property name enclosed in double quotes at column 2"),
        (b"[]", "is not a JSON object"),
        (b"null", "is not a JSON object"),
        (b"{}", "media: Field required"),
        (b'{"media": {"media_kind": "file"}, "colour": 1}', "colour: Extra inputs are not permitted"),
        (b'{"media": {"media_kind": "file"}, "id": ""}', "id: must have 1 to 512 characters"),
        (b'{"media": {"media_kind": "file"}, "id": [1]}', "id: must have 1 to 512 characters"),
        (b'{"media": {"media_kind": "file"}, "id": true}', "id: must have 1 to 512 characters"),
        (b'{"media": {"media_kind": "file"}, "id": "line 4"}', "id: is what a line without an id is called"),
        (b'{"media": {"media_kind": "file"}, "created_at": "soon"}', "created_at: is not a time"),
        (b'{"media": {"media_kind": "file"}, "created_at": 1e300}', "created_at: is not a time"),
        (b'{"media": {"media_kind": "file"}, "created_at": "0001-01-01T00:00+14:00"}', "created_at: is not a time"),
    ],
)
def test_a_bad_line_is_listed_with_its_reason(tmp_path: Path, line: bytes, reason: str) -> None:
    assert items(tmp_path, IMAGE, b"", line, IMAGE)[1:] == [
        Unreadable("line 3", reason),
        Item("line 4", items(tmp_path, IMAGE)[0].new),  # type: ignore[union-attr]
    ]


def test_many_problems_are_one_line(tmp_path: Path) -> None:
    (bad,) = items(tmp_path, {"a": 1, "b": 2, "c": 3, "d": 4})
    assert isinstance(bad, Unreadable)
    assert bad.reason.count(";") == 3
    assert bad.reason.endswith("and 2 more")
    assert "\n" not in bad.reason


def test_a_document_that_does_not_fit_into_an_event_is_one_like_others(tmp_path: Path) -> None:
    (item,) = items(tmp_path, IMAGE | {"metadata": {"a": "x" * 500_000}})
    assert isinstance(item, Item)
    assert item.new.metadata == {"a": "x" * 500_000}


def test_a_document_of_more_than_a_mebibyte_is_listed(tmp_path: Path) -> None:
    line = b'{"media": {"media_kind": "image"}, "metadata": {"a": [' + b"1e15, " * 100_000 + b"0]}}"
    (tmp_path / "lines.jsonl").write_bytes(line)
    (bad,) = read(tmp_path / "lines.jsonl")
    assert isinstance(bad, Unreadable)
    assert "at most 1,048,576" in bad.reason


def test_a_line_that_is_too_long_is_listed_and_passed_over(tmp_path: Path) -> None:
    long = [b" " * (3 * MOST_BYTES) + b"{}", b'{"name": "' + b"x" * MOST_BYTES + b'"}', b"x" * (MOST_BYTES + 1)]
    bad = [Unreadable(f"line {number}", "has more than 1,000,000 bytes") for number in (1, 2, 3)]
    assert items(tmp_path, *long, IMAGE)[:3] == bad
    assert [item.place for item in items(tmp_path, *long, IMAGE)[3:]] == ["line 4"]


def test_a_byte_order_mark_and_windows_line_ends_do_no_harm(tmp_path: Path) -> None:
    line = json.dumps(IMAGE).encode()
    assert [type(item) for item in items(tmp_path, b"\xef\xbb\xbf" + line + b"\r", line + b"\r", b"\r")] == [Item, Item]


def test_a_file_that_is_not_there_cannot_be_read(tmp_path: Path) -> None:
    for path in (tmp_path / "gone", tmp_path):
        with pytest.raises(SourceUnreadableError, match="cannot be read"):
            next(read(path))


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text() | st.sampled_from(["id", "path", "media"]), inner),
)
MEMBERS = st.sampled_from(["id", "path", "created_at", "media", "name", "tags", "references", "metadata", "content"])
WRITTEN = st.dictionaries(MEMBERS, JSON).map(lambda members: json.dumps(members).encode())
DEEP = st.integers(1, 5_000).map(lambda depth: b'{"metadata":' + b'{"a":' * depth + b"1" + b"}" * depth + b"}")


def test_a_path_that_could_be_a_line_needs_an_id(tmp_path: Path) -> None:
    (tmp_path / "line 1").write_bytes(b"x")
    reason = "path: is what a line without an id is called"
    assert items(tmp_path, {"path": "line 1"}) == [Unreadable("line 1", reason)]
    assert [item.place for item in items(tmp_path, {"path": "line 1", "id": "a"})] == ["a"]


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.binary() | WRITTEN | DEEP)
def test_no_line_ends_the_reading(tmp_path: Path, line: bytes) -> None:
    last = items(tmp_path, line, IMAGE | {"id": "the last"})[-1]
    assert isinstance(last, Item)
    assert last.place == "the last"


@pytest.mark.parametrize(
    "metadata",
    ['{"x": 123456789012345678901234567890}', '{"x": -9007199254740993}', '{"x": 1, "x": 2}', '{"x": 1e999}'],
)
def test_what_the_api_refuses_of_a_document_a_line_cannot_bring_either(tmp_path: Path, metadata: str) -> None:
    line = f'{{"media": {{"media_kind": "image"}}, "metadata": {metadata}}}'
    (item,) = items(tmp_path, line.encode())
    assert isinstance(item, Unreadable)

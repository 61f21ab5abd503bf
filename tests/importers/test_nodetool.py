"""A nodetool database, read as jobs and assets."""

import json
import os
import sqlite3
from contextlib import closing
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from api.application.imports.items import Item, JobItem, SourceUnreadableError, Unreadable
from api.importers.nodetool import read
from tests.importers.databases import ASSET, JOB, THE_JOB, Nodetool


def test_an_asset_comes_with_its_content_its_job_and_where_it_was_made(nodetool: Nodetool) -> None:
    nodetool.insert("jobs", JOB)
    (nodetool.files / "a1.png").write_bytes(b"x")
    item = nodetool.asset()
    assert (item.place, item.path, item.job) == ("asset:a1", nodetool.files / "a1.png", THE_JOB)
    assert item.created_at == datetime(2025, 4, 28, 21, 20, 9, 500_000, UTC)
    assert item.new.model_dump(exclude_defaults=True) == {
        "media": {"media_kind": "image", "format": "png"},
        "name": "castle.png",
        "metadata": {"seed": 5},
        "content": {"content_type": "image/png", "size": 12},
        "subject": "u1",
        "workflow_id": "w7",
        "node_id": "n3",
        "run": "j1",
        "references": ({"kind": "folder", "id": "f1"},),
    }


def test_jobs_come_first_and_each_by_itself_whatever_it_made(nodetool: Nodetool) -> None:
    failed = {"id": "j0", "status": "failed", "error": "out of memory\non node n3"}
    nodetool.insert("jobs", JOB, failed)
    nodetool.insert("assets", ASSET | {"id": "a2", "job_id": "j9"}, ASSET)
    first, second, *assets = read(nodetool.path)
    assert (first, second) == (JobItem("job:j0", "j0", status="failed", error="out of memory\non node n3"), THE_JOB)
    assert [(item.place, item.job) for item in assets if isinstance(item, Item)] == [
        ("asset:a1", THE_JOB),
        ("asset:a2", None),
    ]


def test_folders_are_left_out(nodetool: Nodetool) -> None:
    nodetool.insert("jobs", JOB)
    nodetool.insert("assets", ASSET, {"id": "f1", "parent_id": "u1", "name": "Castles", "content_type": "folder"})
    assert [item.place for item in read(nodetool.path)] == ["job:j1", "asset:a1"]


def test_an_asset_at_the_top_is_in_no_folder(nodetool: Nodetool) -> None:
    assert nodetool.asset(parent_id="u1").new.references == ()


@pytest.mark.parametrize(
    ("members", "media"),
    [
        ({"content_type": "image/svg+xml"}, {"media_kind": "image", "format": "svg"}),
        ({"content_type": "IMAGE/X-unheard"}, {"media_kind": "image", "format": "other"}),
        ({"content_type": "video/mp4", "duration": 2}, {"media_kind": "video", "format": "mp4", "duration": 2.0}),
        ({"content_type": "audio/mpeg", "duration": 0}, {"media_kind": "audio", "format": "mp3"}),
        ({"content_type": "audio/wav", "duration": "long"}, {"media_kind": "audio", "format": "wav"}),
        ({"content_type": "text/plain; charset=utf-8"}, {"media_kind": "document", "format": "text"}),
        ({"content_type": "application/pdf"}, {"media_kind": "document", "format": "pdf"}),
        ({"content_type": "model/gltf-binary"}, {"media_kind": "file"}),
        ({"content_type": None}, {"media_kind": "file"}),
    ],
)
def test_media_are_what_the_content_type_says(nodetool: Nodetool, members: dict[str, Any], media: object) -> None:
    assert nodetool.asset(**members).new.media.model_dump(exclude_defaults=True) == media


@pytest.mark.parametrize(
    ("written", "metadata"),
    [
        (None, None),
        ("", None),
        ("null", None),
        ("{}", None),
        ("[1]", {"metadata": [1]}),
        ('{"loss": NaN}', {"metadata": '{"loss": NaN}'}),
        ("a castle", {"metadata": "a castle"}),
        (b'{"a": 1}', {"a": 1}),
    ],
)
def test_metadata_that_is_no_object_is_kept_in_one(nodetool: Nodetool, written: object, metadata: object) -> None:
    assert nodetool.asset(metadata=written).new.metadata == metadata


@pytest.mark.parametrize(
    ("written", "time"),
    [
        ("2025-04-28 21:20:09", datetime(2025, 4, 28, 21, 20, 9, tzinfo=UTC)),
        ("2025-04-28T21:20:09.000Z", datetime(2025, 4, 28, 21, 20, 9, tzinfo=UTC)),
        (1745875209, datetime(2025, 4, 28, 21, 20, 9, tzinfo=UTC)),
        (1745875209000, datetime(2025, 4, 28, 21, 20, 9, tzinfo=UTC)),
        ("yesterday", None),
        (None, None),
    ],
)
def test_a_time_is_text_or_a_number_or_unknown(nodetool: Nodetool, written: object, time: datetime | None) -> None:
    assert nodetool.asset(created_at=written).created_at == time


@pytest.mark.parametrize(
    ("names", "chosen"),
    [
        (["a1"], "a1"),
        (["a1", "a1.png"], "a1"),
        (["a1.jpg", "a1.png"], "a1.png"),
        (["a1.jpg", "a1.webp"], "a1.jpg"),
    ],
)
def test_the_content_is_in_the_file_with_the_id(nodetool: Nodetool, names: list[str], chosen: str) -> None:
    for name in names:
        (nodetool.files / name).write_bytes(b"x")
    (nodetool.files / os.fsdecode(b"\xff")).write_bytes(b"x")
    assert nodetool.asset().path == nodetool.files / chosen


def test_an_asset_whose_content_is_not_there_is_listed(nodetool: Nodetool) -> None:
    for name in ("a1_thumb.jpg", "a10.png", "b.a1"):
        (nodetool.files / name).write_bytes(b"x")
    (nodetool.files / "a1").mkdir()
    (nodetool.files / "a1.png").symlink_to(nodetool.path)
    nodetool.insert("assets", ASSET)
    assert list(read(nodetool.path, nodetool.files)) == [
        Unreadable("asset:a1", "there is no file with its content"),
    ]
    assert [item.place for item in read(nodetool.path) if isinstance(item, Item)] == ["asset:a1"]


@pytest.mark.parametrize(
    ("written", "cost", "problem"),
    [
        (0.1, Decimal("0.1"), None),
        (2, Decimal(2), None),
        ("0.75", Decimal("0.75"), None),
        (" 1e-3 ", Decimal("0.001"), None),
        (b"0.75", Decimal("0.75"), None),
        (1e-12, Decimal(0), None),
        (-0.0, Decimal(0), None),
        (None, None, None),
        ("", None, None),
        ("0,75", None, "its cost 0,75 is no amount"),
        (-1.0, None, "its cost -1.0 is no amount"),
        (float("inf"), None, "its cost inf is no amount"),
        ("NaN", None, "its cost NaN is no amount"),
        (1e300, None, "its cost 1e+300 is no amount"),
        (99999999999.9999999999, None, "its cost 100000000000.0 is no amount"),
        ("1e-999999999999999999999", Decimal(0), None),
    ],
)
def test_a_cost_is_an_amount_or_told_as_none(
    nodetool: Nodetool, written: object, cost: Decimal | None, problem: str | None
) -> None:
    nodetool.insert("jobs", JOB | {"cost": written})
    (job,) = read(nodetool.path)
    assert isinstance(job, JobItem)
    assert (job.cost, job.problem) == (cost, problem)


def test_what_no_text_can_hold_of_an_error_is_written_out(nodetool: Nodetool) -> None:
    nodetool.insert("jobs", JOB | {"status": "failed", "error": b"boom\xff\x00\n at node n3"})
    (job,) = read(nodetool.path)
    assert isinstance(job, JobItem)
    assert job.error == "boom\\udcff\\0\n at node n3"


def test_columns_and_even_jobs_may_be_missing(tmp_path: Path) -> None:
    nodetool = Nodetool(tmp_path, "CREATE TABLE nodetool_assets (id INTEGER PRIMARY KEY, job_id TEXT)")
    nodetool.insert("assets", {"id": 7, "job_id": "j1"})
    (item,) = read(nodetool.path)
    assert isinstance(item, Item)
    assert (item.place, item.new.run, item.job, item.created_at) == ("asset:7", "j1", None, None)


def test_a_bad_row_is_listed_and_the_rest_is_read(nodetool: Nodetool) -> None:
    nodetool.insert("jobs", JOB | {"id": None}, JOB | {"id": "j2", "user_id": "x" * 513}, JOB)
    long = {"id": "a0", "name": "x" * 513, "job_id": "j2"}
    nodetool.insert("assets", ASSET | {"id": None}, ASSET | long, ASSET | {"job_id": "j2"})
    with closing(sqlite3.connect(nodetool.path)) as connection, connection:
        connection.execute("INSERT INTO nodetool_assets (id, name) VALUES (CAST(x'6132ff' AS TEXT), 'a')")
    items = list(read(nodetool.path))
    assert items[:4] == [
        Unreadable("job:None", "has no id"),
        THE_JOB,
        Unreadable("job:j2", "user_id: must have 1 to 512 characters"),
        Unreadable("asset:None", "has no id"),
    ]
    long_name, item, no_text = items[4:]
    assert isinstance(long_name, Unreadable)
    assert (long_name.place, long_name.reason[:6]) == ("asset:a0", "name: ")
    assert isinstance(item, Item)
    assert (item.place, item.job) == ("asset:a1", None)
    assert no_text == Unreadable(r"asset:a2\udcff", "id: must not contain lone surrogates")


def test_what_is_written_meanwhile_is_not_seen(nodetool: Nodetool) -> None:
    with closing(sqlite3.connect(nodetool.path)) as connection:
        connection.execute("PRAGMA journal_mode = WAL")
    nodetool.insert("jobs", JOB)
    items = read(nodetool.path, nodetool.files)
    assert next(items) == THE_JOB
    nodetool.insert("assets", ASSET)
    assert list(items) == []
    assert [item.place for item in read(nodetool.path)] == ["job:j1", "asset:a1"]


def test_the_database_is_only_read(nodetool: Nodetool) -> None:
    nodetool.insert("assets", ASSET)
    before = nodetool.path.read_bytes()
    assert len(list(read(nodetool.path, nodetool.files))) == 1
    assert nodetool.path.read_bytes() == before
    assert sorted(path.name for path in nodetool.path.parent.iterdir()) == [nodetool.files.name, nodetool.path.name]


@pytest.mark.parametrize("content", [None, b"", b"no database at all " * 100])
def test_what_is_no_such_database_cannot_be_read(tmp_path: Path, content: bytes | None) -> None:
    path = tmp_path / "database"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(SourceUnreadableError, match="cannot be read"):
        next(read(path))
    assert path.exists() == (content is not None)


def test_a_folder_of_content_that_is_not_there_is_said_at_once(nodetool: Nodetool) -> None:
    with pytest.raises(SourceUnreadableError, match="cannot be listed"):
        next(read(nodetool.path, nodetool.files / "gone"))


VALUES = (
    st.none() | st.integers(-(2**63), 2**63 - 1) | st.floats() | st.binary() | st.text(st.characters(codec="utf-8"))
)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=50)
@given(st.data())
def test_no_row_ends_the_reading(nodetool: Nodetool, data: st.DataObject) -> None:
    columns = ["id", "user_id", "parent_id", "name", "content_type", "size", "metadata", "created_at", "duration"]
    asset = data.draw(st.fixed_dictionaries({}, optional=dict.fromkeys(columns, VALUES)))
    job = data.draw(st.fixed_dictionaries({}, optional=dict.fromkeys([*JOB, "error"], VALUES)))
    with closing(sqlite3.connect(nodetool.path)) as connection, connection:
        connection.executescript("DELETE FROM nodetool_assets; DELETE FROM nodetool_jobs")
    nodetool.insert(
        "assets", ASSET | asset, {"id": "\U0010ffff the last", "metadata": json.dumps(data.draw(st.floats()))}
    )
    nodetool.insert("jobs", JOB | job)
    assert len(list(read(nodetool.path, nodetool.files))) >= 2

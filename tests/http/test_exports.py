"""Exports hold what the lists show, in every format, to the last row, and of nobody else."""

import csv
import json
from collections.abc import Callable
from io import BytesIO, StringIO
from typing import Any

import pyarrow as pa
import pytest
from pyarrow import parquet

from api.http.export_columns import columns_of
from api.http.export_formats import as_text
from api.http.schemas.assets import Asset
from api.http.schemas.events import EventEntry
from api.http.schemas.jobs import Job
from tests.conftest import Client
from tests.http.assertions import path, problem, refused_fields
from tests.http.content_requests import purge, with_content
from tests.http.export_files import FORMATS, LISTS, all_items, expected, exported, names, restored, rows
from tests.http.job_requests import asked, claim, done

HOSTILE = [
    "=1+1",
    "+49 123",
    "-2",
    "@SUM(A1)",
    "\t=1",
    "\r=1",
    "\n=1",
    " =cmd|' /C calc'!A0",
    "'=1",
    "''=1",
    '"=1"',
    "'",
    "it's",
    "a,b;c",
    'say "castle", twice',
    "two\nlines",
    "two\r\nlines",
    "\u2028\u0085",
    "\ufeff=1",
    "\uff1d1",
    "Schloß 城 🏰",
    "null",
    "true",
    "0012",
    "1e5",
    " ",
]
MODELS = {"assets": Asset, "jobs": Job, "audit": EventEntry}
Clients = Callable[..., Client]


def furnish(client: Client) -> None:
    """Assets, jobs and events of many kinds."""
    for text in HOSTILE:
        client.create(name=text, description=text, tags=[text], metadata={text: [text, None, 1.5]}, claim_id=text)
    client.create(media={"media_kind": "video", "format": "mp4", "width": 640, "duration": 2.5}, subject="u_42")
    client.create(media={"media_kind": "audio", "sample_rate": 44_100, "duration": 3}, status="pending")
    client.create(media={"media_kind": "document", "page_count": 3}, content={"size": 17, "content_type": "text/plain"})
    client.create(media={"media_kind": "file"}, file_name="=file", source_url="http://a.example/?=1")
    with_content(client, b"bytes", file_name="castle.txt")
    purged = with_content(client, b"more", file_name="gone.txt", message_id="m-purged")
    purge(client, message_id="m-purged", reason="=because")
    client.call("POST", f"/v1/assets/{purged}/restore")
    client.call("PUT", path(client.create(), "holds", "case-17"))
    for priority in (-5, 0, 7):
        asked(client, prompt_spec={"prompt": "=castle", "seed": priority}, priority=priority, subject="u_42")
    job, failed = claim(client, max=2)
    completion = {"assets": [{"media": {"media_kind": "image"}}] * 2, "cost": {"amount": "0.04", "currency": "EUR"}}
    done(client, job, "succeed", attempt=1, **completion)
    done(client, failed, "fail", attempt=1, code="=code", message="@message")


@pytest.fixture
def furnished(client: Client) -> Client:
    furnish(client)
    return client


@pytest.mark.parametrize("name", LISTS)
def test_every_format_holds_what_the_list_shows_page_by_page(furnished: Client, name: str) -> None:
    items = all_items(furnished, name)
    assert len(items) >= 3
    for kind in FORMATS:
        assert rows(exported(furnished, name, kind), items) == [expected(item) for item in items]


@pytest.mark.parametrize("name", LISTS)
def test_json_lines_are_the_very_answers_of_the_list(furnished: Client, name: str) -> None:
    lines = exported(furnished, name, "jsonl").content.decode().split("\n")
    assert lines.pop() == ""
    assert [json.loads(line) for line in lines] == all_items(furnished, name)


@pytest.mark.parametrize(("name", "model"), MODELS.items())
def test_all_formats_have_all_members_of_the_answers_in_their_order(furnished: Client, name: str, model: Any) -> None:
    columns = columns_of(model)
    members = list(dict.fromkeys(column.path[0] for column in columns))
    assert names(exported(furnished, name, "csv")) == names(exported(furnished, name, "parquet"))
    assert names(exported(furnished, name, "csv")) == [column.name for column in columns]
    assert len({column.name for column in columns}) == len(columns)
    for line in exported(furnished, name, "jsonl").text.split("\n")[:-1]:
        assert list(json.loads(line)) == members


def test_columns_have_types_of_their_own(furnished: Client) -> None:
    content = BytesIO(exported(furnished, "assets", "parquet").content)
    types = {field.name: field.type for field in parquet.read_schema(content)}
    assert types["id"] == types["metadata"] == types["media_kind"] == types["content_sha256"] == pa.string()
    assert types["media_width"] == types["content_size"] == types["position"] == pa.int64()
    assert (types["media_duration"], types["content_purged"]) == (pa.float64(), pa.bool_())
    assert pa.types.is_list(types["tags"])
    assert types["tags"].value_type == types["links"].value_type == pa.string()
    times = {name for name, of_type in types.items() if of_type == pa.timestamp("us", tz="UTC")}
    assert times == {"created_at", "updated_at", "deleted_at"} | {
        f"imported_{name}_at" for name in ("created", "started", "finished")
    }


def test_no_cell_of_a_spreadsheet_is_a_formula(furnished: Client) -> None:
    for name in LISTS:
        content = exported(furnished, name, "csv").content.decode()
        for row in csv.DictReader(StringIO(content, newline="")):
            numbers = {column.name for column in columns_of(MODELS[name]) if column.type in {"integer", "number"}}
            texts = [cell for column, cell in row.items() if column not in numbers]
            assert not [cell for cell in texts if cell.lstrip(' "\ufeff')[:1] in set("=+-@\t\r\n\uff1d")]
    jobs = csv.DictReader(StringIO(exported(furnished, "jobs", "csv").text, newline=""))
    assert {row["priority"] for row in jobs} == {"-5", "0", "7"}


@pytest.mark.parametrize("text", ["=", "+1", "-x", "@a", "\t", "\r", "\nx", "  =1", "\"'=1", "'=1", "''-", "\uff0b1"])
def test_what_begins_like_a_formula_becomes_text_and_can_be_restored(text: str) -> None:
    assert as_text(text) == f"'{text}"
    assert restored(as_text(text)) == text


@pytest.mark.parametrize("text", ["", "castle", "1-2", "a=b", "'", "''", "'quoted'", "2026-11-20", "(=1)"])
def test_other_text_stays_as_it_is(text: str) -> None:
    assert as_text(text) == restored(text) == text


@pytest.mark.parametrize("name", LISTS)
@pytest.mark.parametrize("kind", FORMATS)
def test_an_export_of_nothing_has_its_columns(client: Client, name: str, kind: str) -> None:
    filters = {"since": "2999-01-01T00:00:00Z"} if name == "audit" else {"world_id": "none"}
    answer = exported(client, name, kind, **filters)
    assert rows(answer, []) == []
    if kind != "jsonl":
        assert names(answer) == [column.name for column in columns_of(MODELS[name])]


FILTERS: list[tuple[str, dict[str, Any]]] = [
    ("assets", {"media_kind": "video"}),
    ("assets", {"claim_id": "=1+1"}),
    ("assets", {"status": "deleted"}),
    ("assets", {"order": "asc"}),
    ("assets", {"sort": "updated", "created_after": "2026-01-01T00:00:00Z"}),
    ("jobs", {"status": "failed", "order": "asc"}),
    ("jobs", {"error": "MESS"}),
    ("audit", {"topic": ["asset.held", "job.failed"]}),
    ("audit", {"text": "castle"}),
]


@pytest.mark.parametrize("kind", FORMATS)
def test_filters_and_orders_are_those_of_the_list(furnished: Client, kind: str) -> None:
    furnished.call("DELETE", path(furnished.create(name="deleted")))
    for name, filters in FILTERS:
        items = all_items(furnished, name, **filters)
        assert items
        assert rows(exported(furnished, name, kind, **filters), items) == [expected(item) for item in items]


@pytest.mark.parametrize("kind", FORMATS)
def test_what_a_list_refuses_an_export_refuses_before_it_begins(client: Client, kind: str) -> None:
    for name in LISTS:
        for unknown in ("limit", "cursor", "total", "nam"):
            assert refused_fields(client.get(f"/v1/{name}.{kind}", **{unknown: "1"})) == [f"query.{unknown}"]
    assert refused_fields(client.get(f"/v1/assets.{kind}", media_kind="hologram")) == ["query.media_kind"]
    assert refused_fields(client.get(f"/v1/jobs.{kind}", created_after="yesterday")) == ["query.created_after"]
    assert refused_fields(client.get(f"/v1/audit.{kind}", topic="asset.sold")) == ["query.topic.0"]
    problem(client.get(f"/v1/assets.{kind}", name="x"), 400, "search-too-short")
    problem(client.call("GET", f"/v1/assets.{kind}", headers={"Authorization": "Bearer x"}), 401, "unauthenticated")


def test_the_files_are_no_ids_of_assets_and_have_no_other_method(client: Client) -> None:
    for name in LISTS:
        for kind in FORMATS:
            answer = client.call("POST", f"/v1/{name}.{kind}", json={})
            problem(answer, 405, "method-not-allowed")
            assert answer.headers["Allow"] == "GET"
        problem(client.get(f"/v1/{name}.xlsx"), 404, "not-found")
        problem(client.get(f"/v1/{name}Xcsv"), 404, "not-found")
    assert client.get("/v1/assets/assets.csv").status_code == 422


@pytest.mark.parametrize("kind", FORMATS)
def test_neighbours_export_their_own_rows_only(clients: Clients, kind: str) -> None:
    ann, bob = clients(), clients(holder="bob")
    for client in (ann, bob):
        client.create(name="Castle", claim_id="c1")
        asked(client, prompt_spec={"prompt": "a gate"})
    for name in LISTS:
        for mine, theirs in ((ann, bob), (bob, ann)):
            items, others = all_items(mine, name), all_items(theirs, name)
            assert rows(exported(mine, name, kind), items) == [expected(item) for item in items]
            assert not [item for item in items if item in others]
    assert exported(ann, "assets", "jsonl", claim_id="c1").text.count("\n") == 1


@pytest.mark.parametrize("name", LISTS)
def test_an_export_names_its_file_and_the_position_it_began_at(furnished: Client, name: str) -> None:
    furnished.page(f"/v1/{name}")
    answer = exported(furnished, name, "csv")
    position = int(answer.headers["Ledger-Position"])
    assert position == furnished.head()
    assert answer.headers["Content-Disposition"] == f'attachment; filename="{name}-{position}.csv"'
    assert answer.headers["Cache-Control"] == "no-store"
    assert max(int(row["position"]) for row in csv.DictReader(StringIO(answer.text, newline=""))) <= position


def test_an_export_shows_the_write_whose_position_it_waits_for(client: Client) -> None:
    for number in range(10):
        created = client.create(name=f"Castle {number}")
        answer = client.get("/v1/assets.jsonl", min_position=created["position"])
        assert json.loads(answer.text.partition("\n")[0])["id"] == created["id"]


@pytest.mark.parametrize("kind", FORMATS)
def test_what_is_not_visible_within_five_seconds_is_not_waited_for(client: Client, kind: str) -> None:
    answer = client.http.get(f"/v1/assets.{kind}", params={"min_position": client.head() + 1_000}, timeout=30)
    problem(answer, 503, "projection-lag")


@pytest.mark.parametrize("kind", FORMATS)
@pytest.mark.parametrize(("name", "model"), [("assets", Asset), ("jobs", Job)])
def test_an_export_as_of_a_moment_holds_what_the_list_showed_then(
    furnished: Client, name: str, model: Any, kind: str
) -> None:
    moments = (furnished.head() - 4, furnished.head(), furnished.page("/v1/audit")["items"][0]["time"])
    filters: dict[str, Any] = {"order": "asc", "sort": "updated"}
    shown = [all_items(furnished, name, as_of=moment, **filters) for moment in moments]
    assert all(shown)
    furnished.create(name="later")
    asked(furnished, prompt_spec={"prompt": "later"})
    for moment, items in zip(moments, shown, strict=True):
        answer = exported(furnished, name, kind, as_of=moment, **filters)
        assert rows(answer, items) == [expected(item) for item in items]
        position = furnished.get(f"/v1/{name}", as_of=moment).headers["Ledger-As-Of"]
        assert answer.headers["Ledger-As-Of"] == position
        assert answer.headers["Content-Disposition"] == f'attachment; filename="{name}-{position}.{kind}"'
        assert "Ledger-Position" not in answer.headers
        if kind != "jsonl":
            assert names(answer) == [column.name for column in columns_of(model)]


@pytest.mark.parametrize("kind", FORMATS)
def test_an_export_as_of_what_is_no_moment_is_refused_before_it_begins(client: Client, kind: str) -> None:
    for name in ("assets", "jobs"):
        problem(client.get(f"/v1/{name}.{kind}", as_of=client.head() + 1), 422, "beyond-head")
        problem(client.get(f"/v1/{name}.{kind}", as_of="yesterday"), 422, "bad-moment")
    assert refused_fields(client.get(f"/v1/audit.{kind}", as_of="1")) == ["query.as_of"]


def test_the_description_names_each_format(client: Client) -> None:
    paths = client.get("/openapi.json").json()["paths"]
    for name in LISTS:
        for kind, media_type in FORMATS.items():
            operation = paths[f"/v1/{name}.{kind}"]["get"]
            assert list(operation["responses"]["200"]["content"]) == [media_type]
            listed = {p["name"] for p in paths[f"/v1/{name}"]["get"]["parameters"]} - {"limit", "cursor", "total"}
            assert {p["name"] for p in operation["parameters"]} == listed


def test_a_document_that_is_too_large_for_an_event_is_a_reference_as_in_the_list(client: Client) -> None:
    client.create(metadata={"much": "x" * 100_000})
    items = all_items(client, "assets")
    assert "$document" in items[0]["metadata"]
    for kind in FORMATS:
        assert rows(exported(client, "assets", kind), items) == [expected(items[0])]

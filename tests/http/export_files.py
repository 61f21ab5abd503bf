"""Reads exports back as their readers do, and what they must hold: the items of the list, as the API answers them."""

import csv
import json
from collections.abc import Iterator
from datetime import datetime
from io import BytesIO, StringIO
from typing import Any

import httpx
from pyarrow import parquet

from api.http.export_formats import as_text
from tests.conftest import Client

Json = dict[str, Any]
FORMATS = {"csv": "text/csv", "parquet": "application/vnd.apache.parquet", "jsonl": "application/jsonl"}
LISTS = ("assets", "jobs", "audit")
MODELS = {"media", "content", "imported", "actor", "authenticated", "holder"}
"""The members whose own members are columns."""


def exported(client: Client, name: str, kind: str, **params: Any) -> httpx.Response:
    """An export that shows everything that has been recorded."""
    answer = client.get(f"/v1/{name}.{kind}", min_position=client.head(), **params)
    assert answer.status_code == 200, answer.text
    assert answer.headers["Content-Type"].partition(";")[0] == FORMATS[kind]
    return answer


def all_items(client: Client, name: str, **params: Any) -> list[Json]:
    """The items of a list, page by page."""
    page = client.page(f"/v1/{name}", limit=200, **params)
    items: list[Json] = page["items"]
    while page["next"] is not None:
        page = client.page(f"/v1/{name}", limit=200, cursor=page["next"], **params)
        items += page["items"]
    return items


def columns(item: Json, prefix: str = "") -> Iterator[tuple[str, Any]]:
    """The columns of an item with their values; none of a model that is null."""
    for member, value in item.items():
        name = member if member.startswith(prefix) else prefix + member
        if member in MODELS:
            yield from columns(value or {}, f"{name}_")
        else:
            yield name, value


def expected(item: Json) -> Json:
    """The row of an item without the columns that are null. Only a value that is left out has a default."""
    row = {name: value for name, value in columns(item) if value is not None}
    if item.get("content"):
        row.setdefault("content_purged", False)
    return row


def rows(answer: httpx.Response, items: list[Json]) -> list[Json]:
    """The rows of an export as JSON values, without nulls; the items say what is text, and what is JSON in it."""
    kind = answer.headers["Content-Type"].partition(";")[0]
    if kind == FORMATS["jsonl"]:
        return [expected(json.loads(line)) for line in answer.text.split("\n")[:-1]]
    if kind == FORMATS["csv"]:
        raw: list[Json] = list(csv.DictReader(StringIO(answer.content.decode(), newline=""), strict=True))
        return [_of_csv(row, expected(item)) for row, item in zip(raw, items, strict=True)]
    raw = parquet.read_table(BytesIO(answer.content)).to_pylist()
    return [_of_parquet(row, expected(item)) for row, item in zip(raw, items, strict=True)]


def names(answer: httpx.Response) -> list[str]:
    """The names of an export's columns."""
    if answer.headers["Content-Type"].startswith(FORMATS["csv"]):
        return next(csv.reader(StringIO(answer.content.decode(), newline="")))
    return list(parquet.read_schema(BytesIO(answer.content)).names)


def restored(cell: str) -> str:
    """The text of a cell, without the apostrophe that keeps it from being a formula."""
    return cell[1:] if cell.startswith("'") and as_text(cell) != cell else cell


def _of_csv(row: Json, item: Json) -> Json:
    texts = {name: restored(cell) for name, cell in row.items() if cell or item.get(name) == ""}
    return {name: text if isinstance(item.get(name), str) else json.loads(text) for name, text in texts.items()}


def _of_parquet(row: Json, item: Json) -> Json:
    return {name: _json(value, item.get(name)) for name, value in row.items() if value is not None}


def _json(value: Any, same: Any) -> Any:
    if isinstance(value, datetime):
        assert value.utcoffset() is not None
        return value.strftime("%Y-%m-%dT%H:%M:%S.%fZ")
    if isinstance(value, str) and not isinstance(same, str):
        return json.loads(value)
    return value

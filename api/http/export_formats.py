"""Writes a list as CSV (RFC 4180), Apache Parquet or JSON Lines while the list is read, some pages at a time."""

import csv
import re
from collections.abc import Callable, Iterable, Sequence
from importlib import import_module
from io import StringIO
from typing import Any, Final, NamedTuple

from pydantic import BaseModel

from api.http.byte_responses import Blocks
from api.http.export_columns import Column, json_text

Pages = Iterable[Sequence[BaseModel]]

_FORMULA: Final = re.compile("[\\s\"'\ufeff\u200b]*[=+\\-@\uff0b\uff0d\uff1d\uff20]|[ \"']*[\t\r\n]")
"""How a cell begins that spreadsheets take for a formula (OWASP, "CSV Injection"), full-width signs included."""


class ExportFormat(NamedTuple):
    """A format: the ending of its files, its media type with parameters, its OpenAPI schema, and its writer."""

    name: str
    media_type: str
    schema: dict[str, Any]
    blocks: Callable[[Sequence[Column], Pages], Blocks]


def as_text(cell: str) -> str:
    """The text with an apostrophe before it if a spreadsheet would take it for a formula.

    A cell that reads so without its first apostrophe had one added: every text can be restored.
    """
    return f"'{cell}" if _FORMULA.match(cell) else cell


def answers_of(page: Sequence[BaseModel]) -> list[dict[str, Any]]:
    """The page as the API answers it."""
    return [item.model_dump(mode="json", by_alias=True) for item in page]


def csv_blocks(columns: Sequence[Column], pages: Pages) -> Blocks:
    """A header row, then a row for each item; each page is a block."""
    written = StringIO(newline="")
    writer = csv.writer(written)
    writer.writerow([column.name for column in columns])
    for page in pages:
        writer.writerows([_cell(column, answer) for column in columns] for answer in answers_of(page))
        yield written.getvalue().encode()
        written.seek(0)
        written.truncate()


def _cell(column: Column, answer: dict[str, Any]) -> str:
    match column.value(answer):
        case None:
            return ""
        case str(text):
            return as_text(text)
        case value:
            return json_text(value)


def jsonl_blocks(_columns: Sequence[Column], pages: Pages) -> Blocks:
    """An item on each line, as the API answers it; each page is a block."""
    for page in pages:
        yield "".join(f"{item.model_dump_json(by_alias=True)}\n" for item in page).encode()


def _parquet_blocks(columns: Sequence[Column], pages: Pages) -> Blocks:
    """See `parquet_blocks`. Its library takes a third of a second to import, and is imported when it is used."""
    blocks: Blocks = import_module("api.http.parquet").parquet_blocks(columns, pages)
    return blocks


CSV = ExportFormat("csv", "text/csv; charset=utf-8; header=present", {"type": "string"}, csv_blocks)
PARQUET = ExportFormat(
    "parquet", "application/vnd.apache.parquet", {"type": "string", "format": "binary"}, _parquet_blocks
)
JSONL = ExportFormat("jsonl", "application/jsonl", {"type": "string"}, jsonl_blocks)
FORMATS: Final = (CSV, PARQUET, JSONL)

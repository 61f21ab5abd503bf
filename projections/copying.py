"""Writes rows as the lines of COPY's text format (PostgreSQL documentation, COPY, "Text Format").

The common types are written here, several times faster than a driver adapts values one by one.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import date, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

import orjson

NULL = r"\N"
_ROWS_PER_BLOCK = 200


def blocks(rows: Iterable[Sequence[Any]], json: Sequence[int] = ()) -> Iterator[str]:
    """The rows as text to copy in, some at a time; `json` are the places of the columns that hold JSON.

    TypeError or ValueError for a value that cannot be written.
    """
    lines: list[str] = []
    for row in rows:
        lines.append(line(row, json))
        if len(lines) == _ROWS_PER_BLOCK:
            yield "".join(lines)
            lines.clear()
    yield "".join(lines)


def line(row: Sequence[Any], json: Sequence[int] = ()) -> str:
    """One row. Most values need no escaping, so the whole line is looked at once."""
    values = list(row)
    for place in json:
        if values[place] is not None:
            values[place] = orjson.dumps(values[place]).decode()
    cells = [v if v.__class__ is str else NULL if v is None else _written(v) for v in values]
    text = "\t".join(cells)
    if (
        text.count("\\") == values.count(None)
        and text.count("\t") == len(cells) - 1
        and "\n" not in text
        and "\r" not in text
    ):
        return text + "\n"
    pairs = zip(values, cells, strict=True)
    return "\t".join([NULL if value is None else _escaped(cell) for value, cell in pairs]) + "\n"


def _escaped(text: str) -> str:
    return text.replace("\\", r"\\").replace("\t", r"\t").replace("\n", r"\n").replace("\r", r"\r")


def _array(items: Sequence[Any]) -> str:
    try:
        text = '","'.join(items)
    except TypeError:
        return "{" + ",".join(map(_element, items)) + "}"
    if "\\" in text or text.count('"') > 2 * (len(items) - 1):
        return "{" + ",".join(map(_element, items)) + "}"
    return f'{{"{text}"}}' if items else "{}"


def _element(item: object) -> str:
    if item is None:
        return "NULL"
    text = _written(item)
    if "\\" in text or '"' in text:
        text = text.replace("\\", r"\\").replace('"', r"\"")
    return text if isinstance(item, (list, tuple)) else f'"{text}"'


_WRITTEN: dict[type, Callable[[Any], str]] = {
    bool: lambda value: "t" if value else "f",
    int: str,
    float: repr,
    Decimal: str,
    str: str.__str__,
    UUID: str,
    datetime: datetime.isoformat,
    date: date.isoformat,
    bytes: lambda value: r"\x" + value.hex(),
    list: _array,
    tuple: _array,
}


def _written(value: object) -> str:
    known = _WRITTEN.get(value.__class__)
    if known is None:
        known = next((how for kind, how in _WRITTEN.items() if isinstance(value, kind)), None)
        if known is None:
            raise TypeError(f"no column holds a {type(value).__name__}")
    return known(value)

"""Writes rows as the lines of COPY's text format (PostgreSQL documentation, COPY, "Text Format").

The common types are written here, several times faster than a driver adapts values one by one.
"""

from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from datetime import date, datetime
from decimal import Decimal
from types import NoneType
from typing import Any, get_args, get_origin, get_type_hints
from uuid import UUID

import orjson

NULL = r"\N"
_ROWS_PER_BLOCK = 200


class Lines:
    """Writes the rows of one type: a named tuple whose annotations say what its columns hold.

    What is annotated as text must be text. `json` names the columns that hold JSON.
    """

    def __init__(self, row: type, json: Collection[str] = ()) -> None:
        kinds = get_type_hints(row)
        written = (_json if name in json else _writer(kind) for name, kind in kinds.items())
        self._writers = [(place, write) for place, write in enumerate(written) if write is not None]
        self._tabs = len(kinds) - 1

    def blocks(self, rows: Iterable[Sequence[Any]]) -> Iterator[str]:
        """The rows as text to copy in, some at a time. TypeError or ValueError for a value that cannot be written."""
        lines: list[str] = []
        before: Sequence[Any] = [object()] * (self._tabs + 1)
        written: list[str | None] = []
        for row in rows:
            written = self._texts(row, before, written)
            before = row
            lines.append(self._line(written))
            if len(lines) == _ROWS_PER_BLOCK:
                yield "".join(lines)
                lines.clear()
        yield "".join(lines)

    def _texts(self, row: Sequence[Any], before: Sequence[Any], written_before: list[str | None]) -> list[str | None]:
        """The columns of a row as text, None for null. Those that are the same objects in the row before are known."""
        values = list(row)
        for place, write in self._writers:
            value = values[place]
            if value is before[place]:
                values[place] = written_before[place]
            elif value is not None:
                values[place] = write(value)
        return values

    def _line(self, values: list[str | None]) -> str:
        """One row. Most values need no escaping, so the whole line is looked at once."""
        nulls = values.count(None)
        text = "\t".join([NULL if value is None else value for value in values])
        if text.count("\\") == nulls and text.count("\t") == self._tabs and "\n" not in text and "\r" not in text:
            return text + "\n"
        return "\t".join([NULL if value is None else _escaped(value) for value in values]) + "\n"


def _escaped(text: str) -> str:
    return text.replace("\\", r"\\").replace("\t", r"\t").replace("\n", r"\n").replace("\r", r"\r")


def text_array(items: Iterable[Any]) -> str:
    """The items as the text of an array, which is quicker to send than a list is."""
    return _array(list(map(_written, items)))


def _array(items: Sequence[Any]) -> str:
    if not items:
        return "{}"
    try:
        text = '","'.join(items)
    except TypeError:
        return "{" + ",".join(map(_element, items)) + "}"
    if "\\" in text or text.count('"') > 2 * (len(items) - 1):
        return "{" + ",".join(map(_element, items)) + "}"
    return f'{{"{text}"}}'


def _element(item: object) -> str:
    if item is None:
        return "NULL"
    text = _written(item)
    if "\\" in text or '"' in text:
        text = text.replace("\\", r"\\").replace('"', r"\"")
    return text if isinstance(item, (list, tuple)) else f'"{text}"'


def _json(value: object) -> str:
    return orjson.dumps(value).decode()


_WRITTEN: dict[type, Callable[[Any], str]] = {
    bool: lambda value: "t" if value else "f",
    int: str,
    float: repr,
    Decimal: str,
    str: str.__str__,
    UUID: lambda value: f"{value.int:032x}",
    datetime: lambda value: _json(value)[1:-1],
    date: date.isoformat,
    bytes: lambda value: r"\x" + value.hex(),
    list: _array,
    tuple: _array,
}


def _writer(kind: Any) -> Callable[[Any], str] | None:  # noqa: ANN401 - whatever stands in an annotation
    """The function that writes values of this kind; None for text."""
    first, *others = [member for member in get_args(kind) or (kind,) if member is not NoneType]
    if get_origin(kind) in {list, tuple}:
        return _array
    return None if first is str else _written if others else _WRITTEN.get(get_origin(first) or first, _written)


def _written(value: object) -> str:
    known = _WRITTEN.get(value.__class__)
    if known is None:
        known = next((how for kind, how in _WRITTEN.items() if isinstance(value, kind)), None)
        if known is None:
            raise TypeError(f"no column holds a {type(value).__name__}")
    return known(value)

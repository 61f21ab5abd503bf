"""Output of commands: data is printed as it is, and never controls the terminal."""

import re
from collections.abc import Iterable, Sequence
from typing import Any

import orjson
from rich.console import Console
from rich.table import Column, Table
from rich.text import Text

_INVISIBLE_IN_JSON = re.compile(r"[^\n -~]+")


def printable(text: str) -> str:
    """The text with escapes for control characters, for direction marks and for other unprintable characters."""
    return "".join(c if c.isprintable() else ascii(c)[1:-1] for c in text)


def console(*, stderr: bool = False) -> Console:
    """A console that interprets no text as markup or emoji, and highlights nothing."""
    return Console(stderr=stderr, markup=False, emoji=False, highlight=False)


def say(line: str, on: Console | None = None, style: str = "") -> None:
    """Print a line without wrapping it."""
    (on or console()).print(Text(printable(line), style), soft_wrap=True)


def warn(line: str) -> None:
    """Print a warning."""
    console().print(Text.assemble(("warning:", "yellow"), f" {printable(line)}"), soft_wrap=True)


def complain(line: str) -> None:
    """Print an error on standard error, in one line."""
    console(stderr=True).print(Text.assemble(("error:", "bold red"), f" {printable(line)}"), soft_wrap=True)


def say_json(value: Any, *, indented: bool = False) -> None:  # noqa: ANN401 - whatever JSON holds
    """Print a value as JSON, with escapes for invisible characters; indented, or else in one line."""
    text = orjson.dumps(value, default=_members, option=orjson.OPT_INDENT_2 if indented else None).decode()
    print(_INVISIBLE_IN_JSON.sub(lambda match: "".join(map(_escaped, match[0])), text))  # noqa: T201


def table(headings: Iterable[str | Column], rows: Iterable[Sequence[str]], on: Console | None = None) -> None:
    """Print rows under headings."""
    shown = Table(*headings)
    for row in rows:
        shown.add_row(*(Text(_lines(cell)) for cell in row))
    (on or console()).print(shown)


def _lines(cell: str) -> str:
    """The lines of a cell, each printable."""
    return "\n".join(map(printable, cell.split("\n")))


def _escaped(character: str) -> str:
    return character if character.isprintable() else _as_json(character)


def _as_json(character: str) -> str:
    """The character as JSON escapes it (RFC 8259, section 7)."""
    units = character.encode("utf-16-be", "surrogatepass")
    return "".join(f"\\u{int.from_bytes(units[at : at + 2]):04x}" for at in range(0, len(units), 2))


def _members(value: Any) -> Any:  # noqa: ANN401 - whatever has members
    return value.model_dump()

"""Output of commands: data is printed as it is, and never controls the terminal."""

import json
from collections.abc import Iterable, Sequence
from typing import Any

import orjson
from rich.console import Console
from rich.table import Column, Table
from rich.text import Text


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
    option = orjson.OPT_INDENT_2 if indented else None
    text = orjson.dumps(value, default=lambda model: model.model_dump(), option=option).decode()
    print("".join(c if c.isprintable() or c == "\n" else json.dumps(c)[1:-1] for c in text))  # noqa: T201


def table(headings: Iterable[str | Column], rows: Iterable[Sequence[str]], on: Console | None = None) -> None:
    """Print rows under headings."""
    shown = Table(*headings)
    for row in rows:
        shown.add_row(*(Text("\n".join(map(printable, cell.split("\n")))) for cell in row))
    (on or console()).print(shown)

"""A file of JSON lines: each line is an asset, written as for the API, and where its content is."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

from api.application.imports.items import (
    UNKNOWN_MEDIA,
    Item,
    SourceUnreadableError,
    Unreadable,
    moment,
    new_asset,
    one_line,
    outside_id,
)
from domain.strict_json import parse
from infra.regular_files import open_regular

MOST_BYTES = 1_000_000
NO_OBJECT = "is not a JSON object"
BYTE_ORDER_MARK = b"\xef\xbb\xbf"
BEGINNING = 65_536
_LINE = re.compile(r"line \d+")


def read(file: Path, files: Path | None = None) -> Iterator[Item | Unreadable]:
    """Every line's asset, in order; lines of white space alone are none.

    A line is a JSON object (RFC 8259) with the members of a new asset and these of its own, all optional: `path`, a
    file in `files` or else in the folder of the file itself, which stands in for `media`; `id`, the item's place, which
    otherwise is the path as it is written, or `line <number>`; `created_at`, in UTC if it names no zone. What a line
    says of its `content` is what the file has to have. Other lines, and those with more than a million bytes, are
    Unreadable at `line <number>`. SourceUnreadableError, when the first is asked for, if there is no file.
    """
    try:
        with open_regular(file) as lines:
            for number, line in enumerate(_lines(lines), 1):
                content = line.removeprefix(BYTE_ORDER_MARK) if number == 1 else line
                if content.strip() or len(content) > MOST_BYTES:
                    yield _item(f"line {number}", content, files or file.parent)
    except OSError as error:
        raise SourceUnreadableError(f"{file} cannot be read: {error.strerror}.") from error


def is_one(file: Path) -> bool:
    """Whether the file begins as one of JSON lines does: with an object, or with nothing at all. OSError."""
    with open_regular(file) as lines:
        beginning = lines.read(BEGINNING).removeprefix(BYTE_ORDER_MARK).lstrip()
    return beginning.startswith(b"{") or not beginning


def _lines(lines: IO[bytes]) -> Iterator[bytes]:
    """The lines; of those that are too long, the beginning."""
    while line := lines.readline(MOST_BYTES + 1):
        rest = line
        while rest and not rest.endswith(b"\n") and len(rest) > MOST_BYTES:
            rest = lines.readline(MOST_BYTES + 1)
        yield line


def _item(place: str, line: bytes, files: Path) -> Item | Unreadable:
    if len(line) > MOST_BYTES:
        return Unreadable(place, f"has more than {MOST_BYTES:,} bytes")
    try:
        members = parse(line.rstrip())
        return _described(place, members, files) if isinstance(members, dict) else Unreadable(place, NO_OBJECT)
    except json.JSONDecodeError as error:
        return Unreadable(place, f"is not JSON: {error.msg} at column {error.colno}")
    except ValueError as error:
        return Unreadable(place, one_line(error))


def _described(place: str, members: dict[str, Any], files: Path) -> Item:
    """The item with these members; ValueError if they are not those of one."""
    id_, path, created_at = (members.pop(name, None) for name in ("id", "path", "created_at"))
    content = None if path is None else _inside(files, path)
    if content:
        members = {"media": UNKNOWN_MEDIA, "file_name": content.name} | members
    try:
        time = moment(created_at)
    except ValueError as error:
        raise ValueError(f"created_at: {error}") from error
    new = new_asset(members)
    id_or_path = _id(id_) if id_ is not None else None if path is None else _place("path", str(path))
    return Item(id_or_path or place, new, content, time, announced=new.content)


def _id(value: object) -> str:
    """The id that a line gives, a number like the text of its digits; ValueError if it is none."""
    return _place("id", str(value) if isinstance(value, str | int) and not isinstance(value, bool) else "")


def _place(member: str, text: str) -> str:
    """The text itself; ValueError if it cannot be a place."""
    try:
        place = outside_id(text)
    except ValueError as error:
        raise ValueError(f"{member}: {error}") from error
    if _LINE.fullmatch(place):
        raise ValueError(f"{member}: is what a line without an id is called")
    return place


def _inside(folder: Path, path: object) -> Path:
    """The file in the folder; ValueError if there is none, or a path leads out of it."""
    try:
        file = (folder / str(path)).resolve()
        inside, there = file.is_relative_to(folder.resolve()), file.is_file()
    except (OSError, ValueError, RuntimeError) as error:
        raise ValueError("path: cannot be followed") from error
    if not inside:
        raise ValueError("path: leads out of the folder")
    if not there:
        raise ValueError("path: there is no such file")
    return file

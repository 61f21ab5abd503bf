"""What importers find: things to import, things that cannot be, and what becomes of them."""

import math
import re
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Any, Literal, NamedTuple

from pydantic import ValidationError

from domain.asset.events import Content
from domain.asset.inputs import NewAsset
from domain.errors import ContentMismatchError, DocumentTooLargeError, LedgerError
from domain.large_documents import check_sizes
from domain.text import MOST_ID_CHARACTERS, storable

UNKNOWN_MEDIA = {"media_kind": "file"}
"""The media of what only a look at its content can tell."""
MOST_PROBLEMS = 3
MOST_COST = Decimal(10) ** 11
BILLIONTH = Decimal("1e-9")
_NUMBER = re.compile(r"\d{9,}(\.\d+)?")


class SourceUnreadableError(LedgerError):
    """There is nothing there that could be read."""


@dataclass(frozen=True, slots=True)
class JobItem:
    """A job elsewhere: its run, whose it was, how and when it ended, and its cost in the source's own unit.

    `place` is the job's stable identity at its source, `problem` what of it could not be read, and why.
    """

    place: str
    run: str
    workflow: str | None = None
    status: str | None = None
    started_at: datetime | None = None
    finished_at: datetime | None = None
    error: str | None = None
    cost: Decimal | None = None
    subject: str | None = None
    problem: str | None = None


@dataclass(frozen=True, slots=True)
class Item:
    """An asset elsewhere: what to record of it, the local file with its content, when and by which job it was made.

    `place` is the item's stable identity at its source. What `new` says of media and content is the source's word:
    media of the kind `file` means that the source does not know. What is `announced` of the content has to be so.
    """

    place: str
    new: NewAsset
    path: Path | None = None
    created_at: datetime | None = None
    job: JobItem | None = None
    announced: Content | None = None


@dataclass(frozen=True, slots=True)
class Unreadable:
    """Something that cannot be imported, and why, in one line."""

    place: str
    reason: str


class Outcome(NamedTuple):
    """The outcome of importing one item.

    `imported`: recorded now. `known`: recorded by an earlier import. `differs`: the source changed a job since it was
    imported. `unfinished`: the job still runs; import it later. `refused`: the item cannot be imported. The reason says
    why an item was refused, or what part of an imported item was left out.
    """

    place: str
    what: Literal["imported", "known", "differs", "unfinished", "refused"]
    reason: str | None = None


def refused(place: str, error: Exception) -> Outcome:
    """The outcome of an item that an error refused."""
    if isinstance(error, ContentMismatchError):
        return Outcome(place, "refused", "has changed while it was read")
    message = error.strerror if isinstance(error, OSError) else error
    return Outcome(place, "refused", one_line(message))


def new_asset(members: dict[str, Any]) -> NewAsset:
    """What to record of an asset; ValueError that says in one line what is wrong with the members."""
    try:
        new = NewAsset.model_validate(members)
        check_sizes(new.metadata, new.prompt_spec)
    except ValidationError as error:
        raise ValueError(_problems(error)) from error
    except DocumentTooLargeError as error:
        raise ValueError(str(error)) from error
    return new


def _problems(error: ValidationError) -> str:
    problems = error.errors(include_url=False, include_context=False, include_input=False)
    messages = [f"{'.'.join(map(str, problem['loc']))}: {problem['msg']}" for problem in problems[:MOST_PROBLEMS]]
    more = [f"and {len(problems) - MOST_PROBLEMS} more"] if len(problems) > MOST_PROBLEMS else []
    return one_line("; ".join(messages + more))


def outside_id(text: str) -> str:
    """The text itself; ValueError if no id is like that."""
    if not 1 <= len(storable(text)) <= MOST_ID_CHARACTERS:
        raise ValueError(f"must have 1 to {MOST_ID_CHARACTERS} characters")
    return text


def one_line(text: object) -> str:
    """The text without line breaks, not longer than a line should be, with what cannot be seen written out."""
    words = " ".join(written_out(str(text)).split())
    seen = (sign if sign.isprintable() else sign.encode("unicode_escape").decode() for sign in words)
    return "".join(seen)[:500]


def written_out(text: str) -> str:
    """The text with what cannot be stored written out."""
    return text.encode(errors="backslashreplace").decode().replace("\0", "\\0")


def amount(value: object) -> Decimal:
    """What something cost, to a billionth; ValueError if nothing costs that."""
    try:
        cost = Decimal(str(value).strip()).quantize(BILLIONTH)
    except InvalidOperation:
        cost = Decimal("NaN")
    if cost.is_nan() or not 0 <= cost < MOST_COST:
        raise ValueError(f"{one_line(value)} is no amount")
    return abs(cost)  # 0 may have a sign


def moment(value: object) -> datetime | None:
    """The time in UTC that a source wrote; ValueError if it is none, None for None.

    Text is ISO 8601, in UTC where it names no zone; a number counts seconds since 1970, or milliseconds if it is
    too large for that.
    """
    if value is None:
        return None
    try:
        if isinstance(value, str) and not _NUMBER.fullmatch(value.strip()):
            time = datetime.fromisoformat(value.strip())
            return time.astimezone(UTC) if time.tzinfo else time.replace(tzinfo=UTC)
        if isinstance(value, str | int | float) and not isinstance(value, bool):
            return _since_1970(float(value))
    except (ValueError, OverflowError, OSError) as error:
        raise ValueError("is not a time") from error
    raise ValueError("is not a time")


def _since_1970(number: float) -> datetime:
    """The time so many seconds or milliseconds after 1970; ValueError or OverflowError beyond the calendar."""
    if not math.isfinite(number):
        raise ValueError("is not a time")
    return datetime.fromtimestamp(number / 1_000 if abs(number) >= 1e11 else number, UTC)

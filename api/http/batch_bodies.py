"""Many requests in one: read each item on its own, carry it out on its own, answer in the order given."""

import json
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Annotated, Any, TypeVar

from fastapi import Depends, Request
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, Field, TypeAdapter, ValidationError

from api.http.problems import invalid, problem_of
from api.http.query_parameters import checked
from api.http.schemas import optional
from api.http.schemas.problems import Problem
from domain.errors import LedgerError, OutcomeUnknownError, ServiceUnavailableError
from domain.media import media_type
from domain.strict_json import parse

MOST_ITEMS = 1_000
MAX_BATCH_BODY = 16 * 1024 * 1024
NDJSON = "application/x-ndjson"

T = TypeVar("T")
R = TypeVar("R")

Refusal = LedgerError | RequestValidationError
"""Why one item was not carried out."""

_LINE = re.compile(rb"[^\r\n]+")
_ITEMS: TypeAdapter[list[Any]] = TypeAdapter(Annotated[list[Any], Field(min_length=1, max_length=MOST_ITEMS)])


class Result(BaseModel):
    """What became of one item."""

    index: int = Field(description="The item's place in the request, from 0.")
    status: int = Field(description="The HTTP status that the item would have had alone.")
    problem: Problem | None = optional("Why it failed; absent if it did not.")


def result_members(outcome: T | Refusal, succeeded: Callable[[T], dict[str, Any]], request_id: str) -> dict[str, Any]:
    """The members of an item's result: those of its success, or the problem that it was refused with."""
    if isinstance(outcome, Refusal):
        problem = problem_of(outcome, request_id)
        return {"status": problem.status, "problem": problem}
    return succeeded(outcome)


@dataclass(frozen=True)
class Batch:
    """The body of a request that has many items: a JSON list, or a line of JSON for each."""

    body: bytes
    in_lines: bool
    request_id: str

    def read(self, item: TypeAdapter[T]) -> list[T | RequestValidationError]:
        """Each item, or why it is none. RequestValidationError if there are too many, none, or no list of them."""
        if self.in_lines:
            lines = _some(list(islice(self._lines(), MOST_ITEMS + 1)))
            return read(item, [_json(line, ("body", index)) for index, line in enumerate(lines)], ("body",))
        return read(item, _some(_json(self.body, ("body",))), ("body",))

    def _lines(self) -> Iterator[bytes]:
        """The lines with anything but white space."""
        return (line[0] for line in _LINE.finditer(self.body) if not line[0].isspace())


def read(item: TypeAdapter[T], values: Sequence[object], place: tuple[str, ...]) -> list[T | RequestValidationError]:
    """Each value as an item, or why it is none."""

    def validated(value: object, index: int) -> T | RequestValidationError:
        if isinstance(value, RequestValidationError):
            return value
        try:
            return item.validate_python(value)
        except ValidationError as error:
            return invalid(error, *place, index)

    return [validated(value, index) for index, value in enumerate(values)]


def each(items: Iterable[T | Refusal], work: Callable[[T], R]) -> Iterator[R | Refusal]:
    """Do the work on each item on its own; a refused one tells why.

    Once the ledger cannot answer, nothing more is tried: every item would wait for it anew.
    """
    gone: ServiceUnavailableError | None = None
    for item in items:
        if isinstance(item, Refusal):
            yield item
        elif gone is not None:
            yield gone
        else:
            outcome = attempt(work, item)
            gone = untried(outcome) if isinstance(outcome, ServiceUnavailableError) else None
            yield outcome


def untried(error: ServiceUnavailableError) -> ServiceUnavailableError:
    """The error as it is told to those for whom nothing was tried any more."""
    return ServiceUnavailableError() if isinstance(error, OutcomeUnknownError) else error


def together(items: Sequence[T | Refusal], work: Callable[[list[T]], Iterable[R | Refusal]]) -> Iterator[R | Refusal]:
    """Do the work on all the items at once that were not refused before; the outcomes in the order of the items."""
    outcomes = iter(work([item for item in items if not isinstance(item, Refusal)]))
    for item in items:
        yield item if isinstance(item, Refusal) else next(outcomes)


def attempt(work: Callable[[T], R], item: T) -> R | Refusal:
    """What the work on an item returns, or why it was refused."""
    try:
        return work(item)
    except (LedgerError, RequestValidationError) as refusal:
        return refusal


def _some(values: object) -> list[Any]:
    if isinstance(values, RequestValidationError):
        raise values
    return checked(_ITEMS, values, "body")


def _json(text: bytes, place: tuple[str | int, ...]) -> Any:  # noqa: ANN401 - any JSON
    try:
        return parse(text)
    except json.JSONDecodeError as error:
        return RequestValidationError([{"type": "json_invalid", "loc": place, "msg": f"not JSON: {error.msg}"}])


async def batch(request: Request) -> Batch:
    """The batch that a request brings."""
    body = await request.body()
    return Batch(body, media_type(request.headers.get("content-type")) == NDJSON, request.state.request_id)


CallerBatch = Annotated[Batch, Depends(batch)]


def described(item: dict[str, Any], example: list[dict[str, Any]]) -> dict[str, Any]:
    """The OpenAPI description of a batch's body, given the schema of an item and an example."""
    items = {"type": "array", "items": item, "minItems": 1, "maxItems": MOST_ITEMS}
    lines = "".join(json.dumps(value) + "\n" for value in example)
    content = {
        "application/json": {"schema": items, "example": example},
        NDJSON: {"schema": {"type": "string", "description": "One item on each line."}, "example": lines},
    }
    return {"requestBody": {"required": True, "content": content}}

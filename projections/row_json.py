"""Rows as JSON that the statement which reads them makes: a page costs the service little more than its bytes."""

import json
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from itertools import chain
from types import NoneType
from typing import Any, Final, LiteralString, NamedTuple, get_args, get_type_hints
from uuid import UUID

from psycopg.sql import Composable

from infra.sql import literal, load_statements
from projections.projection import Table
from projections.sql_composition import composed, constant, joined, named

_SQL = load_statements(__file__, "row_json.sql")
_FORMS: Final[dict[Any, str]] = {UUID: "id", int: "number", datetime: "time"}
"""The fragments for what columns hold; what is not here is text."""


class Member(NamedTuple):
    """A member of a JSON object, and the column that has its value."""

    name: str
    column: str
    members: Sequence[str] = ()
    """Of a column that holds an object: the members that are shown of it, null where it lacks them."""


def json_members(table: Table[Any], members: Iterable[Member]) -> LiteralString:
    """The SQL expression of the members as they stand in a JSON object, without its braces."""
    kinds = get_type_hints(table.row)
    values = {member.name: _value(member, kinds[member.column], table.json) for member in members}
    return literal(_members(values).as_string())


def _value(member: Member, kind: Any, json_columns: frozenset[str]) -> Composable:  # noqa: ANN401 - an annotation
    """The JSON of a column."""
    column = named("{column}", column=member.column)
    first, *_ = [each for each in get_args(kind) or (kind,) if each is not NoneType]
    if member.members:
        inner = {name: _nullable(_SQL["member"], column=column, name=constant(name)) for name in member.members}
        return _nullable(_SQL["object"], column=column, members=_members(inner))
    form = _SQL["document" if member.column in json_columns else _FORMS.get(first, "text")]
    return _nullable(form, column=column) if NoneType in get_args(kind) else composed(form, column=column)


def _nullable(text: LiteralString, **parts: Composable) -> Composable:
    return composed(_SQL["nullable"], value=composed(text, **parts))


def _members(values: Mapping[str, Composable]) -> Composable:
    names = [constant(f"{',' if number else ''}{json.dumps(name)}:") for number, name in enumerate(values)]
    return composed(_SQL["members"], parts=joined(", ", list(chain(*zip(names, values.values(), strict=True)))))

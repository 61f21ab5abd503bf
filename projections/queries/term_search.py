"""Lists of assets by terms, which lead in the order of creation, and where few have them; else each is looked at."""

from functools import partial
from typing import Final

from infra.connections import Connection
from projections.queries.filters import AssetFilter, PurgeFilter
from projections.queries.row_list import Statements
from projections.select import Select

MANY: Final = 20_000
"""Fewer assets than this are looked up, whatever else is asked of them."""
MANY_WALKED: Final = 2_000
"""So are fewer than this where more of them would be come upon in their order."""
COMMON: Final = 200
"""So many of the newest assets have what is common: to find all that have it would take long."""
FIRST_CHUNKS: Final = 4
EVERY_CHUNK: Final = 2**40
WALKED_BY: Final = frozenset({"prompt", "seed", "prompt_model", "metadata", "created_after", "created_before"})
"""Criteria that leave most of what has the terms, so that a list in the order of creation takes it as it comes."""
UNBOUNDED: Final = 2**63 - 1


def where_terms(select: Select, statements: Statements, selected: AssetFilter) -> None:
    """List only what has the terms that the filter asks for, if it does."""
    terms = selected.terms()
    if terms:
        select.parameters["terms"] = terms
        lead = selected.criteria(PurgeFilter).keys() <= WALKED_BY
        select.questions.append(partial(_plan, select, statements, lead))


def _plan(select: Select, sql: Statements, lead: bool, connection: Connection) -> None:  # noqa: FBT001
    """Let the terms lead where that is quick: chunk by chunk in the order of creation, or if few assets have them."""
    in_order = {sql[f"created_{order}"]: sql[f"found_created_{order}"] for order in ("desc", "asc")}
    select.parameters |= _bounds(select, in_order=select.order in in_order)
    lead = lead and not select.is_counted
    walked = lead and select.order in in_order
    many = MANY_WALKED if walked else MANY
    is_many = _in_chunks(select, sql, connection, COMMON, FIRST_CHUNKS) == COMMON
    if is_many and not walked:
        is_many = _in_chunks(select, sql, connection, many, EVERY_CHUNK) == many
    if not is_many and (ids := _matching(select, sql, connection, many)) is not None:
        select.parameters["found"] = ids
        if lead:
            select.statement = sql["found"]
        else:
            select.where(sql["is_found"])
    elif walked:
        select.statement, select.is_in_order = in_order[select.order], True
    else:
        select.where(sql["among_found" if select.is_counted else "has_terms"])


def _in_chunks(select: Select, sql: Statements, connection: Connection, most: int, chunks: int) -> int:
    """How many assets of the newest chunks have the terms, at most so many."""
    asked = select.parameters | {"most": most, "chunks": chunks}
    ((number,),) = connection.execute(select.served(sql["count_in_chunks"]), asked, prepare=False).fetchall()
    return int(number)


def _matching(select: Select, sql: Statements, connection: Connection, many: int) -> str | None:
    """The ids of all assets that have the terms, as the text of an array; None: they are many."""
    connection.execute(sql["by_bitmap"])
    asked = select.parameters | {"most": many}
    ((number, ids),) = connection.execute(select.served(sql["found_first"]), asked, prepare=False).fetchall()
    connection.execute(sql["by_any_scan"])
    return None if number == many else str(ids)


def _bounds(select: Select, *, in_order: bool) -> dict[str, int]:
    """The positions between which all that is listed was created, as far as that is known."""
    positions = select.parameters
    since, until = [positions.get("created_after")], [positions.get(name) for name in ("created_before", "recorded_by")]
    until.append(positions.get("as_of"))
    if in_order:
        (until if "DESC" in select.order else since).append(positions.get("after"))
    return {
        "terms_since": max((position for position in since if position is not None), default=0),
        "terms_until": min((position for position in until if position is not None), default=UNBOUNDED),
    }

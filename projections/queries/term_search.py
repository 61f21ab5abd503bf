"""Lists of assets by terms, which lead in the order of creation, and where few have them; else each is looked at."""

from functools import partial
from typing import Final

from infra.connections import Connection
from projections.queries.filters import AssetFilter, PurgeFilter
from projections.queries.row_list import Statements
from projections.select import Select

MANY: Final = 2_000
"""Fewer assets than this are looked up, whatever else is asked of them."""
WALKED_BY: Final = frozenset({"prompt", "seed", "prompt_model", "metadata", "created_after", "created_before"})
"""Criteria that leave most of what has the terms, so that a list in the order of creation takes it as it comes."""
UNBOUNDED: Final = 2**63 - 1


def where_terms(select: Select, statements: Statements, selected: AssetFilter) -> None:
    """List only what has the terms that the filter asks for, if it does."""
    terms = selected.terms()
    if terms:
        select.parameters["terms"] = terms
        walked = selected.criteria(PurgeFilter).keys() <= WALKED_BY
        select.questions.append(partial(_plan, select, statements, walked))


def _plan(select: Select, statements: Statements, walked: bool, connection: Connection) -> None:  # noqa: FBT001
    """Let the terms lead where that is quick: in the order of creation, or if few assets have them."""
    in_order = {statements[f"created_{order}"]: statements[f"found_created_{order}"] for order in ("desc", "asc")}
    select.parameters |= _bounds(select, in_order=select.order in in_order)
    if walked and select.order in in_order and not select.is_counted:
        select.statement, select.is_in_order = in_order[select.order], True
        return
    found = connection.execute(select.served(statements["found"]), select.parameters | {"many": MANY}).fetchall()
    if len(found) < MANY:
        select.where(statements["has_found"], found=[asset_id for (asset_id,) in found])
    else:
        select.where(statements["among_found" if select.is_counted else "has_terms"])


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

"""Which assets differ between two moments, and how."""

from typing import Final, Literal, NamedTuple
from uuid import UUID

from domain.asset.events import AssetStatus
from infra.database import Database
from projections.assets.fold import ASSETS, AssetRow
from projections.list_transaction import list_transaction, refuse_rebuilding
from projections.paging import Keyset, Moment, Order, Page, page
from projections.queries.assets import ASSET_LIST, differing_assets, states_before
from projections.queries.filters import AssetFilter

Kind = Literal["created", "changed", "deleted", "restored"]
READ: Final = ASSET_LIST.read.then
"""The read models that tell differences."""


class Difference(NamedTuple):
    """An asset at the later of two moments, how it differs from the earlier one, and which revision it had then."""

    row: AssetRow
    kind: Kind
    revision_before: int | None


def list_differences(
    database: Database,
    tenant_id: UUID,
    selected: AssetFilter,
    limit: int,
    cursor: str | None,
    order: Literal["desc", "asc"],
    moments: tuple[Moment, Moment],
) -> Page[Difference]:
    """A page of the assets with events after the first moment, up to the second, by the last of these events.

    The filter goes by what they were at the second; without a status, deleted ones are listed too. CursorError,
    SearchTooShortError, ReadModelRebuildingError, and what `list_transaction` raises.
    """
    keyset = Keyset(tenant_id, selected.criteria(AssetFilter) | {"order": order}, moments)
    after = None if cursor is None else keyset.decode(cursor)
    since, until = (moment.position for moment in moments)
    select = differing_assets(selected, Order("updated", order), since, until, after)
    with list_transaction(database, tenant_id, select, READ) as (connection, rebuilding):
        refuse_rebuilding(rebuilding)
        versions = page(select, connection, keyset, limit, ASSETS.table.columns.index("position"))
        rows = [AssetRow._make(version[:-1]) for version in versions.items]
        before = states_before(connection, select, rows, since)
    return Page([_difference(row, *before.get(row.asset_id, (None, None))) for row in rows], versions.next)


def _difference(row: AssetRow, revision: int | None, status: AssetStatus | None) -> Difference:
    """How the asset differs from what it was at the earlier moment; None: it was not there."""
    if revision is None:
        kind: Kind = "created"
    elif (row.status == "deleted") == (status == "deleted"):
        kind = "changed"
    else:
        kind = "deleted" if row.status == "deleted" else "restored"
    return Difference(row, kind, revision)

"""Decides the purges of all assets that a filter selects. The lists propose them; the log decides."""

from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from uuid import UUID

from api.application.content.purges import Purges, all_of_deleted
from api.application.session import Session
from domain import errors
from projections.asset_references.fold import ASSET_REFERENCES
from projections.asset_terms.fold import ASSET_TERMS
from projections.assets.fold import ASSETS, AssetRow
from projections.contents.fold import CONTENTS
from projections.queries.assets import every_asset
from projections.queries.contents import bytes_there
from projections.queries.filters import AssetFilter, PurgeFilter

SELECTED_BY = (ASSETS, ASSET_REFERENCES, ASSET_TERMS, CONTENTS)
"""The read models that propose what goes."""


@dataclass
class Selection:
    """What a purge of many assets selects: how many, with how many bytes, and which keep theirs."""

    assets: int = 0
    bytes: int = 0
    held: list[UUID] = field(default_factory=list)
    """Those that are under a legal hold."""
    changed: list[UUID] = field(default_factory=list)
    """Those that have changed since the lists they were found in: they may not be meant any more."""


@dataclass(frozen=True)
class BulkPurge:
    """Purges of many of one tenant's assets. Raises what Purges does."""

    session: Session

    def request(self, selected: AssetFilter, reason: str | None, *, dry_run: bool) -> Selection:
        """Decide that the content goes of every asset that the filter finds, deleted or not.

        Where deleted assets are asked for, what is live by now is left alone; so is what has changed since the list
        was read. A dry run only tells what would go.
        """
        rows, selection = self._rows(selected), Selection()
        sizes = bytes_there(self.session.database, self.session.tenant_id, [row.asset_id for row in rows])
        for row in rows:
            if row.holds:
                selection.held.append(row.asset_id)
                continue
            try:
                if not dry_run:
                    self._request_one(selected, row, reason)
            except errors.ContentHeldError:
                selection.held.append(row.asset_id)
            except errors.StaleRevisionError:
                selection.changed.append(row.asset_id)
            except errors.ContentInUseError:
                continue
            except errors.ServiceUnavailableError as error:
                if selection.assets:
                    raise errors.OutcomeUnknownError(
                        f"{selection.assets:,} assets are being purged, then the ledger could not answer. Ask again."
                    ) from error
                raise
            else:
                selection.assets += 1
                selection.bytes += sizes.get(row.asset_id, 0)
        return selection

    def _rows(self, selected: AssetFilter) -> list[AssetRow]:
        """Live assets, and then deleted ones; both lists are read to the end before anything is decided."""
        either = [selected]
        if not (selected.status or _deleted_before(selected)):
            either.append(selected.model_copy(update={"status": "deleted"}))
        session = self.session
        every = (row for filter_ in either for row in every_asset(session.database, session.tenant_id, filter_))
        return [row for row in every if row.stored]

    def _request_one(self, selected: AssetFilter, row: AssetRow, reason: str | None) -> None:
        before = _deleted_before(selected)
        choose = partial(all_of_deleted, before=before, revision=row.revision)
        deletes = selected.status != "deleted" and before is None
        Purges(self.session).decide(row.asset_id, reason, "asked", choose, deletes=deletes)


def _deleted_before(selected: AssetFilter) -> datetime | None:
    return selected.deleted_before if isinstance(selected, PurgeFilter) else None

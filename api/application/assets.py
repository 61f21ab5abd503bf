"""One tenant's assets on behalf of one caller: changed, read and listed. New ones: `asset_creation`."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal
from uuid import UUID

from eventsourcing.application import AggregateNotFoundError

from api.application.policies import Policies
from api.application.session import Session
from domain.asset.asset import Asset
from domain.asset.events import AssetEvent, AssetLinked
from domain.errors import AssetDeletedError, AssetNotFoundError, ContentBeingPurgedError
from domain.event import Context
from domain.reference import Reference
from infra.content.purge_table import PurgeTable
from infra.event_log.log import Changed
from projections.assets.fold import AssetRow
from projections.comparison import ComparedMoment, Comparison, RevisionNotReachedError, compare
from projections.history import Entry, page_of_entries
from projections.paging import FULL_PAGE, NEWEST_FIRST, Keyset, Moment, Order, Page, every_page
from projections.queries.assets import ASSET_LIST, count_assets, list_assets
from projections.queries.differences import Difference, list_differences
from projections.queries.filters import AssetFilter
from projections.queries.row_list import Statements
from projections.states import ASSET, AssetState

Decision = Callable[[Asset, Context], Sequence[AssetEvent]]


@dataclass(frozen=True)
class Assets:
    """Changes and reads one tenant's assets. Raises the domain's errors."""

    session: Session

    def link(self, asset_id: UUID, references: tuple[Reference, ...], reason: str | None) -> set[Reference]:
        """Link an asset to references; returns those that it did not have yet."""
        changed = self._change(asset_id, lambda asset, context: asset.link(context, references), reason, None)
        return {
            r
            for recorded in changed.recorded
            if isinstance(recorded.event, AssetLinked)
            for r in recorded.event.references
        }

    def change(self, asset_id: UUID, decide: Decision, reason: str | None, expected_revision: int | None) -> AssetRow:
        """Decide on an asset and record what was decided; returns the asset as that left it, deleted or not.

        Its documents may be references still: it can be part of a transaction, which must not wait for the store.
        """
        return self._change(asset_id, decide, reason, expected_revision).state.row

    def shown(self, row: AssetRow) -> AssetRow:
        """The asset with its documents, as the answer to what is recorded."""
        return self.session.documents.shown(row)

    def change_unless_purged(
        self, asset_id: UUID, decide: Decision, reason: str | None, expected_revision: int | None
    ) -> AssetRow:
        """Change an asset. ContentBeingPurgedError if its content is about to go, even if no event says so yet."""
        purges = PurgeTable(self.session.database, self.session.tenant_id)

        def decided(asset: Asset, context: Context) -> Sequence[AssetEvent]:
            events = decide(asset, context)
            if events and purges.has_unrecorded(asset_id):
                raise ContentBeingPurgedError
            return events

        def work() -> AssetRow:
            self.session.log.lock_head()
            return self.change(asset_id, decided, reason, expected_revision)

        return self.session.in_transaction(work)

    def asset(self, asset_id: UUID, revision: int | None = None, as_of: int | None = None) -> AssetRow:
        """The asset now, at a revision, or at a position: what a client saw then."""
        row = self._state(asset_id, revision).row
        if revision is not None and row.revision < revision:
            raise AssetNotFoundError(f"The asset has no revision {revision} yet.")
        if as_of is not None and row.position > as_of:
            if row.created_position > as_of:
                raise AssetNotFoundError("The asset was not recorded yet at that moment.")
            row = self._state(asset_id, revision, as_of).row
        try:
            _must_be_live(row)
        except AssetDeletedError:
            if revision is None and as_of is None:
                raise
            raise AssetDeletedError("The asset was deleted at that moment.") from None
        return self.session.documents.whole(row)

    def events(self, asset_id: UUID, limit: int, cursor: str | None) -> Page[Entry]:
        """What happened to an asset, the oldest first, deleted or not."""
        keyset = Keyset(self.session.tenant_id, {"asset": asset_id})
        try:
            return page_of_entries(self.session.log, asset_id, ASSET, keyset, limit, cursor)
        except AggregateNotFoundError:
            raise AssetNotFoundError from None

    def diff(self, asset_id: UUID, start: ComparedMoment, end: ComparedMoment) -> Comparison:
        """What changed in an asset between two moments, deleted or not. AssetNotFoundError, MomentsReversedError."""
        try:
            return compare(self.session.log, asset_id, ASSET, start, end)
        except AggregateNotFoundError:
            raise AssetNotFoundError("There is no such asset, or `to` is before it was recorded.") from None
        except RevisionNotReachedError as error:
            raise AssetNotFoundError(f"The asset has no revision {error.revision} yet.") from None

    def live(self, asset_id: UUID) -> AssetState:
        """The asset now. AssetNotFoundError, AssetDeletedError."""
        state = self._state(asset_id)
        _must_be_live(state.row)
        return state

    def find(
        self,
        selected: AssetFilter,
        limit: int,
        cursor: str | None,
        order: Order = NEWEST_FIRST,
        as_of: Moment | None = None,
        recorded_by: int | None = None,
    ) -> Page[AssetRow]:
        """A page of the list of assets, as of a moment or now, of those that were recorded up to a position."""
        database, tenant_id = self.session.database, self.session.tenant_id
        page = list_assets(database, tenant_id, selected, limit, cursor, order, as_of, recorded_by)
        return page if as_of is None else replace(page, items=list(map(self._complete, page.items)))

    def documents(
        self, selected: AssetFilter, limit: int, cursor: str | None, order: Order, members: Statements
    ) -> Page[tuple[Any, ...]]:
        """A page of the list of assets as it is now, of each what makes its JSON; see RowList.documents."""
        database, tenant_id = self.session.database, self.session.tenant_id
        return ASSET_LIST.documents(database, tenant_id, selected, limit, cursor, order, members)

    def pages(
        self, selected: AssetFilter, order: Order, as_of: Moment | None, recorded_by: int
    ) -> Iterator[list[AssetRow]]:
        """All pages of the list of assets, as of a moment or now, of those that were recorded up to a position."""
        return every_page(lambda cursor: self.find(selected, FULL_PAGE, cursor, order, as_of, recorded_by))

    def count(self, selected: AssetFilter, as_of: Moment | None = None) -> int:
        """How many assets the filter finds."""
        return count_assets(self.session.database, self.session.tenant_id, selected, as_of)

    def differences(
        self,
        selected: AssetFilter,
        limit: int,
        cursor: str | None,
        order: Literal["desc", "asc"],
        moments: tuple[Moment, Moment],
    ) -> Page[Difference]:
        """A page of the assets that differ between two moments."""
        page = list_differences(self.session.database, self.session.tenant_id, selected, limit, cursor, order, moments)
        return replace(page, items=[item._replace(row=self._complete(item.row)) for item in page.items])

    def _complete(self, row: AssetRow) -> AssetRow:
        """The row with the links and holds that its version is too long to have."""
        return self._state(row.asset_id, row.revision).row if None in (row.links, row.holds) else row

    def _change(
        self, asset_id: UUID, decide: Decision, reason: str | None, expected_revision: int | None
    ) -> Changed[AssetState]:
        """Decide on an asset and record what was decided; returns what that left."""
        context, policies = self.session.context(reason), Policies(self.session)
        try:
            return self.session.change(
                asset_id,
                ASSET,
                lambda state: decide(state.asset, context),
                expected_revision,
                lambda events, state: policies.admit(events, state.asset),
            )
        except AggregateNotFoundError:
            raise AssetNotFoundError from None

    def _state(self, asset_id: UUID, revision: int | None = None, position: int | None = None) -> AssetState:
        return self.session.state(asset_id, ASSET, AssetNotFoundError, revision, position)


def _must_be_live(row: AssetRow) -> None:
    if row.deleted_at is not None:
        raise AssetDeletedError

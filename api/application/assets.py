"""One tenant's assets on behalf of one caller: changed, read and listed. New ones: `asset_creation`."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Literal
from uuid import UUID

from eventsourcing.application import AggregateNotFoundError

from api.application.policies import Policies
from api.application.reads import Reads
from domain.asset.asset import Asset
from domain.asset.events import AssetEvent, AssetLinked
from domain.errors import AssetDeletedError, AssetNotFoundError, ContentBeingPurgedError
from domain.event import Context
from domain.reference import Reference
from infra.content.purge_table import PurgeTable
from infra.event_log.log import Changed
from projections.assets.fold import AssetRow
from projections.paging import Moment, Page
from projections.queries.assets import ASSET_LIST
from projections.queries.differences import Difference, list_differences
from projections.queries.filters import AssetFilter
from projections.states import ASSET, AssetState

Decision = Callable[[Asset, Context], Sequence[AssetEvent]]


class Assets(Reads[AssetState, AssetRow, AssetFilter]):
    """Changes and reads one tenant's assets. Raises the domain's errors."""

    fold, rows, missing, begun = ASSET, ASSET_LIST, AssetNotFoundError, "recorded"
    long_lists = "links", "holds"

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
        row = self._at(asset_id, revision, as_of)
        if row.deleted_at is not None and (revision is not None or as_of is not None):
            raise AssetDeletedError("The asset was deleted at that moment.")
        _must_be_live(row)
        return self.session.documents.whole(row)

    def live(self, asset_id: UUID) -> AssetState:
        """The asset now. AssetNotFoundError, AssetDeletedError."""
        state = self._state(asset_id)
        _must_be_live(state.row)
        return state

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

    def _change(
        self, asset_id: UUID, decide: Decision, reason: str | None, expected_revision: int | None
    ) -> Changed[AssetState]:
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


def _must_be_live(row: AssetRow) -> None:
    if row.deleted_at is not None:
        raise AssetDeletedError

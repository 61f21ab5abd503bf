"""One tenant's ledger on behalf of one caller: what the routes call."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, cast
from uuid import UUID

from eventsourcing.application import AggregateNotFoundError
from uuid_utils.compat import uuid7

from api.policies import Policies
from api.session import Session
from domain.asset import asset as aggregate
from domain.asset.asset import Asset
from domain.asset.events import AssetCreated, AssetEvent, AssetLinked
from domain.asset.inputs import NewAsset, NewContent
from domain.errors import AssetDeletedError, AssetNotFoundError, ContentBeingPurgedError, LedgerError
from domain.event import Context, Recorded
from domain.identity import derived_id
from domain.reference import Reference
from infra.content.purges import Purges
from infra.event_log.log import Changed, TenantLog
from projections.assets.fold import AssetRow
from projections.assets.read import AssetFilter, count_assets, list_assets
from projections.audit_trail.read import AuditFilter, list_trail
from projections.history import Entry, page_of_entries
from projections.projection import Projection
from projections.query import NEWEST_FIRST, Keyset, Order, Page, reached
from projections.states import ASSET, AssetState

Decision = Callable[[Asset, Context], Sequence[AssetEvent]]


@dataclass(frozen=True)
class Ledger:
    """Records and reads one tenant's assets. Raises the domain's errors."""

    session: Session

    @property
    def log(self) -> TenantLog:
        return self.session.log

    @property
    def tenant_id(self) -> UUID:
        return self.session.tenant_id

    @property
    def policies(self) -> Policies:
        return Policies(self.session)

    def create_asset(self, new: NewAsset, key: str | None = None) -> tuple[AssetRow, bool]:
        """Record a new asset; returns it, and whether that made it new: under a key, it is recorded once.

        OtherRequestError if the key made something else, KeyOfDeletedAssetError.
        """
        if key is None:
            event = self._creation(new, uuid7())
            return self.shown(_row(self.session.persistently(lambda: self._record(event)))), True
        identity = self.session.identity
        asset_id = derived_id("asset", "key", identity.digest("key", key))
        digest = identity.digest("request", new.identity())
        row, made = self.session.persistently(
            lambda: self._once(asset_id, digest, lambda: self._record(self._creation(new, asset_id, digest)))
        )
        return self.shown(row), made

    def create_assets(self, news: Iterable[NewAsset]) -> list[Recorded | LedgerError]:
        """Record new assets in one append; tells of each how it was recorded, or why it was not."""
        decided = [self._decided(new) for new in news]
        events = [event for event in decided if isinstance(event, AssetCreated)]
        recorded = iter(self.session.persistently(lambda: self._record_each(events)))
        return [next(recorded) if isinstance(event, AssetCreated) else event for event in decided]

    def create_with_content(
        self, asset_id: UUID, new: NewAsset, content: NewContent, request_digest: str | None, ended: Callable[[], None]
    ) -> tuple[AssetRow, bool]:
        """Record a new asset and its content in one append; returns it, and whether that made it new.

        `ended` is called in the same transaction, where it is made new.
        """
        created = self._creation(new, asset_id, request_digest)
        stored = aggregate.created(created).store_content(self.session.context(), content)

        def record() -> list[Recorded]:
            ended()
            return self.session.record(created, *stored, under=self.policies.admit([created]))

        row, made = self.session.atomically(lambda: self._once(asset_id, request_digest, record))
        return self.shown(row), made

    def link_asset(self, asset_id: UUID, references: tuple[Reference, ...], reason: str | None) -> set[Reference]:
        """Link an asset to references; returns those that it did not have yet."""
        changed = self._change(asset_id, lambda asset, context: asset.link(context, references), reason, None)
        events = changed.recorded
        return {r for recorded in events if isinstance(recorded.event, AssetLinked) for r in recorded.event.references}

    def change_asset(
        self, asset_id: UUID, decide: Decision, reason: str | None, expected_revision: int | None
    ) -> AssetRow:
        """Decide on an asset and record what was decided; returns the asset as that left it, deleted or not.

        Its documents may be references still: it can be part of a transaction, which must not wait for the store.
        """
        return self._change(asset_id, decide, reason, expected_revision).state.row

    def shown(self, row: AssetRow) -> AssetRow:
        """The asset with its documents, as the answer to what is recorded."""
        return self.session.documents.shown(row)

    def hold_asset(self, asset_id: UUID, hold: str, reason: str | None, expected_revision: int | None) -> AssetRow:
        """Put a legal hold on an asset. ContentBeingPurgedError if its content is about to go."""
        return self._change_kept(
            asset_id, lambda asset, context: asset.put_hold(context, hold), reason, expected_revision
        )

    def restore_asset(self, asset_id: UUID, reason: str | None, expected_revision: int | None) -> AssetRow:
        """Bring a deleted asset back. ContentBeingPurgedError if its content is about to go."""
        return self._change_kept(asset_id, lambda asset, context: asset.restore(context), reason, expected_revision)

    def _change_kept(
        self, asset_id: UUID, decide: Decision, reason: str | None, expected_revision: int | None
    ) -> AssetRow:
        """The same for a change that content which is about to go forbids, be it that no event says so yet."""
        purges = Purges(self.session.database, self.tenant_id)

        def decided(asset: Asset, context: Context) -> Sequence[AssetEvent]:
            events = decide(asset, context)
            if events and purges.unrecorded(asset_id):
                raise ContentBeingPurgedError
            return events

        def work() -> AssetRow:
            self.log.recorder.lock_head()
            return self.change_asset(asset_id, decided, reason, expected_revision)

        return self.session.atomically(work)

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

    def asset_events(self, asset_id: UUID, limit: int, cursor: str | None) -> Page[Entry]:
        """What happened to an asset, the oldest first, deleted or not."""
        keyset = Keyset(self.tenant_id, {"asset": asset_id})
        try:
            return page_of_entries(self.log, asset_id, ASSET, keyset, limit, cursor)
        except AggregateNotFoundError:
            raise AssetNotFoundError from None

    def live_asset(self, asset_id: UUID) -> AssetState:
        """The asset now. AssetNotFoundError, AssetDeletedError."""
        state = self._state(asset_id)
        _must_be_live(state.row)
        return state

    def assets(
        self, wanted: AssetFilter, limit: int, cursor: str | None, order: Order = NEWEST_FIRST
    ) -> Page[AssetRow]:
        """A page of the list of assets."""
        return list_assets(self.session.database, self.tenant_id, wanted, limit, cursor, order)

    def count_assets(self, wanted: AssetFilter) -> int:
        """How many assets the filter finds."""
        return count_assets(self.session.database, self.tenant_id, wanted)

    def audit(self, wanted: AuditFilter, limit: int, cursor: str | None) -> Page[Entry]:
        """A page of the audit trail, the newest first."""
        return list_trail(self.session.database, self.log, wanted, limit, cursor)

    def reached(self, projections: Sequence[Projection[Any]]) -> int:
        """The position that all the projections have reached; of the log itself if none is named."""
        if not projections:
            return self.log.recorder.head()
        return reached(self.session.database, self.tenant_id, projections)

    def _once(
        self, asset_id: UUID, request_digest: str | None, record: Callable[[], list[Recorded]]
    ) -> tuple[AssetRow, bool]:
        """What a key has made before, or what is recorded now, and whether it is; without a key that is clear.

        OtherRequestError, KeyOfDeletedAssetError.
        """
        if request_digest is None:
            return _row(record()), True
        try:
            state = self.log.state(asset_id, ASSET)
        except AggregateNotFoundError:
            return _row(record()), True
        state.asset.create_again(request_digest)
        return state.row, False

    def _creation(self, new: NewAsset, asset_id: UUID, request_digest: str | None = None) -> AssetCreated:
        return aggregate.create(self.session.context(new.reason), self.tenant_id, asset_id, new, request_digest)

    def _record(self, event: AssetCreated) -> list[Recorded]:
        return self.session.record(event, under=self.policies.admit([event]))

    def _record_each(self, events: Sequence[AssetCreated]) -> list[Recorded | LedgerError]:
        refusals, under = self.policies.admit_each(events)
        admitted = [event for event, refusal in zip(events, refusals, strict=True) if refusal is None]
        outcomes = self.log.record_each(self.session.documents.referred_to(admitted), under)
        self.session.documents.recorded([outcome for outcome in outcomes if isinstance(outcome, Recorded)])
        recorded = iter(outcomes)
        return [next(recorded) if refusal is None else refusal for refusal in refusals]

    def _decided(self, new: NewAsset) -> AssetCreated | LedgerError:
        try:
            return self._creation(new, uuid7())
        except LedgerError as refusal:
            return refusal

    def _change(
        self, asset_id: UUID, decide: Decision, reason: str | None, expected_revision: int | None
    ) -> Changed[AssetState]:
        """Decide on an asset and record what was decided; returns what that left."""
        context, documents = self.session.context(reason), self.session.documents

        def work() -> Changed[AssetState]:
            changed = self.log.change(
                asset_id,
                ASSET,
                lambda state: documents.referred_to(decide(state.asset, context)),
                expected_revision,
                lambda events, state: self.policies.admit(events, state.asset),
            )
            documents.recorded(changed.recorded)
            return changed

        try:
            return self.session.persistently(work)
        except AggregateNotFoundError:
            raise AssetNotFoundError from None

    def _state(self, asset_id: UUID, revision: int | None = None, position: int | None = None) -> AssetState:
        return self.session.state(asset_id, ASSET, AssetNotFoundError, revision, position)


def _row(recorded: list[Recorded]) -> AssetRow:
    """The asset that was just recorded, of the events of its beginning."""
    return cast("AssetState", ASSET.after(None, recorded)).row


def _must_be_live(row: AssetRow) -> None:
    if row.deleted_at is not None:
        raise AssetDeletedError

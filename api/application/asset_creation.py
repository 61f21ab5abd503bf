"""Records new assets: one or many, under a key, or together with their content."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import cast
from uuid import UUID

from eventsourcing.application import AggregateNotFoundError
from uuid_utils.compat import uuid7

from api.application.policies import Policies
from api.application.session import Session
from domain.asset import asset as aggregate
from domain.asset import creation
from domain.asset.events import AssetCreated
from domain.asset.inputs import NewAsset, NewContent
from domain.errors import LedgerError
from domain.event import Recorded
from domain.identity import derived_id
from projections.assets.fold import AssetRow
from projections.states import ASSET, AssetState


@dataclass(frozen=True)
class AssetCreation:
    """Records one tenant's new assets. Raises the domain's errors."""

    session: Session

    def create(self, new: NewAsset, key: str | None = None) -> tuple[AssetRow, bool]:
        """Record a new asset; returns it, and whether this call recorded it: under a key, it is recorded once.

        OtherRequestError if the key made something else, KeyOfDeletedAssetError.
        """
        if key is None:
            event = self._creation(new, uuid7())
            row = _row(self.session.retry_on_conflict(lambda: self._record(event)))
            return self.session.documents.shown(row), True
        identity = self.session.identity
        asset_id = derived_id("asset", "key", identity.digest("key", key))
        digest = identity.digest("request", new.identity())
        row, created = self.session.retry_on_conflict(
            lambda: self._once(asset_id, digest, lambda: self._record(self._creation(new, asset_id, digest)))
        )
        return self.session.documents.shown(row), created

    def create_each(self, news: Iterable[NewAsset]) -> list[Recorded | LedgerError]:
        """Record new assets in one append; returns for each how it was recorded, or why it was not."""
        decisions = [self._decision(new) for new in news]
        events = [event for event in decisions if isinstance(event, AssetCreated)]
        recorded = iter(self.session.retry_on_conflict(lambda: self._record_each(events)))
        return [next(recorded) if isinstance(event, AssetCreated) else event for event in decisions]

    def create_with_content(
        self, asset_id: UUID, new: NewAsset, content: NewContent, request_digest: str | None, ended: Callable[[], None]
    ) -> tuple[AssetRow, bool]:
        """Record a new asset and its content in one append; returns it, and whether this call recorded it.

        `ended` is called in the same transaction, if the asset is new.
        """
        created = self._creation(new, asset_id, request_digest)
        stored = aggregate.created(created).store_content(self.session.context(), content)

        def record() -> list[Recorded]:
            ended()
            return self.session.record(created, *stored, policy_revision=Policies(self.session).admit([created]))

        row, is_new = self.session.in_transaction(lambda: self._once(asset_id, request_digest, record))
        return self.session.documents.shown(row), is_new

    def _once(
        self, asset_id: UUID, request_digest: str | None, record: Callable[[], list[Recorded]]
    ) -> tuple[AssetRow, bool]:
        """The asset that a key was used for before, or the one recorded now, and whether it is new.

        OtherRequestError, KeyOfDeletedAssetError.
        """
        if request_digest is None:
            return _row(record()), True
        try:
            state = self.session.log.state(asset_id, ASSET)
        except AggregateNotFoundError:
            return _row(record()), True
        state.asset.create_again(request_digest)
        return state.row, False

    def _creation(self, new: NewAsset, asset_id: UUID, request_digest: str | None = None) -> AssetCreated:
        session = self.session
        return creation.create(session.context(new.reason), session.tenant_id, asset_id, new, request_digest)

    def _decision(self, new: NewAsset) -> AssetCreated | LedgerError:
        try:
            return self._creation(new, uuid7())
        except LedgerError as refusal:
            return refusal

    def _record(self, event: AssetCreated) -> list[Recorded]:
        return self.session.record(event, policy_revision=Policies(self.session).admit([event]))

    def _record_each(self, events: Sequence[AssetCreated]) -> list[Recorded | LedgerError]:
        refusals, policy_revision = Policies(self.session).admit_each(events)
        admitted = [event for event, refusal in zip(events, refusals, strict=True) if refusal is None]
        outcomes = iter(self.session.record_each(admitted, policy_revision))
        return [next(outcomes) if refusal is None else refusal for refusal in refusals]


def _row(recorded: list[Recorded]) -> AssetRow:
    return cast("AssetState", ASSET.after(None, recorded)).row

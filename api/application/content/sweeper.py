"""Removes what uploads have left behind: what was never recorded needs no event, but the log is asked first."""

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import takewhile
from uuid import UUID

import structlog
from eventsourcing.application import AggregateNotFoundError

from api.application.content.tenant_content import TenantContent
from domain.asset.events import AssetContentStored
from domain.errors import LedgerError
from domain.event import Event
from domain.large_documents import kept_for
from infra.content.upload_table import Upload, discard

_LOG = structlog.get_logger()

MOST_SWEPT = 100


@dataclass(frozen=True)
class Sweeper(TenantContent):
    """One tenant's sweeps. Raises ClockApartError where no time can be trusted."""

    def sweep(self) -> int:
        """Remove what uploads have left behind whose time is over, documents among them; returns how many.

        Looks at a hundred at most. What fails is logged and tried again later.
        """
        looked_at = takewhile(lambda swept: swept is not None, (self._sweep_next() for _ in range(MOST_SWEPT)))
        return sum(map(bool, looked_at))

    def remove_landed_late(self, landed: Mapping[UUID, str]) -> None:
        """Remove what came to a signed URL after its upload was over: by content, the keys of all that has landed.

        They are listed before this is called, so that the upload of each is known by now or over. No event names them.
        """
        for content_id in landed.keys() - self.uploads.under_way():
            try:
                self.store.delete(landed[content_id])
            except LedgerError as error:
                self._log("what landed late not swept", content_id, error)

    def _sweep_next(self) -> bool | None:
        """Whether what the next upload left behind could be removed; None if there is no other."""
        upload = self._revoke_next()
        if upload is None:
            return None
        try:
            discard(self.store, self.session.tenant_id, upload)
        except LedgerError as error:
            self._log("upload not swept", upload.content_id, error)
            return False
        return self.uploads.forget(upload.content_id)

    def _revoke_next(self) -> Upload | None:
        """Decide, by the database's clock and under the head's lock, that an upload is over; commits before it returns.

        One that the log knows is not removed, whatever the table says.
        """
        with self.session.database.transaction(self.session.tenant_id):
            self.session.log.lock_head()  # before the upload's row, as those who record documents lock them
            self.session.database_clock.ask()
            while upload := self.uploads.next_expired():
                if not self._is_recorded(upload):
                    self.uploads.revoke(upload.content_id)
                    return upload
                _LOG.error("upload recorded but not over", upload_id=str(upload.content_id))
                self.uploads.revoke(upload.content_id)
                self.uploads.forget(upload.content_id)
        return None

    def _is_recorded(self, upload: Upload) -> bool:
        try:
            history = self.session.log.history(upload.asset_id)
        except AggregateNotFoundError:
            return False
        return any(upload.content_id in _objects_of(recorded.event) for recorded in history)

    def _log(self, message: str, content_id: UUID, error: LedgerError) -> None:
        tenant_id = str(self.session.tenant_id)
        _LOG.warning(message, tenant_id=tenant_id, upload_id=str(content_id), reason=str(error))


def _objects_of(event: Event) -> tuple[UUID, ...]:
    content = (event.content_id,) if isinstance(event, AssetContentStored) else ()
    return (*content, *kept_for(event))

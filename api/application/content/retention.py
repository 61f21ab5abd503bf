"""Decides the purges of content that has been deleted or superseded for longer than it is kept."""

from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

import structlog

from api.application.content.purges import Purges, Subject, all_of_deleted
from api.application.session import Session
from domain import errors
from domain.asset.asset import ContentVersion
from domain.asset.retention import superseded_since
from projections.queries.contents import due_for_purge, superseded

_LOG = structlog.get_logger()

MOST_DUE = 100
"""How many assets one call decides on at the most."""
RETENTION = "the retention time is over"
REFUSALS = (errors.AssetNotFoundError, errors.ContentHeldError, errors.ContentInUseError)


@dataclass(frozen=True)
class Retention:
    """One tenant's purges of what is kept no longer. Raises what Purges does."""

    session: Session

    def request_due(self, retention: timedelta, most: int = MOST_DUE) -> int:
        """Decide the purges of assets deleted, and of content superseded, longer ago than the retention time.

        Returns the number of assets. Lists propose them; the log says since when, and nothing live is deleted.
        """
        self.session.database_clock.ask()
        database, tenant_id = self.session.database, self.session.tenant_id
        requested = 0

        def choose(subject: Subject) -> Collection[ContentVersion]:
            return all_of_deleted(subject, before=subject.now - retention)

        for asset_id in due_for_purge(database, tenant_id, retention, most):
            with self._isolated(asset_id):
                requested += Purges(self.session).decide(asset_id, RETENTION, "retention", choose) > 0
        for asset_id in superseded(database, tenant_id, retention, most):
            with self._isolated(asset_id):
                requested += self.request_superseded(asset_id, retention) > 0
        return requested

    def request_superseded(self, asset_id: UUID, retention: timedelta) -> int:
        """Decide the purge of content that newer content replaced longer ago than the retention time.

        Raises AssetNotFoundError, ContentHeldError.
        """

        def choose(subject: Subject) -> Collection[ContentVersion]:
            since, before = superseded_since(subject.history), subject.now - retention
            return subject.asset.superseded([number for number, at in since.items() if at < before])

        return Purges(self.session).decide(asset_id, RETENTION, "superseded", choose)

    @contextmanager
    def _isolated(self, asset_id: UUID) -> Iterator[None]:
        """A failure of one asset is logged and does not stop the next, unless the service is unavailable."""
        try:
            yield
        except (errors.ServiceUnavailableError, errors.ClockApartError):
            raise
        except REFUSALS:
            pass
        except errors.LedgerError as error:
            ids = {"tenant_id": str(self.session.tenant_id), "asset_id": str(asset_id)}
            _LOG.warning("retention not looked after", **ids, reason=str(error))

"""Where one tenant's content is: the store, and the control tables beside the log."""

from dataclasses import dataclass
from uuid import UUID

from api.application.session import Session
from infra.content.purge_table import PurgeTable
from infra.content.store import ContentStore
from infra.content.upload_table import UploadTable, object_key


@dataclass(frozen=True)
class TenantContent:
    """The store and the tables that everything about content works on, on behalf of one caller."""

    session: Session

    @property
    def store(self) -> ContentStore:
        return self.session.store

    @property
    def uploads(self) -> UploadTable:
        """The uploads under way."""
        return UploadTable(self.session.database, self.session.tenant_id)

    def key(self, asset_id: UUID, content_id: UUID) -> str:
        """Where in the store the content is."""
        return object_key(self.session.tenant_id, asset_id, content_id)

    @property
    def queue(self) -> PurgeTable:
        """The purges that were decided and are not carried out yet."""
        return PurgeTable(self.session.database, self.session.tenant_id)

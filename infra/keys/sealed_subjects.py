"""Of whom sealed entries exist, as the log's own database says: nobody of them ever gets a second key."""

from uuid import UUID

from infra.database import Database
from infra.sql import beside

_SQL = beside(__file__, "sealed_subjects.sql")


class SealedSubjects:
    """The control rows of the subjects of one log's database.

    The database must be one that nobody holds a connection of meanwhile: a row is committed before the transaction
    whose entries it is for.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    def has(self, tenant_id: UUID, subject: str) -> bool:
        """Whether entries of the subject may have been sealed."""
        return self._find(tenant_id, subject) is not None

    def claim(self, tenant_id: UUID, subject: str, digest: bytes) -> bool:
        """Whether the key of this digest is the one that seals for the subject; the first one claimed is."""
        row = {"tenant_id": tenant_id, "subject": subject, "key_digest": digest}
        claimed = self._find(tenant_id, subject)
        if claimed is None or claimed[0] is None:
            with self._database.transaction(tenant_id) as connection:
                connection.execute(_SQL["claim"], row)
            claimed = self._find(tenant_id, subject)
        return claimed is not None and claimed[0] == digest

    def _find(self, tenant_id: UUID, subject: str) -> tuple[bytes | None] | None:
        with self._database.transaction(tenant_id) as connection:
            return connection.execute(_SQL["find"], {"tenant_id": tenant_id, "subject": subject}).fetchone()

"""Of whom sealed entries exist, as the log's own database says: nobody of them ever gets a second key."""

from functools import partial
from typing import LiteralString
from uuid import UUID

from domain.errors import KeyUnavailableError, OutcomeUnknownError
from infra.database import Database
from infra.sql import load_statements

_SQL = load_statements(__file__, "sealed_subjects.sql")


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
        """Whether the key of this digest seals for the subject; the first one claimed does. KeyUnavailableError."""
        claimed = self._find(tenant_id, subject)
        if claimed is None or claimed[0] is None:
            add_row(self._database, _SQL["claim"], tenant_id, subject=subject, key_digest=digest)
            claimed = self._find(tenant_id, subject)
        return claimed is not None and claimed[0] == digest

    def _find(self, tenant_id: UUID, subject: str) -> tuple[bytes | None] | None:
        with self._database.reading(tenant_id) as connection:
            return connection.execute(_SQL["find"], {"tenant_id": tenant_id, "subject": subject}).fetchone()


def add_row(database: Database, statement: LiteralString, tenant_id: UUID, **row: object) -> None:
    """Add a row, unless there is one. KeyUnavailableError if the outcome is unknown: nothing is sealed yet."""
    add = partial(database.execute, statement, tenant_id=tenant_id, **row)
    try:
        database.in_transaction(tenant_id, add, repeatable=True)
    except OutcomeUnknownError as error:
        raise KeyUnavailableError from error

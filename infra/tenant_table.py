"""The base of the control tables: named statements that see the rows of one tenant."""

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, LiteralString
from uuid import UUID

from infra.database import Database

Rows = Sequence[tuple[Any, ...]]


class TenantTable:
    """One tenant's rows of some tables. A subclass gives its statements by name."""

    statements: ClassVar[Mapping[str, LiteralString]]

    def __init__(self, database: Database, tenant_id: UUID) -> None:
        self._database = database
        self.tenant_id = tenant_id

    def _read(self, statement: str, **parameters: object) -> Rows:
        """The rows of a statement that changes nothing. Raises what `Database.reading` does."""
        with self._database.reading(self.tenant_id):
            return self._database.execute(self.statements[statement], **{"tenant_id": self.tenant_id} | parameters)

    def _run(self, statement: str, **parameters: object) -> Rows:
        """The rows that a change returns, none if it returns none. Raises what `Database.transaction` does."""
        with self._database.transaction(self.tenant_id):
            return self._database.execute(self.statements[statement], **{"tenant_id": self.tenant_id} | parameters)

    def _run_repeatable(self, statement: str, **parameters: object) -> Rows:
        """The rows of a change that makes no difference when it is made twice, so a lost connection does not matter."""
        return self._database.in_transaction(
            self.tenant_id, lambda: self._run(statement, **parameters), repeatable=True
        )

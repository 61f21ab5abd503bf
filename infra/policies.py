"""The control tables of policies: what the tenant lets in, and which references it has declared."""

from collections.abc import Iterable, Sequence
from typing import Any
from uuid import UUID

from psycopg.types.json import Jsonb

from domain.reference import Reference
from domain.tenant.events import PolicySet, ReferenceDeclared
from domain.tenant.policy import NO_POLICY, Policy
from infra.database import Database
from infra.sql import beside

_SQL = beside(__file__, "policies.sql")


class PolicyTables:
    """One tenant's rows. A change belongs into the transaction that appends its event, before the append."""

    def __init__(self, database: Database, tenant_id: UUID) -> None:
        self._database = database
        self._tenant_id = tenant_id

    def current(self) -> tuple[Policy, int]:
        """The policy and its revision; the empty one and 0 if none was set."""
        rows = self._read("current")
        return (Policy.model_validate(rows[0][0]), rows[0][1]) if rows else (NO_POLICY, 0)

    def set(self, event: PolicySet) -> None:
        """Let the policy be what the event says. Waits for whoever else is setting it."""
        policy = Policy.of(event).model_dump(mode="json")
        self._run("set", policy=Jsonb(policy), revision=event.originator_version)

    def declared(self, references: Iterable[Reference]) -> dict[Reference, Reference | None]:
        """Those of the references that are declared, with their scopes."""
        asked = list(references)
        rows = self._read("declared", kinds=[r.kind for r in asked], ids=[r.id for r in asked])
        return {Reference(kind=kind, id=id_): scope and Reference.parse(scope) for kind, id_, scope in rows}

    def declare(self, events: Sequence[ReferenceDeclared]) -> None:
        """Let the references be declared. Waits for whoever else is declaring them."""
        self._run(
            "declare",
            kinds=[event.kind for event in events],
            ids=[event.id for event in events],
            scopes=[event.scope and str(event.scope) for event in events],
        )

    def _read(self, statement: str, **parameters: object) -> Sequence[tuple[Any, ...]]:
        with self._database.reading(self._tenant_id) as connection:
            return connection.execute(_SQL[statement], {"tenant_id": self._tenant_id, **parameters}).fetchall()

    def _run(self, statement: str, **parameters: object) -> Sequence[tuple[Any, ...]]:
        with self._database.transaction(self._tenant_id) as connection:
            cursor = connection.execute(_SQL[statement], {"tenant_id": self._tenant_id, **parameters})
            return cursor.fetchall() if cursor.description else []

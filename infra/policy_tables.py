"""The control tables of policies: what the tenant lets in, and which references it has declared."""

from collections.abc import Iterable, Sequence

from psycopg.types.json import Jsonb

from domain.reference import Reference
from domain.tenant.events import PolicySet, ReferenceDeclared
from domain.tenant.policy import NO_POLICY, Policy
from infra.sql import load_statements
from infra.tenant_table import TenantTable


class PolicyTables(TenantTable):
    """One tenant's rows. A change belongs into the transaction that appends its event, before the append."""

    statements = load_statements(__file__, "policy_tables.sql")

    def current(self) -> tuple[Policy, int]:
        """The policy and its revision; the empty one and 0 if none was set."""
        rows = self._read("current")
        return (Policy.model_validate(rows[0][0]), rows[0][1]) if rows else (NO_POLICY, 0)

    def set(self, event: PolicySet) -> None:
        """Set the policy that the event states. Waits for other transactions that set it."""
        self._run("set", policy=Jsonb(Policy.of(event).model_dump(mode="json")), revision=event.originator_version)

    def declared(self, references: Iterable[Reference]) -> dict[Reference, Reference | None]:
        """Those of the references that are declared, with their scopes."""
        listed = list(references)
        rows = self._read("declared", kinds=[r.kind for r in listed], ids=[r.id for r in listed])
        return {Reference(kind=kind, id=id_): scope and Reference.parse(scope) for kind, id_, scope in rows}

    def declare(self, events: Sequence[ReferenceDeclared]) -> None:
        """Add the declared references. Waits for other transactions that declare the same ones."""
        self._run(
            "declare",
            kinds=[event.kind for event in events],
            ids=[event.id for event in events],
            scopes=[event.scope and str(event.scope) for event in events],
        )

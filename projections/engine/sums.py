"""Sums of rows: a batch adds its own to them, and a log whose slices are folded gets them from all its rows."""

from itertools import islice
from typing import Any
from uuid import UUID

from infra.connections import OWNER, Connection
from infra.sql import literal, load_statements
from projections import sql_composition
from projections.engine.row_buffer import RowBuffer, RowsRefusedError, refusals
from projections.projection import Projection, Sums, apply

_SQL = load_statements(__file__, "sums.sql")
_ROWS_AT_ONCE = 10_000


def add_to_sums(rows: RowBuffer, sums: Sums) -> None:
    """Add what the batch's new rows add to their sums. RowsRefusedError if they cannot be added."""
    try:
        additions = sums.additions(row for before, row in rows.changes() if before is None)
    except Exception as error:  # whatever the code of a projection raises, some event of the batch is the cause
        raise RowsRefusedError(str(error)) from error
    rows.load(additions.keys())
    try:
        apply(rows, sums.add(rows, additions))
    except Exception as error:  # as above
        raise RowsRefusedError(str(error)) from error


def write_sums(connection: Connection, projection: Projection[Any], tenant_id: UUID) -> None:
    """Write the rows of a tenant that slices have left out, if there are any. RowsRefusedError."""
    if projection.sums is None:
        return
    statement = load_statements(str(projection.folder / "sums.sql"), "sums.sql")["sums"]
    named = literal(statement.replace("{table}", f"read_models.{projection.table.name}"))
    parameters = {"tenant_id": tenant_id, **projection.sums.parameters()}
    connection.execute(_SQL["settings"])
    with refusals(), connection.patient(OWNER.answer), connection.cursor("sums", binary=True) as parts:
        parts.itersize = _ROWS_AT_ONCE
        rows = iter(projection.sums.rows(tenant_id, parts.execute(named, parameters)))
        while some := list(islice(rows, _ROWS_AT_ONCE)):
            with connection.cursor().copy(sql_composition.copy_in(projection.table)) as copy:
                for block in projection.table.lines.blocks(some):
                    copy.write(block)

"""The only place where SQL is put together: from identifiers of our own and fragments of our own, never from text."""

from collections.abc import Iterable, Sequence
from typing import Any, LiteralString

from psycopg import sql

from infra.sql import literal
from projections.projection import Table


def load(table: Table[Any]) -> sql.Composed:
    """Selects rows by key; its parameters are one array per column of the key."""
    return sql.SQL("SELECT {columns} FROM {keys} JOIN {table} AS t USING ({key})").format(
        columns=_names(table.columns), keys=_keys(table), table=_table(table), key=_names(table.key)
    )


def every_row(table: Table[Any], columns: Iterable[str], order: Iterable[str]) -> sql.Composed:
    """Selects some columns of every row, of all tenants."""
    return sql.SQL("SELECT {} FROM {} ORDER BY {}").format(_names(columns), _table(table), _names(order))


def delete(table: Table[Any]) -> sql.Composed:
    """Deletes rows by key; its parameters are one array per column of the key."""
    same = sql.SQL(" AND ").join(sql.SQL("t.{0} = keys.{0}").format(sql.Identifier(c)) for c in table.key)
    return sql.SQL("DELETE FROM {} AS t USING {} WHERE {}").format(_table(table), _keys(table), same)


def delete_tenant(table: Table[Any]) -> sql.Composed:
    """Deletes every row of the tenant that the parameter `tenant_id` names."""
    return sql.SQL("DELETE FROM {} WHERE tenant_id = %(tenant_id)s").format(_table(table))


def copy_in(table: Table[Any]) -> sql.Composed:
    """Copies whole rows in."""
    return sql.SQL("COPY {} ({}) FROM STDIN").format(_table(table), _names(table.columns))


def drop(table_name: str) -> sql.Composed:
    """Drops the table, that of its facets and the views over them, if they are there."""
    views = [sql.Identifier("queries", f"{table_name}{suffix}") for suffix in ("", "_history", "_facets")]
    tables = [sql.Identifier("read_models", f"{table_name}{suffix}") for suffix in ("", "_facets")]
    return sql.SQL("DROP VIEW IF EXISTS {}; DROP TABLE IF EXISTS {}").format(*map(sql.SQL(", ").join, (views, tables)))


def analyze(table: Table[Any]) -> sql.Composed:
    """Tells the planner what the table holds."""
    return sql.SQL("ANALYZE {}").format(_table(table))


def vacuum(table: Table[Any]) -> sql.Composed:
    """Tells indexes which pages hold nothing but rows that everyone sees; not in a transaction."""
    return sql.SQL("VACUUM {}").format(_table(table))


def fragment(text: LiteralString) -> sql.SQL:
    """A condition from a `.sql` file."""
    return sql.SQL(text)


def numbered(text: LiteralString, number: int, names: Sequence[str]) -> sql.Composed:
    """A condition that occurs several times, its parameters `{name}` numbered apart."""
    return sql.SQL(text).format(**{name: sql.Placeholder(f"{name}_{number}") for name in names})


def filtered(statement: LiteralString, conditions: Sequence[sql.Composable], order: LiteralString) -> sql.Composed:
    """A select with all the conditions, in an order, limited by the parameter `limit`."""
    return sql.SQL("{} {} LIMIT %(limit)s").format(conditioned(statement, conditions), sql.SQL(order))


def conditioned(statement: LiteralString, conditions: Sequence[sql.Composable]) -> sql.Composed:
    """A select with all the conditions."""
    where = sql.SQL(" AND ").join(conditions) if conditions else sql.SQL("true")
    return sql.SQL("{} WHERE {}").format(sql.SQL(statement), where)


def named(text: LiteralString, **names: str) -> sql.Composed:
    """A fragment with identifiers of ours in it."""
    return sql.SQL(text).format(**{place: sql.Identifier(name) for place, name in names.items()})


def joined(separator: LiteralString, parts: Sequence[sql.Composable]) -> sql.Composed:
    """The parts one after the other."""
    return sql.SQL(separator).join(parts)


def composed(text: LiteralString, **parts: sql.Composable) -> sql.Composed:
    """A statement with parts in it, `{name}` each."""
    return sql.SQL(text).format(**parts)


def _table(table: Table[Any]) -> sql.Identifier:
    return sql.Identifier("read_models", table.name)


def _keys(table: Table[Any]) -> sql.Composed:
    """The keys to look for, from one array for each column."""
    arrays = sql.SQL(", ").join(sql.SQL("%s::{}[]").format(sql.SQL(literal(kind))) for kind in table.key.values())
    return sql.SQL("unnest({}) AS keys ({})").format(arrays, _names(table.key))


def _names(columns: Iterable[str]) -> sql.Composed:
    return sql.SQL(", ").join(map(sql.Identifier, columns))

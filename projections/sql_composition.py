"""The only place where SQL is put together: from identifiers of our own and fragments of our own, never from text."""

import re
from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from typing import Any, LiteralString

from psycopg import sql

from infra.sql import literal
from projections.projection import Table


@cache  # each batch asks for it, and putting it together takes longer than sending it
def load(table: Table[Any]) -> bytes:
    """Selects rows by key; its parameters are one array per column of the key."""
    return (
        sql.SQL("SELECT {columns} FROM {keys} JOIN {table} AS t USING ({key})")
        .format(columns=_names(table.columns), keys=_keys(table), table=_table(table), key=_names(table.key))
        .as_bytes()
    )


@cache
def delete(table: Table[Any]) -> bytes:
    """Deletes rows by key; its parameters are one array per column of the key."""
    same = sql.SQL(" AND ").join(sql.SQL("t.{0} = keys.{0}").format(sql.Identifier(c)) for c in table.key)
    return sql.SQL("DELETE FROM {} AS t USING {} WHERE {}").format(_table(table), _keys(table), same).as_bytes()


def delete_tenant(table: Table[Any]) -> sql.Composed:
    """Deletes every row of the tenant that the parameter `tenant_id` names."""
    return sql.SQL("DELETE FROM {} WHERE tenant_id = %(tenant_id)s").format(_table(table))


@cache
def copy_in(table: Table[Any]) -> bytes:
    """Copies whole rows in."""
    return sql.SQL("COPY {} ({}) FROM STDIN").format(_table(table), _names(table.columns)).as_bytes()


def drop(table_name: str) -> sql.Composed:
    """Drops the table, those of its facets and the views over them, if they are there."""
    beside = ("", "_facets", "_places")
    views = [sql.Identifier("queries", f"{table_name}{suffix}") for suffix in (*beside, "_history")]
    tables = [sql.Identifier("read_models", f"{table_name}{suffix}") for suffix in beside]
    return sql.SQL("DROP VIEW IF EXISTS {}; DROP TABLE IF EXISTS {}").format(*map(sql.SQL(", ").join, (views, tables)))


def analyze(table: Table[Any]) -> sql.Composed:
    """Tells the planner what the table holds."""
    return sql.SQL("ANALYZE {}").format(_table(table))


def vacuum(table: Table[Any]) -> sql.Composed:
    """Tells indexes which pages hold nothing but rows that everyone sees; not in a transaction."""
    return sql.SQL("VACUUM {}").format(_table(table))


def bucket_sums(table: Table[Any], columns: Sequence[str]) -> sql.Composed:
    """Of the rows of `tenant_id`, by bucket of their keys: the number, and the sums of the halves of their digests."""
    return sql.SQL(
        "SELECT bucket, count(*), sum(('x' || left(digest, 16))::bit(64)::bigint),"
        " sum(('x' || right(digest, 16))::bit(64)::bigint) FROM ("
        "SELECT {bucket} AS bucket, md5(ROW({columns})::text) AS digest FROM {table} AS t"
        " WHERE tenant_id = %(tenant_id)s) AS digests GROUP BY bucket"
    ).format(bucket=_bucket(table), columns=_names(columns), table=_table(table))


def differing_rows(old: Table[Any], new: Table[Any], columns: Sequence[str]) -> sql.Composed:
    """Of the rows of `tenant_id` in some `buckets`, those that differ in the columns, as they are in both tables.

    At most `limit` of them, each with the number of all. A row that one table lacks is null there; with `in_both`,
    such rows are left out.
    """
    return sql.SQL(
        "SELECT o.document, n.document, count(*) OVER () FROM ({old}) AS o FULL JOIN ({new}) AS n USING ({key})"
        " WHERE o.compared IS DISTINCT FROM n.compared"
        " AND (NOT %(in_both)s OR o.compared IS NOT NULL AND n.compared IS NOT NULL)"
        " ORDER BY {key} LIMIT %(limit)s"
    ).format(old=_documents(old, columns), new=_documents(new, columns), key=_names(old.key))


def fragment(text: LiteralString) -> sql.SQL:
    """A condition from a `.sql` file."""
    return sql.SQL(text)


def numbered(text: LiteralString, number: int, names: Sequence[str]) -> sql.Composed:
    """A condition that occurs several times, its parameters `{name}` numbered apart."""
    return sql.SQL(text).format(**{name: sql.Placeholder(f"{name}_{number}") for name in names})


def filtered(statement: LiteralString, conditions: Sequence[sql.Composable], order: LiteralString) -> sql.Composed:
    """A select with all the conditions, in an order, limited by the parameter `limit`."""
    return sql.SQL("{} {} LIMIT %(limit)s").format(conditioned(statement, conditions), sql.SQL(order))


def ordered(statement: LiteralString, order: LiteralString) -> sql.Composed:
    """A select in an order, limited by the parameter `limit`."""
    return sql.SQL("{} {} LIMIT %(limit)s").format(sql.SQL(statement), sql.SQL(order))


def shown(columns: LiteralString, page: sql.Composable, order: LiteralString) -> sql.Composed:
    """What is shown of the rows of a page, in its order: nothing is computed for rows that only come into its sorting.

    A subquery would copy what is needed out of each of those; rows of a `WITH` stay whole.
    """
    return sql.SQL("WITH page AS MATERIALIZED ({}) SELECT {} FROM page {}").format(
        page, sql.SQL(columns), sql.SQL(order)
    )


def with_tables_of(statement: sql.Composed | LiteralString, tables: Mapping[str, str]) -> sql.Composed | LiteralString:
    """The statement with some names of tables, and of the views that begin with them, replaced by other builds'."""
    if not tables:
        return statement
    text = statement if isinstance(statement, str) else statement.as_string()
    names = re.compile(rf"\b({'|'.join(map(re.escape, tables))})(?![0-9A-Za-z])")
    return literal(names.sub(lambda name: tables[name[0]], text))


def conditioned(statement: LiteralString, conditions: Sequence[sql.Composable]) -> sql.Composed:
    """A select with all the conditions."""
    where = sql.SQL(" AND ").join(conditions) if conditions else sql.SQL("true")
    return sql.SQL("{} WHERE {}").format(sql.SQL(statement), where)


def named(text: LiteralString, **names: str) -> sql.Composed:
    """A fragment with identifiers of ours in it."""
    return sql.SQL(text).format(**{place: sql.Identifier(name) for place, name in names.items()})


def constant(text: str) -> sql.Literal:
    """A text of ours as a constant."""
    return sql.Literal(text)


def joined(separator: LiteralString, parts: Sequence[sql.Composable]) -> sql.Composed:
    """The parts one after the other."""
    return sql.SQL(separator).join(parts)


def composed(text: LiteralString, **parts: sql.Composable) -> sql.Composed:
    """A statement with parts in it, `{name}` each."""
    return sql.SQL(text).format(**parts)


def _table(table: Table[Any]) -> sql.Identifier:
    return sql.Identifier("read_models", table.name)


def _documents(table: Table[Any], columns: Sequence[str]) -> sql.Composed:
    return sql.SQL(
        "SELECT {key}, to_jsonb(t) AS document, ROW({columns})::text AS compared FROM {table} AS t"
        " WHERE tenant_id = %(tenant_id)s AND {bucket} = ANY (%(buckets)s)"
    ).format(key=_names(table.key), columns=_names(columns), table=_table(table), bucket=_bucket(table))


def _bucket(table: Table[Any]) -> sql.Composed:
    """One of 256 numbers that a row's key decides."""
    return sql.SQL("(hashtext(ROW({})::text) & 255)").format(_names(table.key))


def _keys(table: Table[Any]) -> sql.Composed:
    """The keys to look for, from one array for each column."""
    arrays = sql.SQL(", ").join(sql.SQL("%s::{}[]").format(sql.SQL(literal(kind))) for kind in table.key.values())
    return sql.SQL("unnest({}) AS keys ({})").format(arrays, _names(table.key))


def _names(columns: Iterable[str]) -> sql.Composed:
    return sql.SQL(", ").join(map(sql.Identifier, columns))

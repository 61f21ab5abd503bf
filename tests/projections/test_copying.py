"""Whatever a row holds is in the table as it was, once it is copied in."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from typing import Any, NamedTuple
from uuid import UUID

import orjson
import psycopg
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from infra.embedded_postgres.cluster import EmbeddedCluster
from projections.engine.copy_format import Lines
from tests.domain import strategies as some

texts = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x00")) | st.sampled_from(
    ["\\N", "\\.", "\\", "\t", "\n", "\r", "\r\n", '"', "{}", "NULL", "a\\tb", "", "\x1f\x7f\u2028", "{a,b}"]
)
zones = st.sampled_from([UTC, timezone(timedelta(hours=5, minutes=45))])


class Copied(NamedTuple):
    """A row with a column of every kind."""

    a: str | None
    b: list[str]
    c: dict[str, Any] | None
    d: int
    e: UUID | None
    f: datetime | None
    g: bool | None
    h: float
    i: Decimal
    j: bytes


rows = st.builds(
    Copied,
    st.none() | texts,
    st.lists(texts),
    st.none() | some.documents,
    st.integers(-(2**63), 2**63 - 1),
    st.none() | st.uuids(),
    st.none() | st.datetimes(datetime(1, 1, 2), datetime(9999, 12, 30), timezones=zones),  # noqa: DTZ001
    st.none() | st.booleans(),
    st.floats(allow_nan=False),
    st.decimals(allow_nan=False, allow_infinity=False, places=4),
    st.binary(),
)
TABLE = """CREATE TEMP TABLE copied (ordinal serial, a text, b text[], c json, d bigint, e uuid, f timestamptz,
    g boolean, h float8, i numeric, j bytea)"""


@pytest.fixture(scope="module")
def connection(cluster: EmbeddedCluster) -> Iterator[psycopg.Connection]:
    """A connection with an empty table, which every transaction leaves empty."""
    with psycopg.connect(cluster.conninfo("postgres"), autocommit=True) as connection:
        connection.execute(TABLE)
        connection.execute("SET TimeZone = 'UTC'")
        yield connection


@settings(max_examples=100)
@given(st.lists(rows, max_size=8))
def test_what_is_copied_in_reads_back_as_it_was(connection: psycopg.Connection, given_rows: list[Copied]) -> None:
    with connection.transaction(force_rollback=True):
        with connection.cursor().copy("COPY copied (a, b, c, d, e, f, g, h, i, j) FROM STDIN") as copy:
            for block in Lines(Copied, json={"c"}).blocks(given_rows):
                copy.write(block)
        query = "SELECT a, b, c::text, d, e, f, g, h, i, j FROM copied ORDER BY ordinal"
        copied = connection.cursor(binary=True).execute(query).fetchall()
    assert [(*row[:2], row[2] and orjson.loads(row[2]), *row[3:]) for row in copied] == given_rows


class Odd(NamedTuple):
    """A row that may hold anything."""

    value: Any = ""
    other: str = ""


@pytest.mark.parametrize("row", [Odd(value=object()), Odd(other=17)])  # type: ignore[arg-type]
def test_a_value_that_no_column_holds_is_refused(row: Odd) -> None:
    with pytest.raises(TypeError, match=r"object|int"):
        list(Lines(Odd).blocks([row]))

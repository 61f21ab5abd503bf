"""The ledger under faults: connections cut, processes killed, the database stopped and crashed, heads held."""

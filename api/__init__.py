"""The ledger over HTTP and on the command line."""

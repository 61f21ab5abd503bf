"""The ledger, asked by HTTP."""

"""`asset-ledger demo`: a story told over HTTP."""

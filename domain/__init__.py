"""The ledger without a database: facts, the rules that allow them, and what they fold into."""

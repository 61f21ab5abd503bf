"""What the ledger does, whoever asks. Knows no HTTP and no console."""

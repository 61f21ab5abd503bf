"""What `make bench` runs: the ledger and its peers, measured in turns on one machine."""

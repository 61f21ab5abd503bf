"""What importers' items become: assets, jobs and outcomes."""

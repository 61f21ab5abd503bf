"""The `statistics` read model: sums of assets, bytes, jobs, durations and cost, by what they are grouped by."""

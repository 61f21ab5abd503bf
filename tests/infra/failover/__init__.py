"""Failover drills on pairs of real servers."""

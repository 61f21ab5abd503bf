"""What happens by the clock: leases that run out, content that is to be removed, clocks compared."""

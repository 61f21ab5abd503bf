"""Rude load: callers that leave, stall and lie beside polite ones; the service must stay flat and tell the truth."""

"""Tests of the content stores."""

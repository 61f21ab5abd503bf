"""Tests of content over HTTP, on each of the two stores."""

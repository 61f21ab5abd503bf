"""Tests of content without HTTP, on each of the two stores."""

"""The makers of the sample media, one module per medium."""

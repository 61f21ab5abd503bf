"""Readers of what lies elsewhere. They say what there is to import, one thing at a time; they import nothing."""

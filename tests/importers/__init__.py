"""Each importer reads real files and databases."""

"""What has been stored once must be readable for ever: a golden file per topic and schema version."""

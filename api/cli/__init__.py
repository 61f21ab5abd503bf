"""The command line: run and operate the service."""

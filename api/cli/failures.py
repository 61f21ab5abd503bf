"""Errors of commands that people are expected to meet: one line each, and an exit status."""

from api.cli.output import complain
from api.http.server import ServingError
from domain.errors import LedgerError, OutcomeUnknownError
from infra.embedded_postgres.account import EmbeddedPostgresError
from infra.encryption_keys.key_file import KeyFileError
from infra.migrations import MigrationError
from infra.settings import SettingsError

EXPECTED = (LedgerError, SettingsError, ServingError, EmbeddedPostgresError, KeyFileError, MigrationError)
OUTCOME_UNKNOWN = 3


def complain_of(error: Exception) -> int | None:
    """Print an expected error, and return the exit status; None for any other error."""
    if not isinstance(error, EXPECTED):
        return None
    complain(str(error))
    return OUTCOME_UNKNOWN if isinstance(error, OutcomeUnknownError) else 1

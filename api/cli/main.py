"""`asset-ledger`: every command in one place, and errors in one line."""

import sys

import typer

from api import logs
from api.cli import content, demo, keys, projections, replay, serve, tenants
from api.cli.output import complain
from api.serving import ServingError
from domain.errors import LedgerError, OutcomeUnknownError
from infra.embedded import EmbeddedPostgresError
from infra.keys.key_file import KeyFileError
from infra.migrations import MigrationError
from infra.settings import SettingsError

EXPECTED = (
    LedgerError,
    SettingsError,
    ServingError,
    EmbeddedPostgresError,
    KeyFileError,
    MigrationError,
)

OUTCOME_UNKNOWN = 3

app = typer.Typer(
    name="asset-ledger",
    help="The Asset Ledger: who, what and which job made each asset, and what happened to it since.",
    epilog="Settings come from the environment: see docs/reference/settings.md. Without any, the ledger runs on a "
    "PostgreSQL of its own. Start with `asset-ledger demo`. Exit status: 0 done, 1 not done, 2 misused, 3 nobody knows "
    "whether it was recorded (look before you repeat it).",
    no_args_is_help=True,
    rich_markup_mode="markdown",
    pretty_exceptions_enable=False,
)
app.command()(serve.serve)
app.command()(demo.demo)
app.command()(serve.migrate)
app.command()(replay.replay)
app.add_typer(tenants.app, name="tenant")
app.add_typer(keys.app, name="key")
app.add_typer(projections.app, name="projections")
app.add_typer(content.app, name="content")


def main() -> None:
    """Run the command line; expected errors end in one line and exit status 1, or 3 when the outcome is unknown."""
    logs.configure()
    try:
        app()
    except EXPECTED as error:
        complain(str(error))
        sys.exit(OUTCOME_UNKNOWN if isinstance(error, OutcomeUnknownError) else 1)

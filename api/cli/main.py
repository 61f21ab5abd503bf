"""`asset-ledger`: every command in one place, and errors in one line."""

import sys
from typing import Any

import typer
from typer.core import TyperGroup

from api.cli.lazy_commands import LazyCommand

COMMANDS = (
    LazyCommand("serve", "api.cli.serve", "serve"),
    LazyCommand("demo", "api.cli.demo.command", "demo"),
    LazyCommand("migrate", "api.cli.serve", "migrate"),
    LazyCommand("replay", "api.cli.replay", "replay"),
    LazyCommand("tenant", "api.cli.tenants"),
    LazyCommand("key", "api.cli.keys"),
    LazyCommand("projections", "api.cli.projections"),
    LazyCommand("content", "api.cli.content"),
)
"""In the order in which help lists them."""


class Commands(TyperGroup):
    """The group of all commands."""

    def __init__(self, **options: Any) -> None:  # noqa: ANN401 - typer's own
        super().__init__(**options)
        self.commands: Any = {command.name: command for command in COMMANDS}


app = typer.Typer(
    name="asset-ledger",
    cls=Commands,
    help="The Asset Ledger: who, what and which job made each asset, and what happened to it since.",
    epilog="Settings come from the environment: see docs/reference/settings.md. Without any, the ledger runs on a "
    "PostgreSQL of its own. Start with `asset-ledger demo`. Exit status: 0 done, 1 not done, 2 wrong usage, 3 outcome "
    "unknown (look before you repeat the command).",
    no_args_is_help=True,
    rich_markup_mode="markdown",
    pretty_exceptions_enable=False,
)


@app.callback()
def configure() -> None:
    """Prepare what every command needs."""
    from api.cli import logging_setup  # noqa: PLC0415 - `--help` needs no logging

    logging_setup.configure()


def main() -> None:
    """Run the command line; expected errors end in one line and exit status 1, or 3 when the outcome is unknown."""
    try:
        app()
    except Exception as error:
        from api.cli.failures import complain_of  # noqa: PLC0415 - `--help` needs no module that can fail

        status = complain_of(error)
        if status is None:
            raise
        sys.exit(status)

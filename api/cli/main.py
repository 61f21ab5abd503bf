"""`asset-ledger`: every command in one place, and errors in one line.

Commands are imported when they are used: help and completion need neither the databases' nor HTTP's modules.
"""

import ast
import sys
from functools import cached_property
from importlib import import_module
from importlib.util import find_spec
from typing import Any

import typer
from typer.core import TyperGroup


class LazyCommand:
    """A command by its module and function, or a group of commands by its module, whose `app` it is.

    Its summary is the first paragraph of the docstring of the function or module, read without an import. Every other
    attribute is that of the command itself, imported on first use.
    """

    rich_help_panel = None
    hidden = deprecated = False

    def __init__(self, name: str, module: str, function: str | None = None) -> None:
        self.name = name
        self._module = module
        self._function = function

    @cached_property
    def short_help(self) -> str:
        """The summary, as the list of commands shows it."""
        docstring = ast.get_docstring(self._definition()) or ""
        return " ".join(docstring.partition("\n\n")[0].split())

    def __getattr__(self, attribute: str) -> Any:  # noqa: ANN401 - typer's own click has no public types
        return getattr(self._command, attribute)

    def _definition(self) -> ast.Module | ast.FunctionDef:
        spec: Any = find_spec(self._module)
        module = ast.parse(spec.loader.get_source(self._module))
        functions = (node for node in module.body if isinstance(node, ast.FunctionDef))
        return next((function for function in functions if function.name == self._function), module)

    @cached_property
    def _command(self) -> Any:  # noqa: ANN401 - typer's own click has no public types
        module: Any = import_module(self._module)
        parent = typer.Typer(rich_markup_mode="markdown", pretty_exceptions_enable=False)
        parent.callback()(lambda: None)
        if self._function is None:
            parent.add_typer(module.app, name=self.name)
        else:
            parent.command(self.name)(getattr(module, self._function))
        group: Any = typer.main.get_command(parent)
        return group.commands[self.name]


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

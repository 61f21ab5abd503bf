"""Commands that are imported when they are used: help and completion need neither the databases' nor HTTP's modules."""

from functools import cached_property
from importlib import import_module
from typing import Any

import typer


class LazyCommand:
    """A command, or a group of them, by the module and the name of its function or typer.Typer.

    Its summary is known without an import. Every other attribute is that of the command itself, imported on first use.
    """

    rich_help_panel = None
    hidden = deprecated = False

    def __init__(self, name: str, module: str, attribute: str, summary: str) -> None:
        self.name = name
        self.short_help = summary
        self._module = module
        self._attribute = attribute

    def __getattr__(self, attribute: str) -> Any:  # noqa: ANN401 - typer's own click has no public types
        return getattr(self._command, attribute)

    @cached_property
    def _command(self) -> Any:  # noqa: ANN401 - typer's own click has no public types
        command = getattr(import_module(self._module), self._attribute)
        parent = typer.Typer(rich_markup_mode="markdown", pretty_exceptions_enable=False)
        parent.callback()(lambda: None)
        if isinstance(command, typer.Typer):
            parent.add_typer(command, name=self.name)
        else:
            parent.command(self.name)(command)
        group: Any = typer.main.get_command(parent)
        return group.commands[self.name]

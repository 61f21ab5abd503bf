"""Commands that are imported when they are used: help and completion need neither the databases' nor HTTP's modules."""

import ast
from functools import cached_property
from importlib import import_module
from importlib.util import find_spec
from typing import Any

import typer


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
        """The source of the command's function, or of the group's module."""
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

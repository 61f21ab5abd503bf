"""`content import`: import media from a folder, from nodetool's database, or from a file of JSON lines."""

from collections import Counter
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Annotated, Literal

import typer
from rich.console import Console
from rich.filesize import decimal
from rich.progress import BarColumn, MofNCompleteColumn, Progress, ProgressColumn, Task, TextColumn, TimeRemainingColumn
from rich.text import Text

from api.application.content.intake import Intake
from api.application.imports.importer import Importer, SourceItem
from api.application.imports.items import SourceUnreadableError, one_line
from api.cli.context import ReasonOption, TenantOption, opened, operated, tenant_or_only
from api.cli.output import console, say
from api.importers import folder, jsonl, nodetool
from infra.regular_files import open_regular

Kind = Literal["folder", "nodetool", "jsonl"]
ALWAYS = {"imported": "imported", "known": "known already", "refused": "refused"}
RARE = {"unfinished": "not over yet", "differs": "different now"}
LISTED = {"refused": "refused"} | RARE
SQLITE = b"SQLite format 3\x00"


class BytesRead(ProgressColumn):
    """The number of bytes read so far; it moves while a large file holds up the count of items."""

    def __init__(self, importing: Importer) -> None:
        super().__init__()
        self._importing = importing

    def render(self, task: Task) -> Text:  # noqa: ARG002 - rich's signature
        return Text(f"{decimal(self._importing.bytes_read)} read")


def import_(
    path: Annotated[
        Path, typer.Argument(help="A folder of media, nodetool's SQLite database, or a file of JSON lines.")
    ],
    files: Annotated[
        Path | None, typer.Option(help="The folder of the files that a database or a file of JSON lines names.")
    ] = None,
    source: Annotated[
        str | None,
        typer.Option(help="A name that tells sources with the same paths apart. Default: folder, nodetool or jsonl."),
    ] = None,
    currency: Annotated[
        str, typer.Option(help="The currency of the costs of nodetool's jobs (ISO 4217).", metavar="CODE")
    ] = "USD",
    tenant: TenantOption = None,
    reason: ReasonOption = None,
) -> None:
    """Import existing media with its bytes and what its source knows about it.

    Run it as often as you like: a file with the same path and the same bytes is imported once, so an interrupted import
    can be repeated. The times at the source are kept beside the time of recording. Items that cannot be imported are
    listed with the reason, and the command exits with 1; all other items are imported.
    """
    kind = kind_of(path)
    if len(currency) != 3 or not currency.isascii() or not currency.isupper():
        raise typer.BadParameter("an ISO 4217 code has three capital letters, such as USD", param_hint="--currency")
    read = _reader(kind, path, files)
    with opened() as services:
        services.store.check()
        intake = Intake(operated(services, tenant_or_only(services, tenant)), services.rules)
        importing = Importer(intake, source or kind, currency, reason)
        listed = run_import(importing, read, console())
    if listed:
        raise typer.Exit(1)


def run_import(importing: Importer, read: Callable[[], Iterator[SourceItem]], on: Console) -> int:
    """Import with a progress bar, list refused items, and sum up; returns the number of listed items."""
    counted: Counter[str] = Counter()
    listed = 0
    columns = (TextColumn("{task.description}", markup=False), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, BytesRead(importing), console=on, disable=not on.is_terminal) as bar:
        task = bar.add_task("importing", total=sum(1 for _ in read()) if on.is_terminal else None)
        for outcome in importing.run(read()):
            counted[outcome.what] += 1
            bar.advance(task)
            if outcome.reason:
                listed += outcome.what != "unfinished"
                say(f"{LISTED.get(outcome.what, 'in part')}  {one_line(outcome.place)}: {outcome.reason}", on)
    say(_sum(counted), on)
    return listed


def _sum(counted: Counter[str]) -> str:
    """The number of items of each outcome; rare outcomes are left out where there are none."""
    if not counted:
        return "nothing found"
    always = [f"{counted[what]:,} {label}" for what, label in ALWAYS.items()]
    return ", ".join(always + [f"{counted[what]:,} {label}" for what, label in RARE.items() if counted[what]])


def kind_of(path: Path) -> Kind:
    """The kind of source at a path. Raises SourceUnreadableError if it is none of them."""
    if path.is_dir():
        return "folder"
    try:
        with open_regular(path) as file:
            if file.read(len(SQLITE)) == SQLITE:
                return "nodetool"
        if jsonl.is_one(path):
            return "jsonl"
    except OSError as error:
        raise SourceUnreadableError(f"{path} cannot be read: {error.strerror}.") from error
    raise SourceUnreadableError(f"{path} is neither a folder, nor an SQLite database, nor a file of JSON lines.")


def _reader(kind: Kind, path: Path, files: Path | None) -> Callable[[], Iterator[SourceItem]]:
    if kind == "folder":
        if files is not None:
            raise typer.BadParameter("a folder has its content in itself", param_hint="--files")
        return partial(folder.read, path)
    return partial(nodetool.read if kind == "nodetool" else jsonl.read, path, files)

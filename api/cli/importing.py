"""`content import`: bring in what lies in a folder, in nodetool's database, or in a file of JSON lines."""

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

import typer
from rich.console import Console
from rich.filesize import decimal
from rich.progress import BarColumn, MofNCompleteColumn, Progress, ProgressColumn, Task, TextColumn, TimeRemainingColumn
from rich.text import Text

from api.cli.opening import ReasonOption, TenantOption, opened, operated, tenant_or_only
from api.cli.output import console, say
from api.contents import Contents
from api.importers import folder, jsonl, nodetool
from api.importers.items import SourceUnreadableError, one_line
from api.importers.outcomes import Outcome
from api.importing import Found, Importing
from api.ledger import Ledger
from infra.regular_files import open_regular

Kind = Literal["folder", "nodetool", "jsonl"]
ALWAYS = {"imported": "imported", "known": "known already", "refused": "refused"}
RARE = {"unfinished": "not over yet", "differs": "different now"}
LISTED = {"refused": "refused"} | RARE
SQLITE = b"SQLite format 3\x00"


@dataclass(frozen=True)
class Source:
    """What there is to import, and how much of it."""

    read: Callable[[], Iterator[Found]]
    count: Callable[[], int]


class BytesRead(ProgressColumn):
    """The bytes that were read so far: they move while large files keep the count waiting."""

    def __init__(self, importing: Importing) -> None:
        super().__init__()
        self._importing = importing

    def render(self, task: Task) -> Text:  # noqa: ARG002 - rich's signature
        return Text(f"{decimal(self._importing.bytes_read)} read")


def import_(
    path: Annotated[
        Path, typer.Argument(help="A folder of media, nodetool's SQLite database, or a file of JSON lines.")
    ],
    files: Annotated[
        Path | None, typer.Option(help="The folder with the content that a database or a file of JSON lines names.")
    ] = None,
    source: Annotated[
        str | None,
        typer.Option(help="Keeps apart sources that have the same paths. Default: folder, nodetool or jsonl."),
    ] = None,
    currency: Annotated[
        str, typer.Option(help="What the costs of nodetool's jobs are in (ISO 4217).", metavar="CODE")
    ] = "USD",
    tenant: TenantOption = None,
    reason: ReasonOption = None,
) -> None:
    """Bring in media that was made elsewhere: its bytes, what they are, and what its source says of it.

    Run it as often as you like: what has the same path and the same bytes is brought in once, so a run that was cut
    short goes on where it stopped. The times at the source are kept beside the time of recording. What cannot be
    imported is listed with its reason, and the command ends with 1; everything else is there.
    """
    kind = kind_of(path)
    if len(currency) != 3 or not currency.isascii() or not currency.isupper():
        raise typer.BadParameter("an ISO 4217 code has three capital letters, such as USD", param_hint="--currency")
    there = _source(kind, path, files)
    with opened() as services:
        services.store.check()
        contents = Contents(Ledger(operated(services, tenant_or_only(services, tenant))), services.rules)
        importing = Importing(contents, source or kind, currency, reason)
        listed = run_import(importing, there, console())
    if listed:
        raise typer.Exit(1)


def run_import(importing: Importing, there: Source, on: Console) -> int:
    """Import with a progress bar, list what cannot be imported, and sum up; returns how much that was."""
    counted: Counter[str] = Counter()
    listed = 0
    columns = (TextColumn("{task.description}", markup=False), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, BytesRead(importing), console=on, disable=not on.is_terminal) as bar:
        task = bar.add_task("importing", total=there.count() if on.is_terminal else None)
        for outcome in importing.run(there.read()):
            counted[outcome.what] += 1
            bar.advance(task)
            if outcome.reason:
                listed += outcome.what != "unfinished"
                _list(outcome, on)
    say(_sum(counted), on)
    return listed


def _list(outcome: Outcome, on: Console) -> None:
    told = LISTED.get(outcome.what, "in part")
    say(f"{told}  {one_line(outcome.place)}: {outcome.reason}", on)


def _sum(counted: Counter[str]) -> str:
    """How many of each, if anything was found; what is rare is only told of where there is some."""
    if not counted:
        return "nothing found"
    always = [f"{counted[what]:,} {told}" for what, told in ALWAYS.items()]
    return ", ".join(always + [f"{counted[what]:,} {told}" for what, told in RARE.items() if counted[what]])


def kind_of(path: Path) -> Kind:
    """What there is to import from. SourceUnreadableError if it is nothing that can be."""
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


def read_by(read: Callable[[], Iterator[Found]]) -> Source:
    """A source that nothing but reading it counts."""
    return Source(read, lambda: sum(1 for _ in read()))


def _source(kind: Kind, path: Path, files: Path | None) -> Source:
    if kind == "folder":
        if files is not None:
            raise typer.BadParameter("a folder has its content in itself", param_hint="--files")
        return read_by(lambda: folder.read(path))
    if kind == "nodetool":
        return Source(lambda: nodetool.read(path, files), lambda: nodetool.count(path).imported)
    return read_by(lambda: jsonl.read(path, files))

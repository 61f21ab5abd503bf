"""Switch read models to the build beside the one that serves, and back."""

from collections.abc import Callable, Sequence
from typing import Annotated, Any

import typer
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn

from api.application.switches import BuildsDifferError, Switches, compare_versions
from api.cli.context import ReasonOption, in_doubt, opened, operated
from api.cli.output import console, say, table
from api.composition import Services
from domain.text import storable
from projections.catalogue import PROJECTIONS
from projections.engine.build_comparison import ROWS, BuildComparison, unmatched_columns
from projections.engine.old_versions import older_version
from projections.projection import Projection

NameArgument = Annotated[str, typer.Argument(metavar="NAME", help=f"One of: {', '.join(PROJECTIONS)}.")]
ExpectOption = Annotated[
    list[str] | None,
    typer.Option(
        "--expect",
        metavar="COLUMN",
        help=f"A column that may differ, since the fold was changed; `{ROWS}` if rows may be missing. Repeatable.",
    ),
]
_REMEDY = "Run the same command again: it goes on where it was."


def switch_(name: NameArgument, expect: ExpectOption = None, reason: ReasonOption = None) -> None:
    """Compare the build made by `rebuild NAME --beside` with the one that serves, and serve from it.

    Every tenant is compared, at one position of its log, before any is switched. If rows differ, nothing is switched,
    and they are shown; name a column by --expect if a change of the fold explains it. No request fails or waits. Each
    tenant's log records its switch: `projection.switched`.
    """
    projection = projection_of(name)
    expected = expected_of(projection, expect)
    check_reason(reason)
    with opened() as services:
        switch_with_bar(services, projection, reason, expected)


def rollback(name: NameArgument, reason: ReasonOption = None) -> None:
    """Serve a read model again from the build that served before the last switch, or undo a switch cut short.

    That build was kept up to date, so it is not compared. Each tenant's log records it: `projection.switched`.
    """
    projection = projection_of(name)
    check_reason(reason)
    with opened() as services, in_doubt(_REMEDY), _bar() as bar:
        switched = switches(services, projection).roll_back(reason, _shown(bar, f"rolling back {name}"))
    say(f"rolled back {name} for {switched:,} tenants")


def compare_(
    name: NameArgument,
    version: Annotated[int, typer.Option("--version", min=1, help="The older version.")],
    expect: ExpectOption = None,
) -> None:
    """Compare what a read model serves with an older version of it, which services of an older release keep up to date.

    At one position of each tenant's log, in the columns that both versions have. Columns that one of them lacks are
    named: the new version explains them. If other columns differ, the rows are shown, and the exit status is 1.
    """
    projection = projection_of(name)
    expected = expected_of(projection, expect)
    with opened() as services, _bar() as bar:
        old = older_version(services.projector, projection, version)
        report = _shown(bar, f"comparing {name}")
        comparisons = compare_versions(services.engine, services.projector, old, projection, expected, report)
    for table_name, columns in unmatched_columns(old, projection).items():
        say(f"only {table_name} has {', '.join(columns)}")
    if differing := [comparison for comparison in comparisons if comparison.differing]:
        _show_differences(differing)
        raise BuildsDifferError(f"{name} differs from its version {version}.", differing)
    say(f"{name} is as its version {version} in the columns of both, for {len(comparisons):,} tenants")


def switch_with_bar(
    services: Services, projection: Projection[Any], reason: str | None, expected: Sequence[str]
) -> None:
    """Compare and switch with progress bars. BuildsDifferError after the rows that differ were shown."""
    name = projection.name
    try:
        with in_doubt(_REMEDY), _bar() as bar:
            switched = switches(services, projection).switch(
                reason, expected, _shown(bar, f"comparing {name}"), _shown(bar, f"switching {name}")
            )
    except BuildsDifferError as error:
        _show_differences(error.comparisons)
        raise
    say(
        f"switched {name} for {switched:,} tenants; `asset-ledger projections rollback {name}` returns to the old build"
    )


def switches(services: Services, projection: Projection[Any]) -> Switches:
    """The switches of a read model by the operator."""
    return Switches(services.engine, services.projector, lambda tenant_id: operated(services, tenant_id), projection)


def projection_of(name: str) -> Projection[Any]:
    """The projection of that name. BadParameter."""
    try:
        return PROJECTIONS[name]
    except KeyError:
        raise typer.BadParameter(f"there is no projection {name!r}; there are {', '.join(PROJECTIONS)}") from None


def check_reason(reason: str | None) -> None:
    """BadParameter for a reason that cannot be stored."""
    try:
        storable(reason or "")
    except ValueError as error:
        raise typer.BadParameter(str(error), param_hint="--reason") from None


def expected_of(projection: Projection[Any], expect: list[str] | None) -> tuple[str, ...]:
    """The columns that may differ. BadParameter if the read model has no such column, or it is part of the key."""
    table = projection.table
    known = [ROWS, *(column for column in table.columns if column not in table.key)]
    for column in expect or ():
        if column not in known:
            raise typer.BadParameter(f"{column!r} is none of {', '.join(known)}", param_hint="--expect")
    return tuple(dict.fromkeys(expect or ()))


def _show_differences(comparisons: Sequence[BuildComparison]) -> None:
    rows = [
        (f"{comparison.tenant_id}", f"{comparison.position:,}", f"{comparison.differing:,}", f"{example}")
        for comparison in comparisons
        for example in comparison.examples
    ]
    table(["tenant", "position", "rows that differ", "for example"], rows)


def _bar() -> Progress:
    columns = TextColumn("{task.description}", markup=False), BarColumn(), MofNCompleteColumn(), TextColumn("tenants")
    return Progress(*columns, console=console())


def _shown(bar: Progress, description: str) -> Callable[[int, int], None]:
    tasks: list[TaskID] = []

    def show(done: int, total: int) -> None:
        if not tasks:
            tasks.append(bar.add_task(description, total=total))
        bar.update(tasks[0], completed=done, total=total)

    return show

"""`python -m tests.rude --minutes 20`: rude callers against a service, and whether it stays as it is."""

import sys
import time
from contextlib import ExitStack
from dataclasses import dataclass, field
from statistics import quantiles
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import Progress
from rich.table import Table

from api.composition import Services
from benchmarks.environment import Ground, environment, prepared
from domain.event import Actor
from domain.tenant.events import TenantCreated
from infra.tenants import list_tenants
from tests.chaos.plan import context
from tests.rude.callers import Answers, Caller, Leaving, Lying, Polite, Stalling
from tests.rude.gauges import Gauges, gauges, growth

CREW: tuple[tuple[type[Caller], int], ...] = ((Polite, 6), (Leaving, 2), (Stalling, 4), (Lying, 2))
LOOK = 5.0
"""Seconds between two looks at the service."""
P99_SECONDS = 5.0


@dataclass
class Report:
    """What callers were answered, what the service had in use, and what must not be and is."""

    answers: Answers = field(default_factory=Answers)
    samples: list[Gauges] = field(default_factory=list)
    grown: dict[str, str] = field(default_factory=dict)
    wrong: dict[str, object] = field(default_factory=dict)


def run(minutes: float, progress: Progress, look: float = LOOK, place: str | None = None) -> Report:
    """Run the load against a service with a PostgreSQL of its own at a place, both gone afterwards."""
    report = Report()
    with prepared(place) as ground, ground.ledger() as (services, servers):
        tenants = [services.tenants.create(context(), f"tenant-{n}") for n in range(2)]
        keys = [
            services.api_keys.issue(context(), t, Actor(id=f"u{n}", type="user")) for t in tenants for n in range(2)
        ]
        settings = environment(servers)
        with ground.folder() as folder, ExitStack() as stack:
            settings["ASSET_LEDGER_DATA"] = str(folder)
            server = stack.enter_context(
                ground.server("benchmarks.serve", "serve", "--port", "0", environment=settings)
            )
            crew = [
                kind(server.address, keys, report.answers, f"{kind.__name__} {n}")
                for kind, many in CREW
                for n in range(many)
            ]
            _watch(crew, server.pid, ground, minutes, report, progress, look)
            report.grown, report.wrong = growth(report.samples), _judged(report.answers, services)
    return report


def _watch(
    crew: list[Caller], pid: int, ground: Ground, minutes: float, report: Report, progress: Progress, look: float
) -> None:
    until = time.monotonic() + minutes * 60
    task = progress.add_task("calling", total=minutes * 60)
    for caller in crew:
        caller.thread.start()
    try:
        while (left := until - time.monotonic()) > 0:
            connections = ground.owner.execute("SELECT count(*) FROM pg_stat_activity").fetchone()
            report.samples.append(gauges(pid, connections[0] if connections else 0))
            progress.update(task, completed=minutes * 60 - left, description=str(report.samples[-1]))
            time.sleep(min(look, left))
    finally:
        for caller in crew:
            caller.stopped.set()
        for caller in crew:
            caller.thread.join()


def _judged(answers: Answers, services: Services) -> dict[str, object]:
    """What callers were answered wrongly, by the logs themselves."""
    histories: dict[str, list[str]] = {}
    for _, tenant_id, *_ in list_tenants(services.projector):
        log = services.log.of(tenant_id)
        head = log.head()
        for after in range(0, head, 500):
            for recorded in log.page(after, min(after + 500, head), 500):
                name = getattr(recorded.event, "name", None)
                if name is not None and not isinstance(recorded.event, TenantCreated):
                    histories.setdefault(str(recorded.event.originator_id), []).append(name)
    lost = [id_ for id_, names in answers.recorded.items() if histories.get(id_) != names]
    invented = answers.refused & {name for names in histories.values() for name in names}
    p99 = quantiles(answers.seconds, n=100)[-1] if len(answers.seconds) > 1 else None
    verdicts: dict[str, object] = {"lost": lost, "refused, but recorded": invented, "faults": answers.faults[:20]}
    if p99 is None or p99 > P99_SECONDS:
        verdicts["99th percentile of polite callers' waiting"] = p99
    return {what: which for what, which in verdicts.items() if which}


def main(minutes: Annotated[float, typer.Option(help="How long the load lasts.")] = 20) -> None:
    """Run the load and report; ends with 1 if something grows, or if an answer was wrong."""
    console = Console()
    with Progress(console=console) as progress:
        report = run(minutes, progress)
    table = Table("what", "how many")
    for what, many in sorted(report.answers.statuses.items()):
        table.add_row(what, f"{many:,}")
    for name, sample in zip(("at first", "at last"), (report.samples[0], report.samples[-1]), strict=True):
        table.add_row(name, str(sample))
    table.add_row("peaks", str(Gauges(*map(max, zip(*report.samples, strict=True)))))
    if report.answers.seconds:
        table.add_row(
            "99th percentile of polite callers' waiting", f"{quantiles(report.answers.seconds, n=100)[-1]:.2f} s"
        )
    console.print(table)
    console.print({**report.grown, **report.wrong} or "All stayed flat, and every answer was true.")
    sys.exit(bool(report.grown or report.wrong))


if __name__ == "__main__":
    typer.run(main)

"""One run: everybody works, everything goes wrong, and then everything is checked."""

import base64
import os
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

from api.composition import Services, connected
from infra.databases import Databases, create_databases
from infra.embedded_postgres.cluster import start
from infra.settings import Settings
from projections.engine.engine import STAGES
from tests.chaos import records
from tests.chaos.cutting import Cutter, When
from tests.chaos.faults import DURABLE, Faults
from tests.chaos.folding import chosen
from tests.chaos.plan import PAUSE, TENANTS, Plan, Size, context
from tests.chaos.staff import Staff
from tests.chaos.verifying import left, verify_log, verify_read_models
from tests.chaos.writing import ACKED, BUSY, REFUSED, SENT, UNAVAILABLE, UNKNOWN

OUTCOMES = {
    "acknowledged": ACKED,
    "refused: the revision is taken": REFUSED,
    "refused: busy": BUSY,
    "refused: unavailable": UNAVAILABLE,
    "unknown": UNKNOWN,
}
Tell = Callable[[str, int], None]
"""Is told what is done, and how many events are acknowledged."""


@dataclass
class Report:
    """What was done, and what came of it."""

    seed: int
    events: int = 0
    faults: dict[str, int] = field(default_factory=dict)
    appends: dict[str, int] = field(default_factory=dict)
    phases: dict[str, float] = field(default_factory=dict)
    """Seconds of each phase."""
    wrong: dict[str, object] = field(default_factory=dict)
    """What must not be and is."""


def run(size: Size, seed: int, tell: Tell = lambda _what, _events: None) -> Report:
    """Run it all on a PostgreSQL of its own, which is gone afterwards."""
    directory = Path(tempfile.mkdtemp(prefix="chaos-")).resolve()
    directory.chmod(0o755)  # as root the server runs as another user, who must get there
    try:
        with ExitStack() as uses:
            cluster = uses.enter_context(start(directory / "cluster", DURABLE))
            direct = create_databases(cluster)
            direct.migrate()
            return _on(size, seed, directory, direct, uses, cluster.conninfo("asset_ledger"), tell)
    finally:
        shutil.rmtree(directory)


def _on(
    size: Size, seed: int, directory: Path, direct: Databases, uses: ExitStack, superuser: str, tell: Tell
) -> Report:
    settings = Settings(key_encryption_key=base64.b64encode(os.urandom(32)).decode(), follow=False)
    report = Report(seed)
    with connected(settings, direct) as services:
        tenants = tuple(services.tenants.create(context(), f"tenant-{n}") for n in range(TENANTS))
    with Cutter(direct.service, directory) as cutter:
        reached = {name: cutter.through(getattr(direct, name)) for name in ("service", "projector", "keys")}
        plan = Plan(directory, seed, size, direct, replace(direct, **reached), settings, tenants)
        staff = Staff(plan)
        try:
            with _timed(report, "work"):
                faults = _work(plan, staff, cutter, uses, tell)
            with _timed(report, "catching up"), connected(settings, direct) as services:
                _settle(plan, staff, cutter, services, tell)
        finally:
            staff.kill_all()
        _count(plan, report, faults, staff, cutter)
    _check(plan, report, superuser, tell)
    return report


def _check(plan: Plan, report: Report, superuser: str, tell: Tell) -> None:
    tell("checking the log", report.events)
    with _timed(report, "checking the log"):
        findings = verify_log(plan, superuser)
    report.wrong = {what: many for what, many in findings.items() if many}
    with _timed(report, "rebuilding"), connected(plan.settings, plan.direct) as services:
        report.wrong |= verify_read_models(services, chosen(plan), lambda what: tell(what, report.events))


def _work(plan: Plan, staff: Staff, cutter: Cutter, uses: ExitStack, tell: Tell) -> Faults:
    """Let everybody work; each fault comes when so many events are acknowledged, and workers die by themselves."""

    def watch() -> None:
        staff.watch()
        tell("working", records.written(plan.directory, "acks"))

    faults = Faults(plan, plan.directory / "cluster", uses, cutter, staff, watch)
    schedule = [fault for _ in range(plan.size.rounds) for fault in faults.round()]
    total = len(schedule)
    staff.begin()
    cutter.cut_at_random(plan.seed, plan.size.cuts)
    while schedule or not _enough(plan, staff):
        watch()
        due = plan.size.events * (total - len(schedule) + 1) / (total + 1)
        if schedule and records.written(plan.directory, "acks") >= due:
            schedule.pop(0)()
        else:
            time.sleep(PAUSE)
    return faults


def _enough(plan: Plan, staff: Staff) -> bool:
    died = min(staff.deaths[point] for point in STAGES)
    return died >= plan.size.rounds and records.written(plan.directory, "acks") >= plan.size.events


def _settle(plan: Plan, staff: Staff, cutter: Cutter, services: Services, tell: Tell) -> None:
    """No more faults: let writers and followers end, and read models catch up."""
    cutter.cut_at_random(plan.seed, 0)
    staff.end("writer")
    staff.replace_workers()
    staff.end("follower")
    for behind in left(services, chosen(plan)):
        staff.watch()
        tell(f"{behind:,} behind", records.written(plan.directory, "acks"))
        time.sleep(PAUSE)
    staff.end("worker")


def _count(plan: Plan, report: Report, faults: Faults, staff: Staff, cutter: Cutter) -> None:
    counted = records.outcomes(plan.directory)
    report.events = records.written(plan.directory, "acks")
    report.appends = {what: counted[letter] for what, letter in OUTCOMES.items()}
    report.appends["killed before they knew"] = counted[SENT] - sum(report.appends.values())
    report.faults = {
        **faults.done,
        **{f"connection cut {when.value}": cutter.cut_counts[when] for when in When},
        **{f"worker killed when it had {point}": staff.deaths[point] for point in STAGES},
    }


@contextmanager
def _timed(report: Report, phase: str) -> Iterator[None]:
    began = time.monotonic()
    yield
    report.phases[phase] = round(time.monotonic() - began, 1)

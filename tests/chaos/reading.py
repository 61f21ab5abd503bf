"""A process that reads every tenant's log by position, and checks as it goes that nothing is skipped."""

import hashlib
import json
from pathlib import Path
from typing import Any

from domain.errors import ServiceUnavailableError
from infra.event_log.recorder import LogRecorder
from tests.chaos.plan import Plan, reaching, until_told
from tests.chaos.records import digest

PAGE = 500
IDLE = 0.02
START: tuple[int, str, str] = (0, "", "")
"""Position, the digest of all entries up to it, the effective time there."""


def follow(plan: Plan, name: str) -> None:
    """Read until told to end, then up to the heads; keeps how far it has come in a file of its name."""
    stopped = until_told()
    with reaching(plan, stopped) as services:
        recorders = [services.log.of(tenant).recorder for tenant in plan.tenants]
        seen = read_seen(plan.directory, name)
        while True:
            ending = stopped.is_set()
            try:
                read = sum(page(recorder, seen) for recorder in recorders)
            except ServiceUnavailableError:
                continue
            if read:
                keep(plan.directory, name, seen)
            elif ending:
                return
            else:
                stopped.wait(IDLE)


def read_seen(directory: Path, name: str) -> dict[str, Any]:
    """How far the follower of this name has come in each tenant's log."""
    path = directory / name
    return json.loads(path.read_text()) if path.exists() else {}


def chained(chain: str, entry_digest: bytes) -> str:
    """The digest of a log that has one entry more."""
    return hashlib.sha256(bytes.fromhex(chain) + entry_digest).hexdigest()


def page(recorder: LogRecorder, seen: dict[str, Any]) -> int:
    tenant = str(recorder.tenant_id)
    position, chain, effective_at = seen.get(tenant, START)
    entries = recorder.select_notifications(position, PAGE, inclusive_of_start=False)
    for entry in entries:
        at = entry.effective_at.isoformat(timespec="microseconds")
        if entry.id != position + 1 or at < effective_at:
            raise AssertionError(f"after {position} ({effective_at}) of {tenant} came {entry.id} ({at})")
        position, chain, effective_at = entry.id, chained(chain, digest(entry.state)), at
    seen[tenant] = (position, chain, effective_at)
    return len(entries)


def keep(directory: Path, name: str, seen: dict[str, Any]) -> None:
    partial = directory / f"{name}.partial"
    partial.write_text(json.dumps(seen))
    partial.replace(directory / name)

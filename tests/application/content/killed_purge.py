"""A purge in a process that kills itself. Such processes begin where all has been imported already."""

import multiprocessing
import os
import signal
from collections.abc import Callable
from typing import Any
from uuid import UUID

from api.application.content import purge_removal
from api.application.content.purges import Purges
from api.composition import connected
from api.workers.worker import own_session
from infra.databases import Databases
from infra.settings import Settings

MOMENTS: dict[str, tuple[Any, str, bool]] = {
    "before it is decided": (Purges, "_enqueue", False),
    "once it is decided": (purge_removal.Removal, "_carry_out", False),
    "between two objects": (purge_removal, "remove", True),
    "once the bytes are gone": (purge_removal.Removal, "_record", False),
}
"""When to be killed: whose function that is called then, and whether once it is over."""


def killing(function: Callable[..., object], *, afterwards: bool) -> Callable[..., None]:
    """The function in whose place, or at whose end, the process is killed."""

    def killed(*arguments: object) -> None:
        if afterwards:
            function(*arguments)
        os.kill(os.getpid(), signal.SIGKILL)

    return killed


def purge_until_killed(
    kept: Settings, databases: Databases, moment: str, tenant_id: UUID, asset_id: UUID
) -> int | None:
    """Purge an asset's content in a process that is killed at the moment; returns how that ended."""
    processes = multiprocessing.get_context("forkserver")
    processes.set_forkserver_preload([__name__])
    process = processes.Process(target=_purge, args=(kept, databases, moment, tenant_id, asset_id))
    process.start()
    process.join(120)
    return process.exitcode


def _purge(kept: Settings, databases: Databases, moment: str, tenant_id: UUID, asset_id: UUID) -> None:
    owner, name, afterwards = MOMENTS[moment]
    setattr(owner, name, killing(getattr(owner, name), afterwards=afterwards))
    with connected(kept.model_copy(update={"follow": False}), databases) as services:
        purging = Purges(own_session(services, tenant_id))
        purging.request(asset_id, "the client asked")
        purging.carry_out()

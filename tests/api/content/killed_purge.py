"""A purge in a process that kills itself: `python -m tests.api.content.killed_purge MOMENT TENANT ASSET`."""

import os
import signal
import sys
from collections.abc import Callable
from typing import Any
from uuid import UUID

from api import purge_removal
from api.composition import services
from api.purging import Purging
from api.watching import own_session
from infra.settings import Settings

MOMENTS: dict[str, tuple[Any, str, bool]] = {
    "before it is decided": (Purging, "_queue", False),
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


if __name__ == "__main__":
    moment, tenant, asset = sys.argv[1:]
    owner, name, afterwards = MOMENTS[moment]
    setattr(owner, name, killing(getattr(owner, name), afterwards=afterwards))
    with services(Settings(follow=False)) as made:
        purging = Purging(own_session(made, UUID(tenant)))
        purging.request(UUID(asset), "the client asked")
        purging.carry_out()

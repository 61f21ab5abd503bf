"""A process that keeps read models up to date, and kills itself at a chosen point of a batch."""

import os
import signal
from typing import Any

from infra.event_log.mapper import SealingMapper
from projections.catalogue import PROJECTIONS
from projections.engine.engine import Engine
from projections.engine.follower import Follower
from projections.projection import Projection
from tests.chaos.plan import Plan, reaching, until_told


def chosen(plan: Plan) -> list[Projection[Any]]:
    """The projections that take part."""
    return [PROJECTIONS[name] for name in plan.size.projections or PROJECTIONS]


def fold(plan: Plan, dies_at: str | None, passes: int) -> None:
    """Follow the logs until told to end, or until a point has been passed so often."""
    left = passes

    def on_stage(point: str) -> None:
        nonlocal left
        if point == dies_at:
            left -= 1
            if not left:
                os.kill(os.getpid(), signal.SIGKILL)

    stopped = until_told()
    with reaching(plan, stopped) as services:
        follower = Follower(Engine(services.projector, SealingMapper(services.encryption_keys), chosen(plan), on_stage))
        signal.signal(signal.SIGTERM, lambda *_: follower.stop())
        if not stopped.is_set():
            follower.run()

"""A worker as a process of its own: folds what there is, and waits at a stage of its first batch for a line of input.

`python -m tests.projections.worker STAGE SECONDS`, with the settings of the service; no STAGE waits for nothing. The
server ends a session that is idle in a transaction for so many seconds.
"""

import sys

from uuid_utils.compat import uuid7

from api.cli import logging_setup
from api.cli.context import opened
from domain.errors import LedgerError
from infra.connections import PROJECTOR, Bounds
from infra.database import Database
from infra.settings import Settings
from projections.catalogue import CATALOGUE
from projections.engine.engine import Engine


def main(awaited: str, seconds: str) -> None:
    """Say what happens, a line each."""
    logging_setup.configure()  # to standard error
    waiting = [awaited]

    def on_stage(stage: str) -> None:
        if stage in waiting:
            waiting.remove(stage)
            print("waiting", flush=True)  # noqa: T201
            sys.stdin.readline()

    idle = {"idle_in_transaction_session_timeout": f"{seconds}s"}
    bounds = Bounds(PROJECTOR.answer, {**PROJECTOR.settings, **idle})
    with opened() as services, Database(str(Settings().projector_database_url), bounds=bounds) as projector:
        engine = Engine(projector, services.log.of(uuid7()).mapper, CATALOGUE, on_stage)
        engine.progress.enrol()
        folded = True
        while folded:
            try:
                folded = bool(engine.follow(CATALOGUE))
            except LedgerError as error:
                print(f"lost: {error}", flush=True)  # noqa: T201
    print("done", flush=True)  # noqa: T201


if __name__ == "__main__":
    main(*sys.argv[1:])

"""The library's `ProjectionRunner`: one event a transaction, the same fold, a table like the ledger's own.

Runs as `python -m benchmarks.peers.runner`, up to the position PEER_UNTIL, and prints how it went, as JSON.
"""

import json
import os
import time
from typing import Any

from eventsourcing.persistence import Tracking
from eventsourcing.postgres import PostgresTrackingRecorder
from eventsourcing.projection import Projection, ProjectionRunner
from psycopg.types.json import Json

import domain.tenant.events  # noqa: F401 - the log begins with a tenant's topic
from benchmarks.peers.stock import StockLedger
from domain.event import Event, Recorded
from infra.sql import load_statements
from projections.assets.fold import ASSETS, AssetRow
from projections.projection import Key

_SQL = load_statements(__file__, "read_model.sql")


class AssetsView(PostgresTrackingRecorder):
    """The table, and up to which position it is folded."""

    folded = 0

    def fold(self, event: Event, tracking: Tracking) -> None:
        """Change the rows that the event touches, and move the position, in one transaction."""
        with self.datastore.transaction(commit=True) as cursor:
            self._insert_tracking(cursor, tracking)
            rows: dict[Key, AssetRow] = {}
            for key in ASSETS.keys(event):
                stored = cursor.execute(_SQL["load"], key).fetchone()
                if stored is not None:
                    rows[key] = AssetRow(**stored)
            recorded = Recorded(event, tracking.notification_id, event.envelope.recorded_at)
            for row in ASSETS.fold(rows, recorded).values():
                if row is not None:
                    cursor.execute(_SQL["upsert"], _parameters(row))
        self.folded = tracking.notification_id


class AssetsProjection(Projection[AssetsView]):
    """Folds every event into the view."""

    name = "assets"

    def process_event(self, domain_event: Any, tracking: Tracking) -> None:  # noqa: ANN401 - the library's signature
        self.view.fold(domain_event, tracking)


def _parameters(row: AssetRow) -> dict[str, Any]:
    values = row._asdict()
    return values | {name: Json(values[name]) for name in ASSETS.table.json if values[name] is not None}


def main() -> None:
    """Follow the stock application up to the position; print the seconds it took."""
    until, started = int(os.environ["PEER_UNTIL"]), time.perf_counter()
    with ProjectionRunner(
        application_class=StockLedger, projection_class=AssetsProjection, view_class=AssetsView
    ) as runner:
        while runner.view.folded < until and not runner.is_interrupted.wait(0.005):
            pass
        seconds = time.perf_counter() - started
    print(json.dumps({"seconds": seconds}))  # noqa: T201


if __name__ == "__main__":
    main()

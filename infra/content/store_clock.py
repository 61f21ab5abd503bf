"""The time as a content store has it, which alone can be compared with the times of its objects."""

from datetime import datetime, timedelta
from uuid import uuid4

from domain.errors import ClockApartError
from infra.clock import DatabaseClock
from infra.content.store import ContentStore

TOLERANCE = timedelta(minutes=15)
"""So far may the store's clock be from the database's: S3 takes no requests beyond."""


def store_time(store: ContentStore, clock: DatabaseClock) -> datetime:
    """The time that an object gets which is written now. Raises ClockApartError, StoreUnavailableError."""
    key = f"clock-{uuid4().hex}"
    before = clock.ask()
    store.write(key, [b"\n"])
    try:
        time = store.stat(key).modified_at
    finally:
        store.delete(key)
    if not before - TOLERANCE <= time <= clock.ask() + TOLERANCE:
        raise ClockApartError(
            f"The content store's clock says {time:%Y-%m-%dT%H:%M:%SZ}, more than 15 minutes from the database's."
            " Nothing is removed by the age of its objects until they agree: set the one that is wrong."
        )
    return time

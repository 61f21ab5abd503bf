"""The database's clock, by which everything irreversible is decided, compared with those of others."""

import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import NamedTuple
from uuid import uuid4

from domain.errors import ClockAheadError, ClockApartError, ClockBehindError
from infra.content.store import ContentStore
from infra.database import Database
from infra.sql import load_statements

_SQL = load_statements(__file__, "clock.sql")

TOLERANCE = timedelta(seconds=5)
"""So far may this process's clock be from the database's, as the append function has it."""
STORE_TOLERANCE = timedelta(minutes=15)
"""So far may a content store's clock be from the database's: S3 takes no requests beyond."""
FRESH_SECONDS = 60.0
"""For so long the last reading is good enough to date events by; the monotonic clock counts on from it."""


class Reading(NamedTuple):
    """The database's time, and this process's monotonic clock when it was asked for and when the answer was there."""

    time: datetime
    sent_at: float
    answered_at: float

    def at(self, moment: float) -> datetime:
        """The database's time at another moment of the monotonic clock, give or take half the round trip."""
        return self.time + timedelta(seconds=moment - (self.sent_at + self.answered_at) / 2)

    @property
    def uncertainty(self) -> timedelta:
        """Half the round trip."""
        return timedelta(seconds=(self.answered_at - self.sent_at) / 2)


class DatabaseClock:
    """The database's time. It refuses to answer where this process's clock is more than 5 s from it, either way.

    A step of this process's clock is seen at once, one of the database's when it is asked again. It is a `Check`.
    """

    name = "clock"

    def __init__(self, database: Database, local: Callable[[], datetime]) -> None:
        self._database = database
        self._local = local
        self._reading: Reading | None = None

    def ask(self) -> datetime:
        """The database's time, asked for now, by the transaction around if there is one.

        Raises ClockAheadError or ClockBehindError, ServiceUnavailableError.
        """
        reading = self._read()
        if error := self._error(reading):
            raise error
        return reading.time

    def now(self) -> datetime:
        """The database's time, counted on from when it was last asked for: this process's clock has no part in it."""
        return (self._reading or self._read()).at(time.monotonic())

    def local(self) -> datetime:
        """This process's time, to date an event with. Raises ClockAheadError or ClockBehindError."""
        reading = self._reading
        if reading is None or time.monotonic() - reading.answered_at > FRESH_SECONDS:
            reading = self._read()
        if self._error(reading):
            self.ask()  # after a pause of the whole machine the monotonic clock may be behind
        return self._local()

    def problem(self) -> str | None:
        """By how much the clocks are apart, and what to do; None if they are not, as far as is known."""
        error = self._error(self._reading) if self._reading else None
        return str(error) if error else None

    def _read(self) -> Reading:
        with self._database.connection() as connection:
            sent_at = time.monotonic()
            ((now,),) = connection.execute(_SQL["now"]).fetchall()
            self._reading = reading = Reading(now.astimezone(UTC), sent_at, time.monotonic())
        return reading

    def _error(self, reading: Reading) -> ClockApartError | None:
        """The error that names the remedy, if this process's clock is certainly too far from the database's."""
        difference = self._local() - reading.at(time.monotonic())
        if abs(difference) <= TOLERANCE + reading.uncertainty:
            return None
        kind, which = (ClockAheadError, "ahead of") if difference > timedelta() else (ClockBehindError, "behind")
        by = str(timedelta(seconds=round(abs(difference).total_seconds()))).removesuffix(", 0:00:00")
        return kind(
            f"This server's clock is {by} {which} the database's. Nothing is written or removed until they are within"
            " 5 seconds of each other: set the one that is wrong, and keep both synchronised (NTP)."
        )


def store_time(store: ContentStore, clock: DatabaseClock) -> datetime:
    """The time that an object gets which is written now. Raises ClockApartError, StoreUnavailableError."""
    key = f"clock-{uuid4().hex}"
    before = clock.ask()
    store.write(key, [b"\n"])
    try:
        time = store.stat(key).modified_at
    finally:
        store.delete(key)
    if not before - STORE_TOLERANCE <= time <= clock.ask() + STORE_TOLERANCE:
        raise ClockApartError(
            f"The content store's clock says {time:%Y-%m-%dT%H:%M:%SZ}, more than 15 minutes from the database's."
            " Nothing is removed by the age of its objects until they agree: set the one that is wrong."
        )
    return time

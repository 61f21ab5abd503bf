"""Delivers a group to the database: again and again with the same bytes, until its outcome is known.

After a lost connection the COMMIT is in doubt: the same bytes are sent again, and those that are stored as sent count
as appended. Another server gets nothing before its logs were compared with the known heads.
"""

import time
from collections.abc import Sequence

import psycopg
import structlog

from domain.errors import LogWentBackError, OutcomeUnknownError, ServiceUnavailableError
from infra.commit_in_doubt import LONGEST_PAUSE, SHORTEST_PAUSE
from infra.connections import UNREACHABLE, Connection, unreachable
from infra.database import Database
from infra.event_log.append_call import Outcome, ServerChangedError, send
from infra.event_log.heads import KnownHeads
from infra.event_log.pending_append import PendingAppend
from infra.server_identity import NOT_WRITABLE

_LOG = structlog.get_logger()
WRITABLE_SECONDS = 10.0
"""How long what was not sent waits for a server that can be written to."""


class _ConnectionLostError(Exception):
    """The connection broke before the answer came."""


class _NotWritableError(Exception):
    """Nothing was sent, for the server does not take it; another one may."""


class Delivery:
    """Brings groups to the log's database."""

    def __init__(self, database: Database, heads: KnownHeads, resend: float) -> None:
        self._database = database
        self._heads = heads
        self._resend = resend

    def outcomes(self, group: Sequence[PendingAppend], head_wait: int) -> Sequence[Outcome | Exception]:
        """Send the group, and the same bytes again for as long as connections are lost on the way.

        Another server than the known one is sent nothing before it is accepted.
        """
        deadline, pause = time.monotonic() + self._resend, SHORTEST_PAUSE
        writable = min(deadline, time.monotonic() + WRITABLE_SECONDS)
        while True:
            try:
                outcomes = self._send(group, head_wait)
                self._note(group, outcomes)
                return outcomes  # noqa: TRY300 - only once it is known
            except (_ConnectionLostError, OutcomeUnknownError) as error:
                _LOG.warning("outcome unknown, sending again", appends=len(group), reason=str(error.__cause__ or error))
                for pending in group:
                    pending.in_doubt = True
            except _NotWritableError as error:
                if time.monotonic() > writable and not any(pending.in_doubt for pending in group):
                    raise ServiceUnavailableError(str(error)) from error
            except (ServiceUnavailableError, psycopg.errors.LockNotAvailable):
                # What was lost may still hold the head: until a standby has it, or its server knows that we are gone.
                if not any(pending.in_doubt for pending in group):
                    raise
            if time.monotonic() > deadline:
                raise ServiceUnavailableError
            time.sleep(pause)
            pause = min(2 * pause, LONGEST_PAUSE)

    def _refused(self, group: Sequence[PendingAppend]) -> dict[PendingAppend, ServiceUnavailableError]:
        refused: dict[PendingAppend, ServiceUnavailableError] = {}
        for pending in group if self._heads.gone_back else ():
            try:
                self._heads.check(pending.append.tenant_id)
            except LogWentBackError as error:
                refused[pending] = pending.failure(error)
        return refused

    def _note(self, group: Sequence[PendingAppend], outcomes: Sequence[Outcome | Exception]) -> None:
        latest = {
            pending.append.tenant_id.int: (pending.append, places[-1].position)
            for pending, places in zip(group, outcomes, strict=True)
            if not isinstance(places, Exception) and places
        }
        self._heads.note_entries(
            (append.tenant_id, position, append.entries[-1].state) for append, position in latest.values()
        )

    def _send(self, group: Sequence[PendingAppend], head_wait: int) -> Sequence[Outcome | Exception]:
        with self._database.connection() as connection:
            try:
                return self._send_on(connection, group, head_wait)
            except NOT_WRITABLE as error:
                connection.close()
                raise _NotWritableError("The database cannot be written to right now. Try again.") from error
            except psycopg.Error as error:
                failure = error
                is_lost = connection.closed
        if is_lost:
            raise _ConnectionLostError from failure
        if isinstance(failure, UNREACHABLE) and not isinstance(failure, psycopg.errors.LockNotAvailable):
            if isinstance(failure, psycopg.errors.DiskFull):
                self._database.disk_full = time.monotonic()
            raise unreachable(failure)
        raise failure

    def _send_on(
        self, connection: Connection, group: Sequence[PendingAppend], head_wait: int
    ) -> Sequence[Outcome | Exception]:
        """Send the group, but for those whose log went back. Another server is accepted first: _NotWritableError."""
        lineage = self._database.lineage
        server = lineage.seen(connection) if lineage else None
        refused = self._refused(group)  # only now: that a log went back is known before its server is
        sent = [pending for pending in group if pending not in refused] if refused else group
        if not sent:
            return list(refused.values())
        again = any(pending.in_doubt for pending in sent)
        try:
            outcomes = send(connection, [pending.append for pending in sent], head_wait, again=again, server=server)
        except ServerChangedError:
            if lineage:
                lineage.enter(connection)
            raise _NotWritableError("Another server of the database has taken over. Try again.") from None
        if not refused:
            return outcomes
        answers = dict(zip(sent, outcomes, strict=True)) | refused
        return [answers[pending] for pending in group]

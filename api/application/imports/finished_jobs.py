"""Records the jobs that an import finds: how each of them ended, and what was imported of what it made."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from typing import Self
from uuid import UUID

import orjson

from api.application.imports.items import JobItem, Outcome, one_line, refused
from api.application.session import Session
from domain.errors import EntryTooLargeError
from domain.event import Event
from domain.job.events import Cost, JobEvent
from domain.job.imported import EVENTS, Ending, PastJob, differ, past_job_id, record
from domain.media import MediaKind
from domain.provenance import Imported
from domain.reference import Reference

GROUP = 200
"""What is recorded together."""
MOST_ERROR = 10_000
MOST_ERROR_JSON = 4 * MOST_ERROR + len('""')
"""Bytes: as many as so many characters have, unless JSON writes them out, as it does control characters."""
_ENDED: dict[str, Ending] = {
    "completed": "succeeded",
    "succeeded": "succeeded",
    "failed": "failed",
    "error": "failed",
    "cancelled": "cancelled",
    "canceled": "cancelled",
}
_UNDER_WAY = frozenset("scheduled pending queued starting running suspended paused recovering".split())


@dataclass(frozen=True, slots=True)
class _FinishedJob:
    """A job as it was, the assets to name in it, and what of it is left out."""

    id: UUID
    job: PastJob
    asset_ids: Sequence[UUID]
    left_out: tuple[str, ...] = ()

    @property
    def place(self) -> str:
        return self.job.imported.place

    def unnamed(self) -> Self:
        """The same without the names of its assets, which refer to it."""
        remark = f"its {len(self.asset_ids):,} assets refer to it, but are too many to be named in it"
        job = self.job.model_copy(update={"remark": remark})
        return replace(self, job=job, asset_ids=(), left_out=(*self.left_out, remark))


class FinishedJobs:
    """The jobs of one import, recorded last, when it is known what was imported of what they made."""

    def __init__(self, session: Session, source: str, currency: str, reason: str | None) -> None:
        self._session = session
        self._source = source
        self._currency = currency
        self._reason = reason
        self._items: dict[str, JobItem] = {}
        self._assets: dict[str, list[tuple[UUID, MediaKind]]] = {}

    def add(self, item: JobItem) -> None:
        """Note a job to record."""
        self._items[item.place] = item

    def add_asset(self, item: JobItem, asset_id: UUID, media_kind: MediaKind) -> None:
        """Note that the job made an asset that is recorded."""
        self._assets.setdefault(item.place, []).append((asset_id, media_kind))

    def id_of(self, item: JobItem) -> UUID:
        """The id that the job has here."""
        return past_job_id(self._session.identity, self._where(item))[0]

    def record(self) -> Iterator[Outcome]:
        """Record all that are over and not known yet, and tell of each that was noted what became of it.

        A job that is not over is for a later run: then it is recorded as it ended.
        """
        waiting = iter(self._items.values())
        while group := list(islice(waiting, GROUP)):
            for item in group:
                if not _is_over(item):
                    yield Outcome(item.place, "unfinished", f"its status is {one_line(item.status)}")
            yield from self._record([self._past(item) for item in group if _is_over(item)])

    def _record(self, past: Sequence[_FinishedJob]) -> list[Outcome]:
        """Record them in one append; what does not fit in an entry is found by halving.

        What makes a job large is the list of its assets: it is recorded without.
        """
        try:
            return self._session.in_transaction(lambda: self._append(past)) if past else []
        except EntryTooLargeError as error:
            if len(past) > 1:
                half = len(past) // 2
                return self._record(past[:half]) + self._record(past[half:])
            (finished,) = past
            return self._record([finished.unnamed()]) if finished.asset_ids else [refused(finished.place, error)]

    def _append(self, past: Sequence[_FinishedJob]) -> list[Outcome]:
        known = self._known(past)
        new = (finished for finished in past if finished.id not in known)
        self._session.record(*(event for finished in new for event in self._events(finished)))
        return [self._outcome(finished, known.get(finished.id)) for finished in past]

    def _known(self, past: Sequence[_FinishedJob]) -> dict[UUID, list[Event]]:
        known: dict[UUID, list[Event]] = {}
        for event, *_ in self._session.log.histories({finished.id: EVENTS for finished in past}):
            known.setdefault(event.originator_id, []).append(event)
        return known

    def _outcome(self, finished: _FinishedJob, known: Sequence[Event] | None) -> Outcome:
        if known and differ(known, self._events(finished)):
            return Outcome(finished.place, "differs", "its source tells otherwise than when it was imported")
        return Outcome(finished.place, "known" if known else "imported", "; ".join(finished.left_out) or None)

    def _events(self, finished: _FinishedJob) -> Sequence[JobEvent]:
        session = self._session
        context = session.context(self._reason)
        return record(context, session.tenant_id, session.identity, finished.job, finished.asset_ids)

    def _where(self, item: JobItem) -> Imported:
        return Imported(source=self._source, place=item.place, started_at=item.started_at, finished_at=item.finished_at)

    def _past(self, item: JobItem) -> _FinishedJob:
        assets = self._assets.get(item.place, [])
        named = {"run": item.run, "workflow": item.workflow}
        outcome, error = _ENDED.get(_status(item), "cancelled"), item.error and beginning(item.error)
        cut = None if error == item.error else f"its error is cut to {len(error or ''):,} characters"
        job = PastJob(
            imported=self._where(item),
            media_kind=assets[0][1] if assets else "file",
            references=tuple(Reference(kind=kind, id=id_) for kind, id_ in named.items() if id_),
            outcome=outcome,
            error=error,
            cost=None if item.cost is None else Cost(amount=item.cost, currency=self._currency),
            subject=item.subject,
            remark=_why_cancelled(item, error) if outcome == "cancelled" else None,
        )
        named_assets = [id_ for id_, _ in assets] if outcome == "succeeded" else ()
        return _FinishedJob(self.id_of(item), job, named_assets, tuple(filter(None, (item.problem, cut))))


def _why_cancelled(item: JobItem, error: str | None) -> str | None:
    """What the source says of a job that came to no end of its own: its status, if that is none we know, its error."""
    status = None if _status(item) in _ENDED else f"its status is {item.status}"
    return ": ".join(filter(None, (status, error))) or None


def _is_over(item: JobItem) -> bool:
    """Whether the job has come to its end: its status says so, or else the time it has for that."""
    status = _status(item)
    return status in _ENDED or (status not in _UNDER_WAY and item.finished_at is not None)


def _status(item: JobItem) -> str:
    return (item.status or "").lower()


def beginning(text: str) -> str:
    """As much of the text as an entry has room for."""
    text = text[:MOST_ERROR]
    while len(orjson.dumps(text)) > MOST_ERROR_JSON:
        text = text[: len(text) // 2]
    return text

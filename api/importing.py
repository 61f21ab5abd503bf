"""Brings in what importers read: bytes into the store, assets and past jobs into the log, each once."""

import hashlib
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from itertools import islice
from pathlib import Path
from typing import Literal, NamedTuple, TypeVar, cast
from uuid import UUID

import uuid6
from pydantic import ValidationError

from api.arriving import BLOCK, Arriving
from api.contents import Contents, to_record
from api.importers.items import Item, JobItem, Unreadable, one_line
from api.session import Session
from domain.asset import asset as aggregate
from domain.asset.events import Content
from domain.asset.inputs import NewAsset, NewContent
from domain.errors import ContentMismatchError, EntryTooLargeError, LedgerError, ServiceUnavailableError
from domain.event import Event
from domain.identity import derived_id
from domain.job import job as jobs
from domain.job.events import Cost
from domain.job.inputs import PastJob
from domain.media import File, MediaKind
from domain.reference import Reference
from domain.values import Imported
from infra.content.uploads import Upload, object_key

GROUP = 200
"""What is recorded together."""
SIDE_BY_SIDE = 2
"""While one group is recorded, the files of the next are stored."""
THREADS = 4
"""Files that are read and stored at once: enough to wait for the disk together; more only wait for each other."""
MOST_ERROR = 10_000
NANO = Decimal("1e-9")
_ENDED: dict[str | None, Literal["succeeded", "failed"]] = {
    "completed": "succeeded",
    "succeeded": "succeeded",
    "failed": "failed",
    "error": "failed",
}

S = TypeVar("S")
T = TypeVar("T")
Found = Item | JobItem | Unreadable


class Outcome(NamedTuple):
    """What became of one thing: it was imported, is known from an earlier time, or cannot be, and why."""

    place: str
    what: Literal["imported", "known", "refused"]
    reason: str | None = None


@dataclass(frozen=True, slots=True)
class _Wanted:
    """An asset to bring in: the id that follows from its place and bytes, and what its bytes are, if it has any."""

    item: Item
    asset_id: UUID
    content: Content | None
    upload: Upload | None = None
    stored: NewContent | None = None

    @property
    def new(self) -> NewAsset:
        """What to record of it. What the source does not know, the bytes tell."""
        new = self.item.new
        if self.stored is None:
            return new
        if isinstance(new.media, File):
            new = new.model_copy(update={"media": self.stored.media})
        return to_record(new, new.media, self.item.path.name if self.item.path else None, None)


class Importing:
    """Imports into one tenant. A second run records nothing twice: ids follow from source, place and digest."""

    def __init__(self, contents: Contents, source: str, currency: str, reason: str | None = None) -> None:
        self._contents = contents
        self._source = source
        self._currency = currency
        self._reason = reason
        self._jobs: dict[str, JobItem] = {}
        self._made: dict[str, list[tuple[UUID, MediaKind]]] = {}

    def run(self, found: Iterable[Found]) -> Iterator[Outcome]:
        """Bring in everything, and tell of each thing what became of it; jobs come last, with what they made.

        ServiceUnavailableError: what was told of is safe, and another run goes on from there.
        """
        with ThreadPoolExecutor(THREADS, "importing") as pool, ThreadPoolExecutor(SIDE_BY_SIDE, "recording") as groups:
            under_way: deque[Future[list[Outcome]]] = deque()
            for group in _groups(found):
                self._jobs |= {one.place: one for one in group if isinstance(one, JobItem)}
                yield from (Outcome(one.place, "refused", one.reason) for one in group if isinstance(one, Unreadable))
                items = [one for one in group if isinstance(one, Item)]
                under_way.append(groups.submit(lambda items: list(self._bring(pool, items)), items))
                if len(under_way) > SIDE_BY_SIDE:
                    yield from under_way.popleft().result()
            for bringing in under_way:
                yield from bringing.result()
        for past in _groups(self._jobs.values()):
            yield from self._record_jobs(past)

    @property
    def _session(self) -> Session:
        return self._contents.ledger.session

    def _bring(self, pool: ThreadPoolExecutor, items: Sequence[Item]) -> Iterator[Outcome]:
        identified = _each(pool, self._identified, items)
        yield from (one for one in identified if isinstance(one, Outcome))
        wanted = list({one.asset_id: one for one in identified if isinstance(one, _Wanted)}.values())
        known = self._known(one.asset_id for one in wanted)
        stored = _each(pool, self._stored, self._begun([one for one in wanted if one.asset_id not in known]))
        yield from (one for one in stored if isinstance(one, Outcome))
        yield from self._record([one for one in stored if isinstance(one, _Wanted)])
        for one in wanted:
            if one.asset_id in known:
                self._note(one)
                yield Outcome(one.item.place, "known")

    def _identified(self, item: Item) -> _Wanted | Outcome:
        """The asset that the item is. Refused if its file cannot be read or is not taken."""
        try:
            content = None if item.path is None else self._read(item.path)
        except (OSError, LedgerError) as error:
            return _refused(item, error)
        digest = self._session.identity.digest(
            "import", [self._source, item.place, content.sha256 if content else None]
        )
        return _Wanted(item, derived_id("asset", "import", digest), content)

    def _read(self, path: Path) -> Content:
        size = path.stat().st_size
        self._contents.rules.check_size(size)
        with path.open("rb") as file:
            return Content(size=size, sha256=hashlib.file_digest(file, "sha256").hexdigest())

    def _known(self, ids: Iterable[UUID]) -> set[UUID]:
        """Those that are recorded already."""
        asked = dict.fromkeys(ids, 1)
        entries = self._session.log.recorder.select_streams(asked) if asked else []
        return {cast("UUID", entry.originator_id) for entry in entries}

    def _begun(self, wanted: Sequence[_Wanted]) -> list[_Wanted]:
        """The same with an upload for each that has bytes: rows are there before the first byte."""
        ids: dict[UUID, UUID] = {uuid6.uuid7(): one.asset_id for one in wanted if one.content}
        seconds = self._contents.rules.upload_time.total_seconds()
        begun = {upload.asset_id: upload for upload in self._contents.uploads.begin_each(ids, seconds)} if ids else {}
        return [_Wanted(one.item, one.asset_id, one.content, begun.get(one.asset_id)) for one in wanted]

    def _stored(self, one: _Wanted) -> _Wanted | Outcome:
        """The same with its bytes in the store. Refused if they have changed since, or are of a type not taken."""
        if one.upload is None or one.item.path is None or one.content is None:
            return one
        contents, path = self._contents, one.item.path
        key = object_key(self._session.tenant_id, one.asset_id, one.upload.content_id)
        try:
            with path.open("rb") as file:
                arriving = Arriving(iter(lambda: file.read(BLOCK), b""), one.content, contents.rules)
                contents.store.write(key, arriving)
            stored = contents.inspected(path, key, one.upload, arriving, path.name)
        except ServiceUnavailableError:
            raise
        except (OSError, LedgerError) as error:
            contents.abort(one.upload)
            return _refused(one.item, error)
        return _Wanted(one.item, one.asset_id, one.content, one.upload, stored)

    def _record(self, wanted: Sequence[_Wanted]) -> list[Outcome]:
        """Record all that are not known yet, in one append; what does not fit in an entry is found by halving."""
        try:
            outcomes = self._session.atomically(lambda: self._append(wanted)) if wanted else []
        except EntryTooLargeError as error:
            if len(wanted) > 1:
                half = len(wanted) // 2
                return self._record(wanted[:half]) + self._record(wanted[half:])
            outcomes = [_refused(wanted[0].item, error)]
        for one, outcome in zip(wanted, outcomes, strict=True):
            if outcome.what != "imported" and one.upload:
                self._contents.abort(one.upload)
            if outcome.what != "refused":
                self._note(one)
        return outcomes

    def _append(self, wanted: Sequence[_Wanted]) -> list[Outcome]:
        known = self._known(one.asset_id for one in wanted)
        fresh = [one for one in wanted if one.asset_id not in known]
        events = [self._events(one) for one in fresh]
        refusals, under = self._contents.ledger.policies.admit_each([created for created, *_ in events])
        refused = {one.asset_id: why for one, why in zip(fresh, refusals, strict=True) if why is not None}
        admitted = [(one, told) for one, told in zip(fresh, events, strict=True) if one.asset_id not in refused]
        ended = [one.upload.content_id for one, _ in admitted if one.upload]
        if not self._contents.uploads.end(*ended):
            raise ServiceUnavailableError("The import was interrupted for so long that its uploads expired.")
        self._session.record(*(event for _, told in admitted for event in told), under=under)
        return [
            Outcome(one.item.place, "known")
            if one.asset_id in known
            else _refused(one.item, refused[one.asset_id])
            if one.asset_id in refused
            else Outcome(one.item.place, "imported")
            for one in wanted
        ]

    def _events(self, one: _Wanted) -> list[Event]:
        """What is recorded of the asset: where it comes from, and its content."""
        context, new = self._session.context(self._reason), one.new
        if one.item.job:
            new = new.model_copy(update={"job_id": str(self._job_id(one.item.job))})
        imported = Imported(source=self._source, place=one.item.place, created_at=one.item.created_at)
        created = aggregate.create(context, self._session.tenant_id, one.asset_id, new, imported=imported)
        stored = aggregate.created(created).store_content(context, one.stored) if one.stored else ()
        return [created, *stored]

    def _note(self, one: _Wanted) -> None:
        if one.item.job:
            self._made.setdefault(one.item.job.place, []).append((one.asset_id, one.new.media.media_kind))

    def _record_jobs(self, items: Sequence[JobItem]) -> list[Outcome]:
        outcomes: dict[str, Outcome] = {}
        past: dict[UUID, tuple[PastJob, list[UUID]]] = {}
        for item in items:
            try:
                past[self._job_id(item)] = self._past(item)
            except (ValidationError, InvalidOperation):
                outcomes[item.place] = Outcome(item.place, "refused", f"a job cannot have cost {item.cost}")

        def work() -> None:
            known = self._known(past)
            context, session = self._session.context(self._reason), self._session
            events = [
                event
                for id_, (job, made) in past.items()
                if id_ not in known
                for event in jobs.record(context, session.tenant_id, session.identity, job, made)
            ]
            session.log.record(*events)
            for id_, (job, _) in past.items():
                place = job.imported.place
                outcomes[place] = Outcome(place, "known" if id_ in known else "imported")

        self._session.atomically(work)
        return [outcomes[item.place] for item in items]

    def _job_id(self, item: JobItem) -> UUID:
        return jobs.past_job_id(self._session.identity, self._where(item))[0]

    def _where(self, item: JobItem) -> Imported:
        return Imported(source=self._source, place=item.place, started_at=item.started_at, finished_at=item.finished_at)

    def _past(self, item: JobItem) -> tuple[PastJob, list[UUID]]:
        """The job as it was, and what was imported of what it made.

        ValidationError or InvalidOperation for a cost that cannot be.
        """
        made = self._made.get(item.place, [])
        named = {"run": item.run, "workflow": item.workflow}
        cost = None if item.cost is None else Cost(amount=item.cost.quantize(NANO), currency=self._currency)
        return PastJob(
            imported=self._where(item),
            media_kind=made[0][1] if made else "file",
            references=tuple(Reference(kind=kind, id=id_) for kind, id_ in named.items() if id_),
            outcome=_ENDED.get((item.status or "").lower(), "cancelled"),
            error=item.error and item.error[:MOST_ERROR],
            cost=cost,
            subject=item.subject,
        ), [id_ for id_, _ in made]


def _groups(items: Iterable[T]) -> Iterator[list[T]]:
    waiting = iter(items)
    while group := list(islice(waiting, GROUP)):
        yield group


def _each(pool: ThreadPoolExecutor, work: Callable[[S], T], items: Iterable[S]) -> list[T]:
    return list(pool.map(work, items))


def _refused(item: Item, error: Exception) -> Outcome:
    if isinstance(error, ContentMismatchError):
        return Outcome(item.place, "refused", "has changed while it was read")
    told = error.strerror if isinstance(error, OSError) else error
    return Outcome(item.place, "refused", one_line(told))

"""Brings in what importers read: bytes into the store, assets and past jobs into the log, each once."""

import hashlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from pathlib import Path
from threading import Lock
from typing import IO, TypeVar
from uuid import UUID

from uuid_utils.compat import uuid7

from api.arriving import BLOCK, Arriving
from api.contents import Contents, to_record
from api.importers.items import Item, JobItem, Unreadable
from api.importers.outcomes import Outcome, refused
from api.past_jobs import GROUP, PastJobs, recorded
from api.session import Session
from domain.asset import asset as aggregate
from domain.asset.events import Content
from domain.asset.inputs import NewAsset, NewContent
from domain.errors import EntryTooLargeError, LedgerError, ServiceUnavailableError
from domain.event import Event
from domain.identity import derived_id
from domain.media import File
from domain.values import Imported
from infra.content.uploads import Upload, object_key
from infra.regular_files import open_regular

GROUP_BYTES = 64 * 1024 * 1024
"""What is recorded together has no more bytes, unless one file alone has: so much is done again after a kill."""
SIDE_BY_SIDE = 2
"""While one group is recorded, the files of the next are stored."""
THREADS = 4
"""Files that are read and stored at once: enough to wait for the disk together; more only wait for each other."""

S = TypeVar("S")
T = TypeVar("T")
Found = Item | JobItem | Unreadable


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
    """Imports into one tenant. A second run records nothing twice: ids follow from source, place and digest.

    `bytes_read` grows while files are hashed, and again while they are stored.
    """

    def __init__(self, contents: Contents, source: str, currency: str, reason: str | None = None) -> None:
        self._contents = contents
        self._source = source
        self._reason = reason
        self._places: set[str] = set()
        self._counting = Lock()
        self.bytes_read = 0
        self._jobs = PastJobs(self._session, source, currency, reason)

    def run(self, found: Iterable[Found]) -> Iterator[Outcome]:
        """Bring in everything, and tell of each thing once what became of it; jobs come last, with what they made.

        ServiceUnavailableError: what was told of is safe, and another run goes on from there.
        """
        with ThreadPoolExecutor(THREADS, "importing") as pool, ThreadPoolExecutor(SIDE_BY_SIDE, "recording") as groups:
            under_way: set[Future[list[Outcome]]] = set()
            for group in in_bounds(found):
                distinct = [self._first(one) for one in group]
                yield from (
                    Outcome(one.place, "refused", one.reason) for one in distinct if isinstance(one, Unreadable)
                )
                for job in (one for one in distinct if isinstance(one, JobItem)):
                    self._jobs.add(job)
                items = [one for one in distinct if isinstance(one, Item)]
                under_way.add(groups.submit(lambda items: list(self._bring(pool, items)), items))
                yield from _done(under_way, SIDE_BY_SIDE)
            yield from _done(under_way, 0)
        yield from self._jobs.record()

    def _first(self, found: Found) -> Found:
        """What was found itself, unless something else was found at its place before."""
        if isinstance(found, Unreadable):
            return found
        if found.place in self._places:
            return Unreadable(found.place, "has the same id as an earlier one")
        self._places.add(found.place)
        return found

    @property
    def _session(self) -> Session:
        return self._contents.ledger.session

    def _bring(self, pool: ThreadPoolExecutor, items: Sequence[Item]) -> Iterator[Outcome]:
        identified = _each(pool, self._identified, items)
        yield from (one for one in identified if isinstance(one, Outcome))
        wanted = [one for one in identified if isinstance(one, _Wanted)]
        known = recorded(self._session, (one.asset_id for one in wanted))
        stored = _each(pool, self._stored, self._begun([one for one in wanted if one.asset_id not in known]))
        yield from (one for one in stored if isinstance(one, Outcome))
        yield from self._record([one for one in stored if isinstance(one, _Wanted)])
        for one in wanted:
            if one.asset_id in known:
                self._note(one)
                yield Outcome(one.item.place, "known")

    def _identified(self, item: Item) -> _Wanted | Outcome:
        """The asset that the item is. Refused if its file cannot be read, is not taken, or is not as announced."""
        try:
            content = None if item.path is None else self._read(item.path)
        except (OSError, LedgerError) as error:
            return refused(item.place, error)
        if content and item.announced and (problem := _differences(content, item.announced)):
            return Outcome(item.place, "refused", problem)
        digest = self._session.identity.digest(
            "import", [self._source, item.place, content.sha256 if content else None]
        )
        return _Wanted(item, derived_id("asset", "import", digest), content)

    def _read(self, path: Path) -> Content:
        size = path.stat().st_size
        self._contents.rules.check_size(size)
        digest = hashlib.sha256()
        with open_regular(path) as file:
            for block in self._blocks(file):
                digest.update(block)
        return Content(size=size, sha256=digest.hexdigest())

    def _blocks(self, file: IO[bytes]) -> Iterator[bytes]:
        """The file's bytes, counted as they are read."""
        while block := file.read(BLOCK):
            with self._counting:
                self.bytes_read += len(block)
            yield block

    def _begun(self, wanted: Sequence[_Wanted]) -> list[_Wanted]:
        """The same with an upload for each that has bytes: rows are there before the first byte."""
        ids: dict[UUID, UUID] = {uuid7(): one.asset_id for one in wanted if one.content}
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
            with open_regular(path) as file:
                arriving = Arriving(self._blocks(file), one.content, contents.rules)
                contents.store.write(key, arriving)
            stored = contents.inspected(path, key, one.upload, arriving, path.name)
        except ServiceUnavailableError:
            raise
        except (OSError, LedgerError) as error:
            contents.give_up(one.upload)
            return refused(one.item.place, error)
        return _Wanted(one.item, one.asset_id, one.content, one.upload, stored)

    def _record(self, wanted: Sequence[_Wanted]) -> list[Outcome]:
        """Record all that are not known yet, in one append; what does not fit in an entry is found by halving."""
        try:
            outcomes = self._session.atomically(lambda: self._append(wanted)) if wanted else []
        except EntryTooLargeError as error:
            if len(wanted) > 1:
                half = len(wanted) // 2
                return self._record(wanted[:half]) + self._record(wanted[half:])
            outcomes = [refused(wanted[0].item.place, error)]
        for one, outcome in zip(wanted, outcomes, strict=True):
            if outcome.what != "imported" and one.upload:
                self._contents.give_up(one.upload)
            if outcome.what != "refused":
                self._note(one)
        return outcomes

    def _append(self, wanted: Sequence[_Wanted]) -> list[Outcome]:
        known = recorded(self._session, (one.asset_id for one in wanted))
        fresh = [one for one in wanted if one.asset_id not in known]
        events = [self._events(one) for one in fresh]
        refusals, under = self._contents.ledger.policies.admit_each([created for created, *_ in events])
        why = {one.asset_id: error for one, error in zip(fresh, refusals, strict=True) if error is not None}
        admitted = [(one, told) for one, told in zip(fresh, events, strict=True) if one.asset_id not in why]
        ended = [one.upload.content_id for one, _ in admitted if one.upload]
        if not self._contents.uploads.end(*ended):
            raise ServiceUnavailableError("The import was interrupted for so long that its uploads expired.")
        self._session.record(*(event for _, told in admitted for event in told), under=under)
        return [
            Outcome(one.item.place, "known")
            if one.asset_id in known
            else refused(one.item.place, why[one.asset_id])
            if one.asset_id in why
            else Outcome(one.item.place, "imported")
            for one in wanted
        ]

    def _events(self, one: _Wanted) -> list[Event]:
        """What is recorded of the asset: where it comes from, and its content."""
        new = one.new
        context = self._session.context(new.reason or self._reason)
        if one.item.job:
            new = new.model_copy(update={"job_id": str(self._jobs.id_of(one.item.job))})
        imported = Imported(source=self._source, place=one.item.place, created_at=one.item.created_at)
        created = aggregate.create(context, self._session.tenant_id, one.asset_id, new, imported=imported)
        stored = aggregate.created(created).store_content(context, one.stored) if one.stored else ()
        return [created, *stored]

    def _note(self, one: _Wanted) -> None:
        if one.item.job:
            self._jobs.made(one.item.job, one.asset_id, one.new.media.media_kind)


def in_bounds(found: Iterable[Found]) -> Iterator[list[Found]]:
    """What is found in lists of as much as is recorded together: not too many things, and not too many bytes."""
    group: list[Found] = []
    size = 0
    for one in found:
        more = _size(one)
        if group and (len(group) == GROUP or size + more > GROUP_BYTES):
            yield group
            group, size = [], 0
        group.append(one)
        size += more
    if group:
        yield group


def _size(one: Found) -> int:
    """The bytes of its file, 0 if there is none: that is for whoever reads it to say."""
    if not isinstance(one, Item) or one.path is None:
        return 0
    try:
        return one.path.stat().st_size
    except OSError:
        return 0


def _done(under_way: set[Future[list[Outcome]]], most: int) -> Iterator[Outcome]:
    """The outcomes of those that are done, each as soon as it is, until no more than so many are under way."""
    while under_way:
        done, _ = wait(under_way, None if len(under_way) > most else 0, FIRST_COMPLETED)
        if not done:
            return
        under_way -= done
        for group in done:
            yield from group.result()


def _differences(content: Content, announced: Content) -> str | None:
    """How the content is not what was announced of it, if it is not."""
    if announced.size not in (None, content.size):
        return f"content: the file has {content.size:,} bytes, not {announced.size:,}"
    if announced.sha256 not in (None, content.sha256):
        return f"content: the file has the SHA-256 {content.sha256}, not {announced.sha256}"
    return None


def _each(pool: ThreadPoolExecutor, work: Callable[[S], T], items: Iterable[S]) -> list[T]:
    return list(pool.map(work, items))

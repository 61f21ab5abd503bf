"""Brings in what importers read: bytes into the store, assets and past jobs into the log, each once."""

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, replace
from pathlib import Path
from threading import Lock
from typing import IO
from uuid import UUID

from uuid_utils.compat import uuid7

from api.application.content.intake import Intake, to_record
from api.application.content.verified_stream import BLOCK, VerifiedStream
from api.application.imports.finished_jobs import GROUP, FinishedJobs
from api.application.imports.items import Item, JobItem, Outcome, Unreadable, refused
from api.application.policies import Policies
from domain.asset import asset as aggregate
from domain.asset import creation
from domain.asset.events import Content
from domain.asset.inputs import NewAsset, NewContent
from domain.errors import EntryTooLargeError, LedgerError, ServiceUnavailableError
from domain.event import Event
from domain.identity import derived_id
from domain.media import File
from domain.provenance import Imported
from infra.content.upload_table import Upload
from infra.media.inspection import inspect
from infra.regular_files import open_regular

GROUP_BYTES = 64 * 1024 * 1024
"""What is recorded together has no more bytes, unless one file alone has: so much is done again after a kill."""
SIDE_BY_SIDE = 2
"""While one group is recorded, the files of the next are stored."""
THREADS = 4
"""Files that are read and stored at once: enough to wait for the disk together; more only wait for each other."""

SourceItem = Item | JobItem | Unreadable


@dataclass(frozen=True, slots=True)
class _Candidate:
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


class Importer:
    """Imports into one tenant. A second run records nothing twice: ids follow from source, place and digest.

    `bytes_read` grows while files are hashed, and again while they are stored.
    """

    def __init__(self, intake: Intake, source: str, currency: str, reason: str | None = None) -> None:
        self._intake, self._session = intake, intake.session
        self._source = source
        self._reason = reason
        self._places: set[str] = set()
        self._counting = Lock()
        self.bytes_read = 0
        self._jobs = FinishedJobs(self._session, source, currency, reason)

    def run(self, source_items: Iterable[SourceItem]) -> Iterator[Outcome]:
        """Import everything, and yield the outcome of each item once; jobs come last, with the assets they made.

        ServiceUnavailableError: items whose outcome was yielded are safe, and another run goes on from there.
        """
        with ThreadPoolExecutor(THREADS, "importing") as pool, ThreadPoolExecutor(SIDE_BY_SIDE, "recording") as groups:
            under_way: set[Future[list[Outcome]]] = set()
            for group in in_bounds(source_items):
                distinct = [self._first(item) for item in group]
                yield from (
                    Outcome(item.place, "refused", item.reason) for item in distinct if isinstance(item, Unreadable)
                )
                for job in (item for item in distinct if isinstance(item, JobItem)):
                    self._jobs.add(job)
                items = [item for item in distinct if isinstance(item, Item)]
                under_way.add(groups.submit(lambda items: list(self._bring(pool, items)), items))
                yield from _done(under_way, SIDE_BY_SIDE)
            yield from _done(under_way, 0)
        yield from self._jobs.record()

    def _first(self, item: SourceItem) -> SourceItem:
        """The item itself, unless an earlier item had its place."""
        if isinstance(item, Unreadable):
            return item
        if item.place in self._places:
            return Unreadable(item.place, "has the same id as an earlier one")
        self._places.add(item.place)
        return item

    def _bring(self, pool: ThreadPoolExecutor, items: Sequence[Item]) -> Iterator[Outcome]:
        identified = list(pool.map(self._identified, items))
        yield from (outcome for outcome in identified if isinstance(outcome, Outcome))
        candidates = [candidate for candidate in identified if isinstance(candidate, _Candidate)]
        known = self._session.log.known(candidate.asset_id for candidate in candidates)
        fresh = [candidate for candidate in candidates if candidate.asset_id not in known]
        stored = list(pool.map(self._stored, self._begun(fresh)))
        yield from (outcome for outcome in stored if isinstance(outcome, Outcome))
        yield from self._record([candidate for candidate in stored if isinstance(candidate, _Candidate)])
        for candidate in candidates:
            if candidate.asset_id in known:
                self._note(candidate)
                yield Outcome(candidate.item.place, "known")

    def _identified(self, item: Item) -> _Candidate | Outcome:
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
        return _Candidate(item, derived_id("asset", "import", digest), content)

    def _read(self, path: Path) -> Content:
        size = path.stat().st_size
        self._intake.rules.check_size(size)
        digest = hashlib.sha256()
        with open_regular(path) as file:
            for block in self._blocks(file):
                digest.update(block)
        return Content(size=size, sha256=digest.hexdigest())

    def _blocks(self, file: IO[bytes]) -> Iterator[bytes]:
        while block := file.read(BLOCK):
            with self._counting:
                self.bytes_read += len(block)
            yield block

    def _begun(self, candidates: Sequence[_Candidate]) -> list[_Candidate]:
        """The same with an upload for each that has bytes: rows are there before the first byte."""
        ids: dict[UUID, UUID] = {uuid7(): candidate.asset_id for candidate in candidates if candidate.content}
        seconds = self._intake.rules.upload_time.total_seconds()
        begun = {upload.asset_id: upload for upload in self._intake.uploads.begin_each(ids, seconds)} if ids else {}
        return [replace(candidate, upload=begun.get(candidate.asset_id)) for candidate in candidates]

    def _stored(self, candidate: _Candidate) -> _Candidate | Outcome:
        """The same with its bytes in the store. Refused if they have changed since, or are of a type not taken."""
        if candidate.upload is None or candidate.item.path is None or candidate.content is None:
            return candidate
        intake, path = self._intake, candidate.item.path
        key = intake.key(candidate.asset_id, candidate.upload.content_id)
        try:
            with open_regular(path) as file:
                stream = VerifiedStream(self._blocks(file), candidate.content, intake.rules)
                intake.store.write(key, stream)
            inspection = inspect(path, candidate.upload.content_type, path.name)
            stored = intake.verified(inspection, key, candidate.upload, stream)
        except ServiceUnavailableError:
            raise
        except (OSError, LedgerError) as error:
            intake.give_up(candidate.upload)
            return refused(candidate.item.place, error)
        return replace(candidate, stored=stored)

    def _record(self, candidates: Sequence[_Candidate]) -> list[Outcome]:
        """Record all that are not known yet, in one append; what does not fit in an entry is found by halving."""
        try:
            outcomes = self._session.in_transaction(lambda: self._append(candidates)) if candidates else []
        except EntryTooLargeError as error:
            if len(candidates) > 1:
                half = len(candidates) // 2
                return self._record(candidates[:half]) + self._record(candidates[half:])
            outcomes = [refused(candidates[0].item.place, error)]
        for candidate, outcome in zip(candidates, outcomes, strict=True):
            if outcome.what != "imported" and candidate.upload:
                self._intake.give_up(candidate.upload)
            if outcome.what != "refused":
                self._note(candidate)
        return outcomes

    def _append(self, candidates: Sequence[_Candidate]) -> list[Outcome]:
        known = self._session.log.known(candidate.asset_id for candidate in candidates)
        fresh = [candidate for candidate in candidates if candidate.asset_id not in known]
        events = [self._events(candidate) for candidate in fresh]
        refusals, policy_revision = Policies(self._session).admit_each([first for first, *_ in events])
        refused_ids = {new.asset_id: error for new, error in zip(fresh, refusals, strict=True) if error is not None}
        admitted = [(new, own) for new, own in zip(fresh, events, strict=True) if new.asset_id not in refused_ids]
        ended = [new.upload.content_id for new, _ in admitted if new.upload]
        if not self._intake.uploads.end(*ended):
            raise ServiceUnavailableError("The import was interrupted for so long that its uploads expired.")
        self._session.record(*(event for _, own in admitted for event in own), policy_revision=policy_revision)
        return [
            Outcome(candidate.item.place, "known")
            if candidate.asset_id in known
            else refused(candidate.item.place, refused_ids[candidate.asset_id])
            if candidate.asset_id in refused_ids
            else Outcome(candidate.item.place, "imported")
            for candidate in candidates
        ]

    def _events(self, candidate: _Candidate) -> list[Event]:
        new = candidate.new
        context = self._session.context(new.reason or self._reason)
        if candidate.item.job:
            new = new.model_copy(update={"job_id": str(self._jobs.id_of(candidate.item.job))})
        imported = Imported(source=self._source, place=candidate.item.place, created_at=candidate.item.created_at)
        created = creation.create(context, self._session.tenant_id, candidate.asset_id, new, imported=imported)
        stored = aggregate.created(created).store_content(context, candidate.stored) if candidate.stored else ()
        return [created, *stored]

    def _note(self, candidate: _Candidate) -> None:
        if candidate.item.job:
            self._jobs.add_asset(candidate.item.job, candidate.asset_id, candidate.new.media.media_kind)


def in_bounds(items: Iterable[SourceItem]) -> Iterator[list[SourceItem]]:
    """The items in groups that are recorded together: not too many items, and not too many bytes."""
    group: list[SourceItem] = []
    size = 0
    for item in items:
        more = _size(item)
        if group and (len(group) == GROUP or size + more > GROUP_BYTES):
            yield group
            group, size = [], 0
        group.append(item)
        size += more
    if group:
        yield group


def _size(item: SourceItem) -> int:
    """The bytes of its file, 0 if there is none: that is for whoever reads it to say."""
    if not isinstance(item, Item) or item.path is None:
        return 0
    try:
        return item.path.stat().st_size
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
    if announced.size not in (None, content.size):
        return f"content: the file has {content.size:,} bytes, not {announced.size:,}"
    if announced.sha256 not in (None, content.sha256):
        return f"content: the file has the SHA-256 {content.sha256}, not {announced.sha256}"
    return None

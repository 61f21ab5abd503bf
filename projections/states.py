"""An asset or a job at one revision, as decisions need it and as answers show it: both folds of the same events."""

from dataclasses import dataclass
from functools import cached_property
from typing import Final, NamedTuple, cast
from uuid import UUID

from domain.asset import asset as assets
from domain.asset.asset import Asset
from domain.asset.events import AssetContentStored, AssetCreated, AssetEvent
from domain.event import Recorded
from domain.job import job as jobs
from domain.job.events import JobEvent
from domain.job.job import Job
from infra.event_log.fold import Fold
from projections.assets.fold import ASSETS, AssetRow
from projections.jobs.fold import JOBS, JobRow
from projections.projection import Key, Projection, Row

MOST_SINCE: Final = 64
"""Events that a state carries before it folds them: a long history is never held whole."""


class StoredContent(NamedTuple):
    """A content version that ever was in the store: its number, its id there, and the revision of its event."""

    number: int
    id: UUID
    revision: int


class KeptAsset(NamedTuple):
    """An asset at one revision as a snapshot holds it."""

    asset: Asset
    row: AssetRow
    contents: tuple[StoredContent, ...]


@dataclass(frozen=True, eq=False)
class AssetState:
    """An asset at one revision. What decisions need of it is folded when a decision asks: reads never do."""

    row: AssetRow
    contents: tuple[StoredContent, ...]
    """Every content version, purged or not."""
    before: Asset | None
    since: tuple[AssetEvent, ...]

    @property
    def version(self) -> int:
        """The revision."""
        return self.row.revision

    @cached_property
    def asset(self) -> Asset:
        """What decisions need."""
        return cast("Asset", assets.project(self.before, self.since))

    def kept(self) -> KeptAsset:
        """The same as a snapshot holds it."""
        return KeptAsset(self.asset, self.row, self.contents)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, AssetState) and self.kept() == other.kept()

    def __hash__(self) -> int:
        return hash((self.row.asset_id, self.row.revision))


class JobState(NamedTuple):
    """A job at one revision."""

    job: Job
    row: JobRow

    @property
    def version(self) -> int:
        """The revision."""
        return self.job.version


def _asset_step(state: AssetState | None, recorded: Recorded) -> AssetState | None:
    event = recorded.event
    if state is None:
        return AssetState(_row(ASSETS, {}, recorded), (), None, (event,)) if isinstance(event, AssetCreated) else None
    row = _row(ASSETS, {(state.row.tenant_id, state.row.asset_id): state.row}, recorded)
    contents, before, since = state.contents, state.before, (*state.since, cast("AssetEvent", event))
    if isinstance(event, AssetContentStored):
        contents = (*contents, StoredContent(event.content_version, event.content_id, event.originator_version))
    if len(since) == MOST_SINCE:
        before, since = assets.project(before, since), ()
    return AssetState(row, contents, before, since)


def _row(projection: Projection[Row], rows: dict[Key, Row], recorded: Recorded) -> Row:
    (row,) = projection.fold(rows, recorded).values() or rows.values()
    return cast("Row", row)


def _job_step(state: JobState | None, recorded: Recorded) -> JobState | None:
    job = jobs.project(state.job if state else None, [cast("JobEvent", recorded.event)])
    if job is None:
        return None
    return JobState(job, _row(JOBS, {(job.tenant_id, job.id): state.row} if state else {}, recorded))


ASSET = Fold(
    "asset",
    1,
    KeptAsset,
    _asset_step,
    lambda state: state.row.subject,
    AssetState.kept,
    lambda kept: AssetState(kept.row, kept.contents, kept.asset, ()),
)
JOB: Fold[JobState, JobState] = Fold("job", 1, JobState, _job_step, lambda state: state.job.subject)

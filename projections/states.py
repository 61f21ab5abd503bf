"""An asset or a job at one revision, as decisions need it and as answers show it: both folds of the same events."""

from typing import NamedTuple, cast
from uuid import UUID

from domain.asset import asset as assets
from domain.asset.asset import Asset
from domain.asset.events import AssetContentStored, AssetEvent
from domain.event import Recorded
from domain.job import job as jobs
from domain.job.events import JobEvent
from domain.job.job import Job
from infra.event_log.fold import Fold
from projections.assets.fold import ASSETS, AssetRow
from projections.jobs.fold import JOBS, JobRow


class StoredContent(NamedTuple):
    """A content version that ever was in the store: its number, its id there, and the revision of its event."""

    number: int
    id: UUID
    revision: int


class AssetState(NamedTuple):
    """An asset at one revision."""

    asset: Asset
    row: AssetRow
    contents: tuple[StoredContent, ...]
    """Every content version, purged or not."""

    @property
    def version(self) -> int:
        """The revision."""
        return self.asset.version


class JobState(NamedTuple):
    """A job at one revision."""

    job: Job
    row: JobRow

    @property
    def version(self) -> int:
        """The revision."""
        return self.job.version


def _asset_step(state: AssetState | None, recorded: Recorded) -> AssetState | None:
    event = cast("AssetEvent", recorded.event)
    asset = assets.project(state.asset if state else None, [event])
    if asset is None:
        return None
    rows = {(asset.tenant_id, asset.id): state.row} if state else {}
    (row,) = ASSETS.fold(rows, recorded).values() or rows.values()
    contents = state.contents if state else ()
    if isinstance(event, AssetContentStored):
        contents = (*contents, StoredContent(event.content_version, event.content_id, event.originator_version))
    return AssetState(asset, cast("AssetRow", row), contents)


def _job_step(state: JobState | None, recorded: Recorded) -> JobState | None:
    job = jobs.project(state.job if state else None, [cast("JobEvent", recorded.event)])
    if job is None:
        return None
    rows = {(job.tenant_id, job.id): state.row} if state else {}
    (row,) = JOBS.fold(rows, recorded).values() or rows.values()
    return JobState(job, cast("JobRow", row))


ASSET = Fold("asset", 1, AssetState, _asset_step, lambda state: state.asset.subject)
JOB = Fold("job", 1, JobState, _job_step, lambda state: state.job.subject)

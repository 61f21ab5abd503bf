"""Folds the log into `job_versions`: one row per event of a job, as it left the job."""

from pathlib import Path

from projections.jobs.fold import JOBS
from projections.row_versions import versions_of

JOB_VERSIONS = versions_of(JOBS, name="job_versions", generation=0, folder=Path(__file__).parent, growing=("costs",))

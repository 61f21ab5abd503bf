"""Every projection of this version of the software."""

from typing import Any

from projections.asset_references.fold import ASSET_REFERENCES
from projections.assets.fold import ASSETS
from projections.audit_trail.fold import AUDIT_TRAIL
from projections.contents.fold import CONTENTS
from projections.job_references.fold import JOB_REFERENCES
from projections.jobs.fold import JOBS
from projections.projection import Projection

CATALOGUE = (ASSETS, ASSET_REFERENCES, CONTENTS, JOBS, JOB_REFERENCES, AUDIT_TRAIL)
PROJECTIONS: dict[str, Projection[Any]] = {p.name: p for p in CATALOGUE}

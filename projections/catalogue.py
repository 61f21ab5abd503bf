"""Every projection of this version of the software."""

from collections.abc import Mapping
from typing import Any, LiteralString

from infra.sql import literal
from projections.asset_references.fold import ASSET_REFERENCES
from projections.asset_terms.fold import ASSET_TERMS
from projections.asset_versions.fold import ASSET_VERSIONS
from projections.assets.fold import ASSETS
from projections.audit_trail.fold import AUDIT_TRAIL
from projections.contents.fold import CONTENTS
from projections.job_references.fold import JOB_REFERENCES
from projections.job_versions.fold import JOB_VERSIONS
from projections.jobs.fold import JOBS
from projections.lineage.fold import LINEAGE
from projections.projection import Projection
from projections.statistics.fold import STATISTICS

CATALOGUE = (
    ASSETS,
    ASSET_REFERENCES,
    CONTENTS,
    JOBS,
    JOB_REFERENCES,
    LINEAGE,
    AUDIT_TRAIL,
    ASSET_VERSIONS,
    JOB_VERSIONS,
    STATISTICS,
    ASSET_TERMS,
)
PROJECTIONS: dict[str, Projection[Any]] = {p.name: p for p in CATALOGUE}
BUILDS: dict[str, Projection[Any]] = {build.name: build for p in CATALOGUE for build in p.builds}


def with_tables(statements: Mapping[str, LiteralString]) -> dict[str, LiteralString]:
    """The statements with the name of each read model in braces replaced by that of its first build's table."""
    return {name: _with_tables(text) for name, text in statements.items()}


def _with_tables(text: LiteralString) -> LiteralString:
    for projection in CATALOGUE:
        text = literal(text.replace(f"{{{projection.name}}}", projection.table.name))
    return text

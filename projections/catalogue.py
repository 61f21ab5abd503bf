"""Every projection of this version of the software."""

from typing import Any

from projections.asset_references.fold import ASSET_REFERENCES
from projections.assets.fold import ASSETS
from projections.audit_trail.fold import AUDIT_TRAIL
from projections.projection import Projection

PROJECTIONS: dict[str, Projection[Any]] = {p.name: p for p in (ASSETS, ASSET_REFERENCES, AUDIT_TRAIL)}

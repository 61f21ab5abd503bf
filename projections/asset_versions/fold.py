"""Folds the log into `asset_versions`: one row per event of an asset, as it left the asset."""

from pathlib import Path

from projections.assets.fold import ASSETS
from projections.row_versions import versions_of

ASSET_VERSIONS = versions_of(
    ASSETS, name="asset_versions", generation=0, folder=Path(__file__).parent, growing=("links", "holds")
)

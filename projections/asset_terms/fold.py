"""Folds the log into `asset_terms`: a row for each stretch of an asset's life in which it had the same terms."""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Final, NamedTuple
from uuid import UUID

import orjson

from domain.asset.events import (
    AssetContentPurged,
    AssetContentStored,
    AssetCreated,
    AssetDescribed,
    AssetPurgeRequested,
    AssetReferenceChange,
    AssetStateChange,
)
from domain.event import Event, Recorded
from domain.search_terms import METADATA, embedded_terms, metadata_terms, prompt_terms
from projections.projection import OF_JOBS, OF_TENANTS, Changes, Key, Projection, classes, with_values

STILL: Final = 2**63 - 1
"""The end of a stretch that has not ended."""


class AssetTermsRow(NamedTuple):
    """The terms of an asset from `position` up to, but without, `next_position`."""

    tenant_id: UUID
    asset_id: UUID
    next_position: int
    created_position: int
    position: int
    terms: list[str]
    of_content: list[str] | None
    """The terms that only its content has."""


def keys(event: Event) -> Iterable[Key]:
    """The stretch that the event may end."""
    return (_key(event),) if _changes_terms(event) else ()


def fold(rows: Mapping[Key, AssetTermsRow], recorded: Recorded) -> Changes[AssetTermsRow]:
    """The stretch that the event ends, and the one that it begins, if it changes terms."""
    event, position = recorded.event, recorded.position
    if isinstance(event, AssetCreated):
        terms = prompt_terms(_parsed(event.prompt_spec)) | metadata_terms(_parsed(event.metadata))
        tenant_id, asset_id, _ = key = _key(event)
        return {key: AssetTermsRow(tenant_id, asset_id, STILL, position, position, sorted(terms), None)}
    if not _changes_terms(event):
        return {}
    key = _key(event)
    row = rows[key]
    values = _stored(row, event) if isinstance(event, AssetContentStored) else _described(row, event)
    if values["terms"] == row.terms:
        return {}
    ended = with_values(row, {"next_position": position})
    return {_key(event, position): ended, key: with_values(row, {**values, "position": position})}


def _changes_terms(event: Event) -> bool:
    return type(event) is AssetContentStored or (isinstance(event, AssetDescribed) and "metadata" in event.changed)


def _stored(row: AssetTermsRow, event: AssetContentStored) -> dict[str, Any]:
    """The terms with other content."""
    others = {*row.terms}.difference(row.of_content or ())
    of_content = embedded_terms(_parsed(event.embedded)) - others
    return {"terms": sorted(others | of_content), "of_content": sorted(of_content) or None}


def _described(row: AssetTermsRow, event: Any) -> dict[str, Any]:  # noqa: ANN401 - an event that names metadata
    """The terms with other metadata."""
    others = (term for term in row.terms if not term.startswith(METADATA))
    return {"terms": sorted({*others, *metadata_terms(_parsed(event.metadata))})}


def _parsed(document: Any) -> Any:  # noqa: ANN401 - any JSON
    """The document's value: where a log is folded anew, documents are JSON."""
    return orjson.loads(orjson.dumps(document)) if isinstance(document, orjson.Fragment) else document


def _key(event: Event, next_position: int = STILL) -> Key:
    return event.envelope.tenant_id, event.envelope.originator_id, next_position


def _has_ended(row: AssetTermsRow) -> bool:
    return row.next_position != STILL


ASSET_TERMS = Projection(
    name="asset_terms",
    version=1,
    row=AssetTermsRow,
    key={"tenant_id": "uuid", "asset_id": "uuid", "next_position": "bigint"},
    keys=keys,
    fold=fold,
    folder=Path(__file__).parent,
    folds=classes(AssetCreated | AssetContentStored | AssetDescribed),
    leaves_out=classes(AssetPurgeRequested | AssetContentPurged | AssetReferenceChange)
    | (classes(AssetStateChange) - {AssetDescribed})
    | OF_JOBS
    | OF_TENANTS,
    sliced_by="originator",
    final=_has_ended,
)

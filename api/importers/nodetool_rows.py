"""What the columns of nodetool's tables mean. Any may be missing, null or of another type."""

import math
from datetime import datetime
from decimal import Decimal
from pathlib import PurePath
from typing import Any, Final

from api.application.imports.items import UNKNOWN_MEDIA, JobItem, amount, moment, new_asset, outside_id, written_out
from domain.asset.inputs import NewAsset
from domain.json_documents import check_document
from domain.strict_json import parse

Row = dict[str, Any]
FORMATS: Final = {
    "audio/mp4": "m4a",
    "audio/mpeg": "mp3",
    "audio/vnd.wave": "wav",
    "audio/x-wav": "wav",
    "image/svg+xml": "svg",
    "text/plain": "text",
    "video/quicktime": "mov",
    "video/x-matroska": "mkv",
    "video/x-msvideo": "avi",
}
"""The formats of content types whose second half is not the name of one."""
DOCUMENTS: Final = frozenset({"application/pdf", "application/json"})


def is_folder(row: Row) -> bool:
    """Whether the row is a folder of assets."""
    return bool(row.get("content_type") == "folder")


def id_of(row: Row) -> str:
    """The row's id; ValueError if it has none."""
    id_ = _short(row, "id")
    if id_ is None:
        raise ValueError("has no id")
    return id_


def suffix_of(row: Row) -> str:
    """The ending of the asset's name, with its dot."""
    return PurePath(_text(row, "name") or "").suffix


def asset_of(row: Row) -> NewAsset:
    """What to record of an asset; ValueError if the ledger would refuse it.

    Metadata that is no JSON object is kept as the member `metadata` of one. The folder of an asset at the top is its
    user, and no reference.
    """
    user, parent = _text(row, "user_id"), _text(row, "parent_id")
    content = {"content_type": _text(row, "content_type"), "size": _size(row.get("size"))}
    return new_asset(
        {
            "media": _media(row),
            "name": _text(row, "name"),
            "metadata": _metadata(_text(row, "metadata")),
            "content": content if any(value is not None for value in content.values()) else None,
            "subject": user,
            "workflow_id": _text(row, "workflow_id"),
            "node_id": _text(row, "node_id"),
            "run": _text(row, "job_id"),
            "references": [{"kind": "folder", "id": parent}] if parent and parent != user else [],
        }
    )


def job_of(row: Row) -> JobItem:
    """The job of a row; ValueError for an id that cannot be stored."""
    id_ = id_of(row)
    cost, problem = _cost(row)
    return JobItem(
        f"job:{id_}",
        id_,
        workflow=_short(row, "workflow_id"),
        status=_short(row, "status"),
        started_at=time_of(row, "started_at"),
        finished_at=time_of(row, "finished_at"),
        error=written_out(_text(row, "error") or "") or None,
        cost=cost,
        subject=_short(row, "user_id"),
        problem=problem,
    )


def _text(row: Row, column: str) -> str | None:
    """What the column says; nothing at all is null."""
    value = row.get(column)
    if isinstance(value, bytes):
        value = value.decode(errors="surrogateescape")
    return str(value) if value not in {None, ""} else None


def _short(row: Row, column: str) -> str | None:
    """What a column for ids says; ValueError for what is no id."""
    text = _text(row, column)
    try:
        return None if text is None else outside_id(text)
    except ValueError as error:
        raise ValueError(f"{column}: {error}") from error


def time_of(row: Row, column: str) -> datetime | None:
    """The time in the column; what is none is unknown, and no reason to leave out the rest."""
    try:
        return moment(row.get(column))
    except ValueError:
        return None


def _media(row: Row) -> dict[str, Any]:
    type_ = (_text(row, "content_type") or "").partition(";")[0].strip().lower()
    kind, _, format_ = type_.partition("/")
    if kind == "text" or type_ in DOCUMENTS:
        kind = "document"
    if kind not in {"image", "video", "audio", "document"}:
        return UNKNOWN_MEDIA
    media = {"media_kind": kind, "format": FORMATS.get(type_, format_.removeprefix("x-"))}
    duration = _amount(row.get("duration")) if kind in {"video", "audio"} else None
    return media | {"duration": duration} if duration else media


def _metadata(text: str | None) -> dict[str, Any] | None:
    try:
        value = parse((text or "null").encode())
        check_document({"metadata": value})
    except ValueError:  # what is no I-JSON is kept as it is written
        value = text
    return (value if isinstance(value, dict) else {"metadata": value}) if value not in (None, {}) else None


def _size(value: object) -> int | None:
    size = _amount(value)
    return int(size) if size is not None and size.is_integer() and size < 2**53 else None


def _cost(row: Row) -> tuple[Decimal | None, str | None]:
    """What the job cost, as far as that is known, or why it is not."""
    text = _text(row, "cost")
    try:
        return (None if text is None else amount(text)), None
    except ValueError as error:
        return None, f"its cost {error}"


def _amount(value: object) -> float | None:
    """The number, None for what is no amount of anything."""
    return float(value) if isinstance(value, int | float) and 0 <= value < math.inf else None

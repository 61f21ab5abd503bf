"""Where imported assets and jobs come from."""

from typing import Any

from domain.model import Frozen
from domain.utc_time import UtcTime


class Imported(Frozen):
    """Where something comes from that was recorded by an importer: its place at a source, and the times it has there.

    They are the source's word. When it was recorded here is in the envelope, as of every event.
    """

    source: str
    place: str
    created_at: UtcTime | None = None
    started_at: UtcTime | None = None
    finished_at: UtcTime | None = None


def imported_from(imported: Imported | None) -> dict[str, Any] | None:
    """The same as JSON, without what is not known."""
    return imported.model_dump(mode="json", exclude_none=True) if imported else None

"""Uploads under way: a row is there before the first byte, and goes together with the event, or after the object.

Before an object is removed its upload is revoked, and that is committed: from then on nothing of it is recorded. So no
event can say that bytes are there which somebody has removed.
"""

from collections.abc import Mapping
from contextlib import suppress
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from domain.asset.events import Content
from infra.content.store import ContentStore
from infra.database import Database
from infra.sql import load_statements
from infra.tenant_table import TenantTable

LANDING = "landing"


class Upload(NamedTuple):
    """An upload under way: for which asset, what was announced of it, and until when it may take.

    A document that does not fit into its event is one too, of an asset or a job, with nothing announced.
    """

    content_id: UUID
    asset_id: UUID
    size: int | None
    sha256: str | None
    content_type: str | None
    parts: str | None
    """The store's own id of it, if it comes in parts."""
    part_size: int | None
    expires_at: datetime
    move_count: int
    """How often bytes were moved from the landing key."""

    @property
    def announced(self) -> Content:
        """The announced type, size and digest."""
        return Content(content_type=self.content_type, size=self.size, sha256=self.sha256)


def object_key(tenant_id: UUID, asset_id: UUID, content_id: UUID) -> str:
    """The content's key in the store. It holds no text of a caller."""
    return f"{tenant_id}/{asset_id}/{content_id}"


def landing_key(key: str) -> str:
    """The key that a signed URL writes to: the URL outlives the upload and must not reach recorded content."""
    return f"{LANDING}/{key}"


def landed_keys(store: ContentStore) -> dict[UUID, dict[UUID, str]]:
    """The landing keys that still have an object, by tenant and content. StoreUnavailableError."""
    keys: dict[UUID, dict[UUID, str]] = {}
    for key, _ in store.objects(f"{LANDING}/"):
        with suppress(ValueError):  # something that is none of ours
            tenant_id, _, content_id = (UUID(name) for name in key.split("/")[1:])
            keys.setdefault(tenant_id, {})[content_id] = key
    return keys


def remove(store: ContentStore, key: str) -> None:
    """Remove an object, and then the thumbnails and other objects derived from it. StoreUnavailableError."""
    store.delete(key)  # first: who is just deriving something looks afterwards whether it is still there
    for derived, _ in list(store.objects(f"{key}.")):
        store.delete(derived)


def discard(store: ContentStore, tenant_id: UUID, upload: Upload) -> None:
    """Remove all that has arrived of an upload. StoreUnavailableError."""
    key = object_key(tenant_id, upload.asset_id, upload.content_id)
    if upload.parts is not None:
        store.abort(key, upload.parts)
    store.delete(landing_key(key))
    remove(store, key)


class UploadTable(TenantTable):
    """One tenant's uploads under way."""

    statements = load_statements(__file__, "upload_table.sql")

    def begin(
        self,
        content_id: UUID,
        asset_id: UUID,
        announced: Content,
        seconds: float,
        parts: str | None = None,
        part_size: int | None = None,
    ) -> Upload:
        """Begin an upload: its row is committed before the store has a byte of it."""
        details = {"asset_id": asset_id, "parts": parts, "part_size": part_size, "seconds": seconds, **vars(announced)}
        (row,) = self._run_repeatable("begin", content_id=content_id, **details)
        return Upload(*row)

    def begin_each(self, asset_ids: Mapping[UUID, UUID], seconds: float) -> list[Upload]:
        """Begin many uploads of unannounced size and type; `asset_ids` maps each content id to its asset."""
        ids = {"content_ids": list(asset_ids), "asset_ids": list(asset_ids.values())}
        return [Upload(*row) for row in self._run_repeatable("begin_each", seconds=seconds, **ids)]

    def find(self, asset_id: UUID, content_id: UUID) -> Upload | None:
        """The upload; None if it is not under way."""
        rows = self._read("find", asset_id=asset_id, content_id=content_id)
        return Upload(*rows[0]) if rows else None

    def lock(self, content_id: UUID) -> int | None:
        """Lock the upload until the transaction around ends; returns its move count, None if it is not under way."""
        rows = self._read("lock", content_id=content_id)
        return rows[0][0] if rows else None

    def count_move(self, content_id: UUID) -> int:
        """Count a move of its bytes, in the transaction that locked it; returns the new count."""
        ((move_count,),) = self._run("count_move", content_id=content_id)
        return int(move_count)

    def end(self, *content_ids: UUID) -> bool:
        """Delete the rows in the transaction that records the content; returns whether all were under way."""
        return len(self._run("end", content_ids=list(content_ids))) == len(content_ids)

    def next_expired(self) -> Upload | None:
        """An expired upload that is due, locked for the surrounding transaction; None if there is none."""
        rows = self._run("next_expired")
        return Upload(*rows[0]) if rows else None

    def revoke(self, content_id: UUID) -> bool:
        """Mark the upload as never to be recorded, since its object will be removed; returns whether there was one.

        Commit this before the object is removed. A failed removal is due again, ever less often.
        """
        return bool(self._run("revoke", content_id=content_id))

    def forget(self, content_id: UUID) -> bool:
        """Delete the row of a revoked upload whose object is gone; returns whether there was one."""
        return bool(self._run("forget", content_id=content_id))

    def under_way(self) -> set[UUID]:
        """The content ids that the store may have and the log has not."""
        return {row[0] for row in self._read("under_way")}


def tenants_with_due_content(database: Database) -> list[UUID]:
    """Tenants whose uploads were left behind, or whose content is about to go.

    Needs the role that sees every tenant. One statement: an idle service asks every two seconds.
    """
    return [row[0] for row in database.execute(UploadTable.statements["tenants_with_due_content"])]

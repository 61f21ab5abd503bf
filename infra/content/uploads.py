"""Uploads under way: a row is there before the first byte, and goes together with the event, or after the object.

Before an object is removed its upload is revoked, and that is committed: from then on nothing of it is recorded. So no
event can say that bytes are there which somebody has removed.
"""

from collections.abc import Mapping, Sequence
from contextlib import suppress
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

from domain.asset.events import Content
from infra.content.store import ContentStore
from infra.database import Database
from infra.sql import beside

_SQL = beside(__file__, "uploads.sql")
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
    taken: int
    """How often bytes were taken from where they land."""

    @property
    def announced(self) -> Content:
        """What the bytes are to be."""
        return Content(content_type=self.content_type, size=self.size, sha256=self.sha256)


def object_key(tenant_id: UUID, asset_id: UUID, content_id: UUID) -> str:
    """Where in the store the content is. Nothing that a caller says has a part in it."""
    return f"{tenant_id}/{asset_id}/{content_id}"


def landing_key(key: str) -> str:
    """Where lands what is PUT to a signed URL, which outlives the upload and must not reach what is recorded."""
    return f"{LANDING}/{key}"


def landed(store: ContentStore) -> dict[UUID, dict[UUID, str]]:
    """The keys of all that has landed and was not taken yet, by tenant and content. StoreUnavailableError."""
    found: dict[UUID, dict[UUID, str]] = {}
    for key, _ in store.objects(f"{LANDING}/"):
        with suppress(ValueError):  # something that is none of ours
            tenant_id, _, content_id = (UUID(name) for name in key.split("/")[1:])
            found.setdefault(tenant_id, {})[content_id] = key
    return found


def remove(store: ContentStore, key: str) -> None:
    """Remove an object, and then what was derived from it and is beside it. StoreUnavailableError."""
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


class Uploads:
    """One tenant's uploads under way."""

    def __init__(self, database: Database, tenant_id: UUID) -> None:
        self._database = database
        self._tenant_id = tenant_id

    def begin(
        self,
        content_id: UUID,
        asset_id: UUID,
        announced: Content,
        seconds: float,
        parts: str | None = None,
        part_size: int | None = None,
    ) -> Upload:
        """Note that an object may come to be in the store, committed before any byte is there."""
        row = {"asset_id": asset_id, "parts": parts, "part_size": part_size, "seconds": seconds, **vars(announced)}
        (begun,) = self._run_again("begin", content_id=content_id, **row)
        return Upload(*begun)

    def begin_each(self, asset_ids: Mapping[UUID, UUID], seconds: float) -> list[Upload]:
        """The same for many objects, of which nothing is announced: the asset of each by its content id."""
        row = {"content_ids": list(asset_ids), "asset_ids": list(asset_ids.values()), "seconds": seconds}
        return [Upload(*begun) for begun in self._run_again("begin_each", **row)]

    def find(self, asset_id: UUID, content_id: UUID) -> Upload | None:
        """The upload; None if it is not under way."""
        rows = self._read("find", asset_id=asset_id, content_id=content_id)
        return Upload(*rows[0]) if rows else None

    def lock(self, content_id: UUID) -> int | None:
        """Let nobody else touch the upload until the transaction around ends.

        Returns how often bytes were taken for it; None if it is not under way.
        """
        rows = self._read("lock", content_id=content_id)
        return rows[0][0] if rows else None

    def take(self, content_id: UUID) -> int:
        """Note, as part of the transaction around that locked it, that its bytes are others now; returns how often."""
        ((taken,),) = self._run("take", content_id=content_id)
        return int(taken)

    def end(self, *content_ids: UUID) -> bool:
        """Note, as part of the transaction around, that the log knows of them; returns whether all were under way."""
        return len(self._run("end", content_ids=list(content_ids))) == len(content_ids)

    def next_expired(self) -> Upload | None:
        """One whose time is over and whose turn it is, locked for the transaction around; None if there is none."""
        rows = self._run("next_expired")
        return Upload(*rows[0]) if rows else None

    def revoke(self, content_id: UUID) -> bool:
        """Note that nothing of it will be recorded, and that its object goes; returns whether it was under way.

        To be committed before the object is removed. Where that fails, its turn comes again, ever less often.
        """
        return bool(self._run("revoke", content_id=content_id))

    def forget(self, content_id: UUID) -> bool:
        """Note that the object of a revoked upload is gone; returns whether nobody had noted it."""
        return bool(self._run("forget", content_id=content_id))

    def under_way(self) -> set[UUID]:
        """The contents that may be in the store without the log knowing of them."""
        return {row[0] for row in self._read("under_way")}

    def _read(self, statement: str, **parameters: object) -> Sequence[tuple[Any, ...]]:
        with self._database.reading(self._tenant_id) as connection:
            return connection.execute(_SQL[statement], {"tenant_id": self._tenant_id, **parameters}).fetchall()

    def _run_again(self, statement: str, **parameters: object) -> Sequence[tuple[Any, ...]]:
        def work() -> Sequence[tuple[Any, ...]]:
            return self._run(statement, **parameters)

        return self._database.atomically(self._tenant_id, work, repeatable=True)

    def _run(self, statement: str, **parameters: object) -> Sequence[tuple[Any, ...]]:
        with self._database.transaction(self._tenant_id) as connection:
            return connection.execute(_SQL[statement], {"tenant_id": self._tenant_id, **parameters}).fetchall()


def tenants_with_expired_uploads(database: Database) -> list[UUID]:
    """Tenants whose uploads were left behind. Needs the role that sees every tenant."""
    with database.connection() as connection:
        return [row[0] for row in connection.execute(_SQL["tenants_with_expired"]).fetchall()]

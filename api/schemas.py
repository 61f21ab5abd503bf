"""What the API answers with. What it accepts are the domain's own inputs."""

from collections.abc import Callable
from dataclasses import asdict
from typing import Annotated, Any, Literal, Self, cast
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, JsonValue, computed_field

from domain.asset.inputs import Reasoned, References
from domain.event import Actor, Authenticated
from domain.media import Media
from domain.reference import ReferenceText
from domain.stored import reader
from domain.values import Imported, JsonObject, UtcTime, example
from infra.media.thumbnails import has_thumbnail, has_waveform
from projections.assets.fold import AssetRow
from projections.history import Entry

AssetStatus = Literal["pending", "ready", "failed", "deleted"]


WHOLE = (
    "Whole in the answer to one asset or one job. A list shows what is too large for an event by its reference, "
    '`{"$document": {"id": …, "sha256": …, "size": …}}`, and so does every answer when it is lost.'
)


def is_none(value: object) -> bool:
    return value is None


def is_false(value: object) -> bool:
    return value is False


ASSET = {
    "id": "0193483c-5a5e-7d1c-9a30-0d7c41f5c6b1",
    "status": "ready",
    "media": {"media_kind": "image", "format": "png", "width": 512, "height": 512},
    "name": "Castle at dusk",
    "tags": ["concept"],
    "scope": "world:w1",
    "origin": ["workflow:w7", "node:n3", "model:sdxl"],
    "links": ["message:m_91"],
    "revision": 1,
    "position": 3,
}
ENTRY = {
    "position": 4,
    "asset_id": "0193483c-5a5e-7d1c-9a30-0d7c41f5c6b1",
    "revision": 2,
    "topic": "asset.described",
    "time": "2026-11-20T12:00:00.123456Z",
    "actor": {"id": "u_42", "type": "user"},
    "authenticated": {
        "key": "0193483c-0000-7000-8000-0000000000c1",
        "holder": {"id": "studio", "type": "worker"},
    },
    "reason": "the client likes it",
    "correlation_id": "req-17",
    "changes": [{"field": "tags", "before": ["concept"], "after": ["concept", "approved"]}],
}


class AssetContent(BaseModel):
    """What is known of an asset's bytes."""

    content_type: str | None
    size: int | None
    sha256: str | None
    version: int | None = Field(
        default=None, exclude_if=is_none, description="Its content version; absent: described, but not stored here."
    )
    purged: bool = Field(default=False, exclude_if=is_false, description="Whether the bytes are gone for good.")
    problem: str | None = Field(
        default=None, exclude_if=is_none, description="Why the bytes could not be understood, or do not fit."
    )
    embedded: JsonObject | None = Field(
        default=None, exclude_if=is_none, description="What was found inside: prompts, EXIF, and the like."
    )


class Asset(BaseModel):
    """An asset as it is, or as it was at the moment asked for. References are written `kind:id`."""

    model_config = example(**ASSET) | ConfigDict(from_attributes=True)

    id: UUID
    status: AssetStatus
    media: Media
    content: AssetContent | None
    name: str | None
    file_name: str | None
    description: str | None
    tags: list[str]
    metadata: JsonObject | None = Field(description=WHOLE)
    prompt_spec: JsonObject | None = Field(description=WHOLE)
    source_url: str | None
    imported: Imported | None = Field(description="Where an importer found it, with the times it had there.")
    subject: str | None = Field(description="The person whose data this holds; null: the tenant.")
    scope: str | None = Field(description="The one reference the asset belongs to.")
    origin: list[str] = Field(description="The references that say what made the asset. They never change.")
    links: list[str] = Field(description="All other references. They come and go.")
    holds: list[str] = Field(description="Legal holds, which block purge and erasure.")
    created_at: UtcTime
    created_by: str = Field(description="The actor, written `type:id`.")
    updated_at: UtcTime
    updated_by: str
    deleted_at: UtcTime | None
    revision: int = Field(description="The number of events of the asset so far; also its ETag.")
    position: int = Field(description="The last event's place in the tenant's log.")

    @computed_field(description="Where its bytes are; null until they are there.")  # type: ignore[prop-decorator]
    @property
    def url(self) -> str | None:
        content = self.content
        if content is None or content.version is None or content.purged:
            return None
        return self._path("content")

    @computed_field(description="Where a small picture of it is; null if there is none.")  # type: ignore[prop-decorator]
    @property
    def thumbnail_url(self) -> str | None:
        return self._path("thumbnail") if self._has(has_thumbnail) else None

    @computed_field(description="Where a picture of its sound is; null if it has none.")  # type: ignore[prop-decorator]
    @property
    def waveform_url(self) -> str | None:
        return self._path("waveform") if self._has(has_waveform) else None

    def _has(self, picture: Callable[[str | None, Media, str | None], bool]) -> bool:
        content = self.content
        if self.url is None or content is None:
            return False
        return picture(content.content_type, self.media, content.problem)

    def _path(self, what: str) -> str:
        return f"/v1/assets/{self.id}/{what}"

    @classmethod
    def of(cls, row: AssetRow) -> Self:
        """The asset of a row, read by its shape: what is recorded was checked when it was."""
        return cast("Self", _asset.validate_python(row))


_asset = reader(Asset)


class AssetPage(BaseModel):
    """A page of assets."""

    model_config = example(items=[ASSET], next="MTcuM2Yy")

    items: list[Asset]
    next: str | None = Field(description="Give it as `cursor` for the next page; null at the end.")
    total: int | None = Field(
        default=None,
        exclude_if=is_none,
        description="How many there are in all, if `total=true` asks for it.",
    )


class FieldChange(BaseModel):
    """One field before and after an event."""

    field: str
    before: JsonValue
    after: JsonValue


class EventEntry(BaseModel):
    """One event: who, when, what, before and after, why, on whose request."""

    position: int
    asset_id: UUID | None = Field(description="The asset it happened to, if it was one.")
    job_id: UUID | None = Field(description="The job it happened to, if it was one.")
    revision: int
    topic: str
    time: UtcTime = Field(description="When it took effect: never earlier than an earlier position's.")
    recorded_at: UtcTime = Field(description="The server's clock when it was decided.")
    actor: Actor = Field(description="Who acted, as the caller says.")
    authenticated: Authenticated | None = Field(
        description="Which key acted, and to whom it was issued. Null: the ledger itself, an operator on the command "
        "line, or an event from before this was recorded."
    )
    subject: str | None
    reason: str | None
    correlation_id: str = Field(description="The request id it came with.")
    causation_id: str | None
    changes: list[FieldChange]

    @classmethod
    def of(cls, entry: Entry) -> Self:
        """The event of a history entry."""
        fields: dict[str, Any] = {**asdict(entry), "actor": entry.actor, "authenticated": entry.authenticated}
        originator_id, kind = fields.pop("originator_id"), entry.topic.partition(".")[0]
        return cls(
            asset_id=originator_id if kind == "asset" else None,
            job_id=originator_id if kind == "job" else None,
            **fields,
        )


class EventPage(BaseModel):
    """A page of events."""

    model_config = example(items=[ENTRY], next=None)

    items: list[EventEntry]
    next: str | None = Field(description="Give it as `cursor` for the next page; null at the end.")


class LinkRequest(Reasoned):
    """References to link an asset to, or to take away."""

    model_config = example(references=["message:m_91"], reason="shown to the client")

    references: Annotated[References, Field(min_length=1)]


class UnlinkQuery(Reasoned):
    """References to take away."""

    ref: Annotated[
        tuple[ReferenceText, ...],
        Field(min_length=1, max_length=200, description="Written `kind:id`; repeat it for several."),
    ]


class Problem(BaseModel):
    """What went wrong (RFC 9457)."""

    model_config = example(
        type="urn:asset-ledger:problem:stale-revision",
        title="Stale revision",
        status=412,
        detail="If-Match names revision 1, but the current one is 2.",
        request_id="0193483c-5a5e-7d1c-9a30-0d7c41f5c6b2",
    )

    type: str = Field(description="Stays the same for the same kind of problem.")
    title: str
    status: int
    detail: str = Field(description="What to know about this occurrence.")
    request_id: str
    errors: list["FieldProblem"] | None = Field(
        default=None, exclude_if=is_none, description="For 422: which fields, and why."
    )


class FieldProblem(BaseModel):
    """Why one field of a request was refused."""

    field: str = Field(description="Where it is, such as `body.media.image.page_count`.")
    message: str


class Health(BaseModel):
    """Whether the service works; where projections have stopped; what goes on in the background of this process."""

    model_config = example(
        status="ok", failures=[], watches=[], problems=[], threads=[{"name": "follower", "works": True, "seconds": 0.2}]
    )

    status: Literal["ok", "failing"]
    failures: list["ProjectionFailure"]
    watches: list[str] = Field(
        description="Threads of this process that have ended, are in trouble, or fail again and again, "
        "such as `follower` or `lease-watch`."
    )
    problems: list[str] = Field(
        description="What else somebody has to look at, such as `database`, `following` (nobody folds what is "
        "recorded) or `content-disk`. The service's log says more.",
    )
    threads: list["ThreadHealth"] = Field(description="The threads that work in the background of this process.")


class Liveness(BaseModel):
    """Whether this process works by itself: if not, it is to be started anew."""

    model_config = example(status="ok", threads=[{"name": "follower", "works": True, "seconds": 0.2}])

    status: Literal["ok", "failing"]
    threads: list["ThreadHealth"]


class Readiness(BaseModel):
    """Whether this process can serve requests: if not, they are to go to others for now."""

    model_config = example(status="ok", problems=[])

    status: Literal["ok", "failing"]
    problems: list[str] = Field(description="Why not, such as `database` or `schema`. The service's log says more.")


class ThreadHealth(BaseModel):
    """A thread that works in the background of this process."""

    name: str
    works: bool
    seconds: float = Field(description="Since the last sign of life.")


class ProjectionFailure(BaseModel):
    """A projection that met an event it cannot fold, or cannot open yet."""

    projection: str
    version: int
    tenants: int = Field(description="Of how many tenants.")
    tenant_id: UUID | None = Field(
        default=None, exclude_if=is_none, description="The tenant of the key that came with the request, if it is one."
    )
    position: int | None = Field(
        default=None, exclude_if=is_none, description="The position in that tenant's log of the event it stopped at."
    )

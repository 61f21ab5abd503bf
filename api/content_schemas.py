"""What uploads are asked for with, and answered with."""

from typing import Annotated, Self
from uuid import UUID

from pydantic import BaseModel, Field

from api.bodies import said_type
from domain.asset.events import Content, Sha256
from domain.asset.inputs import Name, NewAsset
from domain.values import Frozen, Text, UtcTime, example
from infra.content.store import Part
from infra.content.uploads import Upload

SMALLEST_PART = 5 * 2**20
LARGEST_PART = 5 * 2**30
UPLOAD = {
    "id": "0193483c-5a5e-7d1c-9a30-0d7c41f5c6b7",
    "asset_id": "0193483c-5a5e-7d1c-9a30-0d7c41f5c6b1",
    "size": 1_048_576,
    "sha256": "0" * 64,
    "content_type": "image/png",
    "part_size": None,
    "expires_at": "2026-11-21T12:00:00.123456Z",
    "url": "http://127.0.0.1:8000/v1/content/…",
    "headers": {"Content-Type": "image/png"},
    "parts": None,
}


class NewUpload(Frozen):
    """Content that is to be sent to a signed URL: what it will be, as far as that is known."""

    model_config = example(size=1_048_576, content_type="image/png", sha256="0" * 64)

    size: Annotated[int, Field(ge=0, lt=2**53)] | None = None
    sha256: Sha256 | None = Field(default=None, description="Its SHA-256 in lower-case hex.")
    content_type: Annotated[Text, Field(min_length=1, max_length=255)] | None = None
    part_size: Annotated[int, Field(ge=SMALLEST_PART, le=LARGEST_PART)] | None = Field(
        default=None, description="Send it in parts of so many bytes; the last one may be smaller."
    )

    def content(self) -> Content:
        """What is announced."""
        return Content(content_type=said_type(self.content_type), size=self.size, sha256=self.sha256)


class UploadParts(Frozen):
    """The parts of an upload form: what is said first, and the bytes last."""

    model_config = example(asset={"media": {"media_kind": "image"}, "workflow_id": "w7"}, file="(the bytes)")

    asset: NewAsset | None = Field(default=None, description="As JSON; absent: what it is follows from the bytes.")
    sha256: Sha256 | None = Field(default=None, description="The SHA-256 of the bytes in lower-case hex.")
    file: bytes = Field(
        description="The bytes, with their name and media type.", json_schema_extra={"format": "binary"}
    )


class ArrivedPart(BaseModel):
    """A part that has arrived."""

    number: int
    size: int = Field(description="In bytes.")


class PendingUpload(BaseModel):
    """An upload under way."""

    model_config = example(**UPLOAD)

    id: UUID
    asset_id: UUID
    size: int | None
    sha256: str | None
    content_type: str | None
    part_size: int | None
    expires_at: UtcTime = Field(description="Until when it must be completed; then what has arrived is removed.")
    url: str | None = Field(default=None, description="Where to PUT the bytes; null for an upload in parts.")
    headers: dict[str, str] = Field(default={}, description="What the PUT must carry.")
    parts: list[ArrivedPart] | None = Field(default=None, description="Of an upload in parts: those that arrived.")

    @classmethod
    def of(cls, upload: Upload, *, url: str | None = None, parts: list[Part] | None = None) -> Self:
        """The upload, with where to send its bytes, or with the parts of it that have arrived."""
        return cls(
            id=upload.content_id,
            asset_id=upload.asset_id,
            size=upload.size,
            sha256=upload.sha256,
            content_type=upload.content_type,
            part_size=upload.part_size,
            expires_at=upload.expires_at,
            url=url,
            headers={"Content-Type": upload.content_type} if url and upload.content_type else {},
            parts=None if parts is None else [ArrivedPart(number=part.number, size=part.size) for part in parts],
        )


class PartsWanted(Frozen):
    """Which parts to send next."""

    model_config = example(numbers=[1, 2])

    numbers: Annotated[list[Annotated[int, Field(ge=1, le=10_000)]], Field(min_length=1, max_length=100)]


class PartUrl(BaseModel):
    """Where to PUT one part."""

    number: int
    url: str


class PartUrls(BaseModel):
    """Where to PUT the parts."""

    model_config = example(items=[{"number": 1, "url": "http://127.0.0.1:8000/v1/content/…"}])

    items: list[PartUrl]


class Completed(Frozen):
    """That the bytes have been sent."""

    model_config = example(file_name="castle.png")

    file_name: Name | None = Field(
        default=None, description="Helps to tell what the bytes are, where they alone do not say. It is not kept."
    )


class PurgeReport(BaseModel):
    """What a purge selects. Unless it was a dry run, it is decided, and the bytes go as soon as the store lets them."""

    model_config = example(dry_run=True, assets=12, bytes=9_000_000, held=[], changed=[])

    dry_run: bool
    assets: int = Field(description="Assets whose content goes.")
    bytes: int = Field(description="How many bytes the newest versions of it have.")
    held: list[UUID] = Field(description="Assets that stay, since they are under a legal hold.")
    changed: list[UUID] = Field(
        description="Assets that stay, since they changed while the lists were read: the filter may not mean them any "
        "more. Ask again."
    )

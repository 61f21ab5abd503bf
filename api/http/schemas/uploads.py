"""Requests and answers about uploads, and the report of a purge."""

from typing import Annotated, Self
from uuid import UUID

from pydantic import BaseModel, Field

from domain.asset.events import Content, Sha256
from domain.asset.inputs import Name, NewAsset
from domain.media import media_type
from domain.model import Frozen, example
from domain.text import Text
from domain.utc_time import UtcTime
from infra.content.store import SMALLEST_PART, Part
from infra.content.upload_table import Upload

LARGEST_PART = 5 * 2**30


class NewUpload(Frozen):
    """Content to be sent to a signed URL, as far as it is known."""

    model_config = example(size=1_048_576, content_type="image/png", sha256="0" * 64)

    size: Annotated[int, Field(ge=0, lt=2**53)] | None = None
    sha256: Sha256 | None = Field(default=None, description="The SHA-256 of the bytes in lower-case hex.")
    content_type: Annotated[Text, Field(min_length=1, max_length=255)] | None = None
    part_size: Annotated[int, Field(ge=SMALLEST_PART, le=LARGEST_PART)] | None = Field(
        default=None, description="The size of each part in bytes, to send it in parts; the last part may be smaller."
    )

    def content(self) -> Content:
        """The announced content."""
        return Content(content_type=media_type(self.content_type), size=self.size, sha256=self.sha256)


class UploadParts(Frozen):
    """The fields of an upload form. The bytes come last."""

    model_config = example(asset={"media": {"media_kind": "image"}, "workflow_id": "w7"}, file="(the bytes)")

    asset: NewAsset | None = Field(
        default=None,
        description="The asset as JSON. Absent: its media is derived from the bytes.",
    )
    sha256: Sha256 | None = Field(default=None, description="The SHA-256 of the bytes in lower-case hex.")
    file: bytes = Field(
        description="The bytes, with their name and media type.", json_schema_extra={"format": "binary"}
    )


class ArrivedPart(BaseModel):
    """A received part."""

    number: int
    size: int = Field(description="The size in bytes.")


class PendingUpload(BaseModel):
    """An open upload."""

    model_config = example(
        id="0193483c-5a5e-7d1c-9a30-0d7c41f5c6b7",
        asset_id="0193483c-5a5e-7d1c-9a30-0d7c41f5c6b1",
        size=1_048_576,
        sha256="0" * 64,
        content_type="image/png",
        part_size=None,
        expires_at="2026-11-21T12:00:00.123456Z",
        url="http://127.0.0.1:8000/v1/content/…",
        headers={"Content-Type": "image/png"},
        parts=None,
    )

    id: UUID
    asset_id: UUID
    size: int | None
    sha256: str | None
    content_type: str | None
    part_size: int | None
    expires_at: UtcTime = Field(description="When the upload expires. What was received until then is removed.")
    url: str | None = Field(default=None, description="The URL to PUT the bytes to; null for an upload in parts.")
    headers: dict[str, str] = Field(default={}, description="The headers that the PUT must have.")
    parts: list[ArrivedPart] | None = Field(default=None, description="The received parts of an upload in parts.")

    @classmethod
    def of(cls, upload: Upload, *, url: str | None = None, parts: list[Part] | None = None) -> Self:
        """The upload, with the URL to send its bytes to, or with the received parts."""
        own = {
            "id": upload.content_id,
            "url": url,
            "headers": {"Content-Type": upload.content_type} if url and upload.content_type else {},
            "parts": None if parts is None else [{"number": part.number, "size": part.size} for part in parts],
        }
        return cls(**upload._asdict() | own)


class PartsWanted(Frozen):
    """The numbers of the parts to send next."""

    model_config = example(numbers=[1, 2])

    numbers: Annotated[list[Annotated[int, Field(ge=1, le=10_000)]], Field(min_length=1, max_length=100)]


class PartUrl(BaseModel):
    """The URL to PUT one part to."""

    number: int
    url: str


class PartUrls(BaseModel):
    """The URLs to PUT the parts to."""

    model_config = example(items=[{"number": 1, "url": "http://127.0.0.1:8000/v1/content/…"}])

    items: list[PartUrl]


class Completed(Frozen):
    """The request to complete an upload."""

    model_config = example(file_name="castle.png")

    file_name: Name | None = Field(
        default=None, description="Helps to recognise the media type where the bytes do not show it. Not recorded."
    )


class PurgeReport(BaseModel):
    """The assets that a purge selects. Unless it is a dry run, their bytes are removed in the background."""

    model_config = example(dry_run=True, assets=12, bytes=9_000_000, held=[], changed=[])

    dry_run: bool
    assets: int = Field(description="The number of assets whose content is purged.")
    bytes: int = Field(description="The size of their newest content versions in bytes.")
    held: list[UUID] = Field(description="Assets that are not purged, because they are under a legal hold.")
    changed: list[UUID] = Field(
        description="Assets that are not purged, because they changed meanwhile and may not match the filter any more. "
        "Repeat the request."
    )

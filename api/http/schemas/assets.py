"""Assets in answers, and the requests about links. New assets are inputs of the domain."""

from collections.abc import Callable
from operator import not_
from typing import Annotated, Self, cast
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, computed_field

from api.http.schemas import optional
from domain.asset.events import AssetStatus
from domain.asset.inputs import Reasoned, References
from domain.json_documents import JsonObject
from domain.lenient_reading import reader
from domain.media import Media
from domain.model import example
from domain.provenance import Imported
from domain.reference import ReferenceText
from domain.utc_time import UtcTime
from infra.media.decodable import has_thumbnail, has_waveform
from projections.assets.fold import AssetRow

WHOLE = (
    "Whole in the answer to one asset or one job. In lists, a document that is too large for an event is a reference, "
    '`{"$document": {"id": …, "sha256": …, "size": …}}`; so is a lost document in every answer.'
)

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


class AssetContent(BaseModel):
    """The description of an asset's bytes."""

    content_type: str | None
    size: int | None
    sha256: str | None
    version: int | None = optional("The content version. Absent: the content is described, but not stored here.")
    purged: bool = Field(default=False, exclude_if=not_, description="Whether the bytes were removed for good.")
    problem: str | None = optional("Why the bytes could not be inspected, or contradict the declared media.")
    embedded: JsonObject | None = optional("Metadata found inside the file: prompts, EXIF, and the like.")


class AssetWithContent(BaseModel):
    """The first members of an asset, and those that follow from them."""

    id: UUID
    status: AssetStatus
    media: Media
    content: AssetContent | None

    @computed_field(description="The path of the bytes; null until they are stored.")  # type: ignore[prop-decorator]
    @property
    def url(self) -> str | None:
        content = self.content
        if content is None or content.version is None or content.purged:
            return None
        return self._path("content")

    @computed_field(description="The path of a small picture; null if there is none.")  # type: ignore[prop-decorator]
    @property
    def thumbnail_url(self) -> str | None:
        return self._path("thumbnail") if self._has(has_thumbnail) else None

    @computed_field(description="The path of a picture of the sound; null if there is none.")  # type: ignore[prop-decorator]
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


class Asset(AssetWithContent):
    """An asset, now or at the requested moment. References are written `kind:id`."""

    model_config = example(**ASSET) | ConfigDict(from_attributes=True)

    name: str | None
    file_name: str | None
    description: str | None
    tags: list[str]
    metadata: JsonObject | None = Field(description=WHOLE)
    prompt_spec: JsonObject | None = Field(description=WHOLE)
    source_url: str | None
    imported: Imported | None = Field(description="The asset's place and times at the source it was imported from.")
    subject: str | None = Field(description="The person whose personal data the asset has. Null: the tenant.")
    scope: str | None = Field(description="The one reference the asset belongs to.")
    origin: list[str] = Field(description="The references that say what made the asset. They never change.")
    links: list[str] = Field(description="All other references. They can be added and removed.")
    sources: list[UUID] = Field(description="The assets it was made from. They never change.")
    holds: list[str] = Field(description="Legal holds, which block purge and erasure.")
    created_at: UtcTime
    created_by: str = Field(description="The actor, written `type:id`.")
    updated_at: UtcTime
    updated_by: str
    deleted_at: UtcTime | None
    revision: int = Field(description="The number of the asset's events so far; also its ETag.")
    position: int = Field(description="The position of the last event in the tenant's log.")

    @classmethod
    def of(cls, row: AssetRow) -> Self:
        """The asset of a row, read without validating it again: its events were validated when they were recorded."""
        return cast("Self", _asset.validate_python(row))


_asset = reader(Asset)


class AssetPage(BaseModel):
    """A page of assets."""

    model_config = example(items=[ASSET], next="MTcuM2Yy")

    items: list[Asset]
    next: str | None = Field(description="The `cursor` of the next page; null at the end.")
    total: int | None = optional("The number of all matching assets, if requested with `total=true`.")


class LinkRequest(Reasoned):
    """References to link an asset to."""

    model_config = example(references=["message:m_91"], reason="shown to the client")

    references: Annotated[References, Field(min_length=1)]


class UnlinkQuery(Reasoned):
    """References to unlink."""

    ref: Annotated[
        tuple[ReferenceText, ...],
        Field(min_length=1, max_length=200, description="A reference, written `kind:id`. Repeat it for several."),
    ]

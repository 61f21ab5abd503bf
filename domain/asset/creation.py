"""The first decision about an asset: to record it."""

from uuid import UUID

from domain.asset.events import AssetCreated
from domain.asset.inputs import NewAsset
from domain.event import Context, Envelope
from domain.large_documents import check_sizes
from domain.model import of_valid
from domain.provenance import Imported
from domain.reference import ORIGIN_KINDS, distinct


def create(
    context: Context,
    tenant_id: UUID,
    asset_id: UUID,
    new: NewAsset,
    request_digest: str | None = None,
    imported: Imported | None = None,
) -> AssetCreated:
    """Record a new asset: the event, with the request's digest if a key made it. DocumentTooLargeError."""
    check_sizes(new.metadata, new.prompt_spec)
    scope = new.scope
    references = distinct(new.aliased() + new.references)
    return of_valid(
        AssetCreated,
        {
            "envelope": Envelope.of(context, tenant_id, asset_id, 1, new.subject),
            "media": new.media,
            "status": new.status,
            "content": new.content,
            "scope": scope,
            "origin": tuple([r for r in references if r.kind in ORIGIN_KINDS]),
            "references": tuple(
                [r for r in references if r.kind not in ORIGIN_KINDS and (scope is None or r != scope)]
            ),
            "request_digest": request_digest,
            "name": new.name,
            "file_name": new.file_name,
            "description": new.description,
            "tags": new.tags,
            "metadata": new.metadata,
            "prompt_spec": new.prompt_spec,
            "source_url": new.source_url,
            "imported": imported,
            "documents": None,
            "sources": new.sources or None,
        },
    )

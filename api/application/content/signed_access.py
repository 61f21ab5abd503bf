"""What holders of signed URLs do to objects of the directory store: no key of a tenant is asked for."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime

from api.application.content.verified_stream import VerifiedStream
from api.application.slots import ShareOwner
from domain.asset.events import Content
from domain.errors import ContentMismatchError, UploadNotFoundError
from domain.media import media_type
from infra.content.content_rules import ContentRules
from infra.content.directory import DirectoryStore
from infra.content.signed_urls import Grant, SignatureError, UrlSigner
from infra.content.store import ContentStore, ObjectNotFoundError


@dataclass(frozen=True)
class SignedContent:
    """Raises SignatureError for a URL that was not signed here, or has expired."""

    store: ContentStore
    signer: UrlSigner
    rules: ContentRules
    clock: Callable[[], datetime]
    """The database's, by which every process issues and checks URLs."""

    def write(self, grant: Grant, content_type: str | None, size: int | None, chunks: Iterable[bytes]) -> str:
        """Take the object, or a part of one; returns its tag.

        ContentMismatchError unless size and media type are those that were signed.
        """
        if grant.content_type is not None and media_type(content_type) != media_type(grant.content_type):
            raise ContentMismatchError(f"The URL takes content of the type {grant.content_type}.")
        if None not in {size, grant.size} and size != grant.size:
            raise ContentMismatchError(f"The URL takes {grant.size:,} bytes.")
        rules = self.rules if grant.most is None else replace(self.rules, most=min(grant.most, self.rules.most))
        stream = VerifiedStream(chunks, Content(size=grant.size), rules)
        if grant.upload is None or grant.part is None:
            self.store.write(grant.key, stream)
            return stream.sha256
        try:
            return self._directory.write_part(grant.key, grant.upload, grant.part, stream).etag
        except ObjectNotFoundError:
            raise UploadNotFoundError from None

    def grant(self, method: str, key: str, query: Mapping[str, str]) -> Grant:
        """What the holder of the URL may do."""
        self._directory  # noqa: B018 - raises
        return self.signer.verify(method, key, query, self.clock())

    @property
    def _directory(self) -> DirectoryStore:
        if not isinstance(self.store, DirectoryStore):
            raise SignatureError("Content is not stored in a directory here: nothing is signed for this service.")
        return self.store


def share_owners(grant: Grant) -> tuple[ShareOwner, ...]:
    """Those whose share the holder of a URL uses: the tenant of the object, and the URL, however often it is signed."""
    tenant_id, _, _ = grant.key.partition("/")
    return ShareOwner("tenant", tenant_id), ShareOwner("url", (grant.method, grant.key, grant.upload, grant.part))

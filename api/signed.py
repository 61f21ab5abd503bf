"""What holders of signed URLs do to objects of the directory store: no key of a tenant is asked for."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime

from api.arriving import Arriving
from api.bodies import said_type
from api.downloads import size_of
from domain.asset.events import Content
from domain.errors import ContentMismatchError, UploadNotFoundError
from infra.content.directory import DirectoryStore
from infra.content.rules import ContentRules
from infra.content.signing import Grant, SignatureError, UrlSigner
from infra.content.store import ContentStore, ObjectNotFoundError


@dataclass(frozen=True)
class SignedContent:
    """Raises SignatureError for a URL that was not signed here, or has expired."""

    store: ContentStore
    signer: UrlSigner
    rules: ContentRules
    clock: Callable[[], datetime]
    """The database's, by which every process issues and checks URLs."""

    def readable(self, key: str, query: Mapping[str, str]) -> tuple[DirectoryStore, Grant, int]:
        """The store, what the URL grants, and the object's size. ContentMissingError if it is gone."""
        store, grant = self._granted("GET", key, query)
        return store, grant, size_of(store, key)

    def write(
        self, key: str, query: Mapping[str, str], content_type: str | None, size: int | None, chunks: Iterable[bytes]
    ) -> str:
        """Take the object, or a part of one; returns its tag.

        ContentMismatchError unless size and media type are those that were signed.
        """
        store, grant = self._granted("PUT", key, query)
        if grant.content_type is not None and said_type(content_type) != said_type(grant.content_type):
            raise ContentMismatchError(f"The URL takes content of the type {grant.content_type}.")
        if None not in {size, grant.size} and size != grant.size:
            raise ContentMismatchError(f"The URL takes {grant.size:,} bytes.")
        rules = self.rules if grant.most is None else replace(self.rules, most=min(grant.most, self.rules.most))
        arriving = Arriving(chunks, Content(size=grant.size), rules)
        if grant.upload is None or grant.part is None:
            store.write(key, arriving)
            return arriving.sha256
        try:
            return store.write_part(key, grant.upload, grant.part, arriving).etag
        except ObjectNotFoundError:
            raise UploadNotFoundError from None

    def _granted(self, method: str, key: str, query: Mapping[str, str]) -> tuple[DirectoryStore, Grant]:
        grant = self.signer.verify(method, key, query, self.clock())
        if not isinstance(self.store, DirectoryStore):
            raise SignatureError("Content is not stored in a directory here: nothing is signed for this service.")
        return self.store, grant

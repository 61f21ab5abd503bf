"""Bytes on their way in: from a request's body to the store, a mebibyte at a time, hashed and checked as they pass."""

import hashlib
from collections.abc import Iterable, Iterator
from typing import Final

from domain.asset.events import Content
from domain.errors import ContentMismatchError
from infra.content.content_rules import ContentRules

BLOCK = 1 << 20
SLOWEST: Final = 10
"""How many times as long as it may pause a body may take for one block."""


class VerifiedStream:
    """Chunks that are hashed and counted as they pass, and refused as soon as they cannot be what was announced.

    Iterating raises ContentTooLargeError beyond the limit, and ContentMismatchError.
    """

    def __init__(self, chunks: Iterable[bytes], announced: Content, rules: ContentRules) -> None:
        self._chunks = chunks
        self._announced = announced
        self._rules = rules
        self._digest = hashlib.sha256()
        self.size = 0

    def __iter__(self) -> Iterator[bytes]:
        announced = self._announced
        for chunk in self._chunks:
            self.size += len(chunk)
            self._rules.check_size(self.size)
            if announced.size is not None and self.size > announced.size:
                raise ContentMismatchError(f"{announced.size:,} bytes were announced, but more arrived.")
            self._digest.update(chunk)
            yield chunk
        if announced.size not in (None, self.size):
            raise ContentMismatchError(f"{announced.size:,} bytes were announced, but {self.size:,} arrived.")
        if announced.sha256 not in (None, self.sha256):
            raise ContentMismatchError(f"The SHA-256 {announced.sha256} was announced, but {self.sha256} arrived.")

    @property
    def sha256(self) -> str:
        """The digest of what has passed, in hex."""
        return self._digest.hexdigest()

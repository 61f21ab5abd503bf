"""What makes two requests the same: digests under a tenant's secret, and the ids derived from them.

A plain digest of a prompt would let anyone who holds an export confirm a guess, so every digest is an
HMAC-SHA-256 (RFC 2104) under a secret of the tenant, over canonical JSON (RFC 8785).
"""

import hashlib
import hmac
from dataclasses import dataclass, field
from typing import Any, Literal
from uuid import UUID, uuid5

import rfc8785

NAMESPACE = UUID("6f2f4c1e-5a0b-5c53-9b1f-3d1d5a1e7f10")
Purpose = Literal["input", "request", "key", "completion", "reference", "import", "claim"]


@dataclass(frozen=True)
class Identity:
    """Digests and derived ids of one tenant."""

    secret: bytes = field(repr=False)

    def digest(self, purpose: Purpose, value: Any) -> str:  # noqa: ANN401 - any JSON
        """The digest of a JSON value for one purpose, in hex: the same for 1 and 1.0, and for any order of keys."""
        message = purpose.encode() + b"\x00" + rfc8785.dumps(value)
        return hmac.new(self.secret, message, hashlib.sha256).hexdigest()


def derived_id(kind: str, purpose: str, digest: str) -> UUID:
    """The id that follows from a digest: UUIDv5 (RFC 9562) over `kind:purpose:digest`."""
    return uuid5(NAMESPACE, f"{kind}:{purpose}:{digest}")


def uuid_or_none(text: str) -> UUID | None:
    """The UUID that the text is, in any of its forms; None if it is none."""
    try:
        return UUID(text)
    except ValueError:
        return None

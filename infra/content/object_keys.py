"""The form of object keys. The ledger chooses keys, so an invalid key is a programming error.

Objects that others have put beside ours can have any key: they are listed under it, and can be deleted.
"""

import re

LONGEST = 800
"""Characters of a key; S3 takes 1024 bytes, the prefix of the store included."""

_ID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}/")
_PART = re.compile(r"[A-Za-z0-9._-]{1,255}")


def checked_key(key: str) -> str:
    """The key, if every store can have it: parts of letters, digits, `-`, `_` and `.` between slashes.

    Raises ValueError for any other, the empty one and those with an empty part, `.` or `..` among them.
    """
    parts = key.split("/")
    if len(key) > LONGEST or not all(_PART.fullmatch(part) and part not in {".", ".."} for part in parts):
        raise ValueError(f"not a key of an object: {key!r}")
    return key


def is_under_id(key: str) -> bool:
    """Whether the key begins with an id, as all do of what belongs to a tenant."""
    return _ID.match(key) is not None


def listed_key(key: str) -> str:
    """The key of whatever a store lists, ours or not. ValueError if it could lead out of the store."""
    if not key or key.startswith("/") or "\0" in key or not {".", ".."}.isdisjoint(key.split("/")):
        raise ValueError(f"not a key of an object: {key!r}")
    return key

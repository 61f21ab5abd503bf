"""The key-encryption key: 32 random bytes that wrap every subject key, from a file or a setting."""

import base64
import binascii
import os
import stat
import tempfile
from pathlib import Path

from infra.regular_files import open_regular

KEY_BYTES = 32
MOST_BYTES = 1_000
"""More of a file is not read: it holds no key."""


class KeyFileError(Exception):
    """The key-encryption key cannot be used. Says why, and what to do."""


def key_from_setting(text: str) -> bytes:
    """The key written as base64. KeyFileError if it is not 32 bytes."""
    try:
        key = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        key = b""
    if len(key) != KEY_BYTES:
        raise KeyFileError("the key-encryption key must be 32 bytes in base64: make one with `openssl rand -base64 32`")
    return key


def key_from_file(path: Path, *, create: bool) -> bytes:
    """The key in a file that only its owner may read; made there first if it is absent and may be made.

    Raises KeyFileError if the file is missing, open to others, or holds no key.
    """
    if create and not path.exists():
        _make(path)
    try:
        with open_regular(path) as file:
            mode = os.fstat(file.fileno()).st_mode
            text = file.read(MOST_BYTES).decode("ascii", "replace").strip()
    except OSError as error:
        raise KeyFileError(f"{path}: {error.strerror}: give the file that holds the key-encryption key") from error
    if mode & (stat.S_IRWXG | stat.S_IRWXO):
        raise KeyFileError(f"{path} can be read by others: run `chmod 600 {path}`")
    return key_from_setting(text)


def _make(path: Path) -> None:
    """Write a new key beside its place and link it there, so that no reader ever sees half of one."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    path.parent.chmod(0o700)  # whatever it was made with, by whom
    descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=path.name)
    draft = Path(name)
    with os.fdopen(descriptor, "w") as file:
        file.write(base64.b64encode(os.urandom(KEY_BYTES)).decode() + "\n")
        file.flush()
        os.fsync(file.fileno())
    try:
        path.hardlink_to(draft)
    except FileExistsError:
        pass
    finally:
        draft.unlink()

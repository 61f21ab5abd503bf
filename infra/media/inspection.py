"""What was found by looking at a file's bytes."""

from dataclasses import dataclass, field

from domain.media import Media
from domain.values import JsonObject


@dataclass(frozen=True)
class Inspection:
    """A file's content type and media, what is embedded in it, and why its bytes could not be understood.

    `embedded` is I-JSON (RFC 7493) of at most 1 MiB of text; `problem` is a sentence without paths or secrets.
    """

    content_type: str
    media: Media
    embedded: JsonObject = field(default_factory=dict)
    problem: str | None = None

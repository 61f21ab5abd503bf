"""Inspects files: what they are, and what is embedded in them."""

from pathlib import Path

from domain import media
from infra.media.documents import look_at_document
from infra.media.images import look_at_image
from infra.media.inspection import Inspection
from infra.media.sniffing import Sniffed, sniff
from infra.media.streams import look_at_stream


def inspect(path: Path, declared_type: str | None, file_name: str | None) -> Inspection:
    """What a local file is by its bytes. What was declared counts only where bytes cannot tell.

    Pictures are decoded; of everything else only headers are read. Bytes that cannot be understood are no error:
    the inspection names the problem. OSError if the file cannot be read, ServiceUnavailableError.
    """
    sniffed = sniff(path, declared_type, file_name)
    match sniffed.kind:
        case "image":
            return look_at_image(path, sniffed)
        case "video" | "audio":
            return look_at_stream(path, sniffed)
        case "document":
            return look_at_document(path, sniffed)
        case "map":
            return _without_measures(sniffed, media.Map(media_kind="map", format=sniffed.format))
        case "file":
            return _without_measures(sniffed, media.File(media_kind="file"))


def _without_measures(sniffed: Sniffed, found: media.Media) -> Inspection:
    return Inspection(sniffed.content_type, found, problem=sniffed.problem)

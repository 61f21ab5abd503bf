"""Inspects files: their content type, media and embedded metadata."""

from pathlib import Path

from infra.media.file_metadata import Inspection
from infra.media.images import inspect_image
from infra.media.pdf import inspect_document
from infra.media.sniffing import sniff


def inspect(path: Path, declared_type: str | None, file_name: str | None) -> Inspection:
    """Inspect a local file. Its declared type and name count only where its bytes prove nothing.

    Pictures are decoded; of everything else only headers are read. Bytes that cannot be understood are no error:
    the inspection names the problem. OSError if the file cannot be read, ServiceUnavailableError.
    """
    sniffed = sniff(path, declared_type, file_name)
    match sniffed.kind:
        case "image":
            return inspect_image(path, sniffed)
        case "video" | "audio":
            from infra.media.audio_video import inspect_audio_video  # noqa: PLC0415 - see thumbnails.py

            return inspect_audio_video(path, sniffed)
        case "document":
            return inspect_document(path, sniffed)
        case "map" | "file":
            return Inspection(sniffed.content_type, sniffed.media(), problem=sniffed.problem)

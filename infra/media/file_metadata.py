"""The metadata embedded in files, as I-JSON (RFC 7493) of bounded size."""

import json
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import islice

from pydantic import JsonValue

from domain.json_documents import MAX_SAFE_INTEGER, JsonObject
from domain.media import Media

MAX_TEXT = 256 * 1024
MAX_TOTAL = 1024 * 1024
MAX_LEVELS = 24
_SOURCE_TYPE = re.compile(
    r"""Iptc4xmpExt:DigitalSourceType(?:\s{0,8}=\s{0,8}|\s{1,8}rdf:resource\s{0,8}=\s{0,8}|>\s{0,64})"""
    r"""["']?([^"'<>\s]{1,300})"""
)
MAX_SETTINGS = 64
_MAX_LINE = 16 * 1024
_NEGATIVE = "Negative prompt:"
_SETTING = re.compile(r'([A-Za-z][\w \-/]{0,40}):\s*("(?:\\.|[^"\\])*"|[^,]*)(?:,|$)')
_INTEGER = re.compile(r"-?\d{1,15}")
_DECIMAL = re.compile(r"-?\d{1,15}\.\d{1,15}")


@dataclass(frozen=True)
class Inspection:
    """A file's content type and media, the metadata embedded in it, and the problem if its bytes are not understood.

    `embedded` is I-JSON (RFC 7493) of at most 1 MiB of text; `problem` is a sentence without paths or secrets.
    """

    content_type: str
    media: Media
    embedded: JsonObject = field(default_factory=dict)
    problem: str | None = None


class EmbeddedMetadata:
    """Collects the metadata in a file: 256 KiB of text at a time, 1 MiB altogether; `left_out` names what is larger."""

    def __init__(self) -> None:
        self.members: JsonObject = {}
        self._room = MAX_TOTAL
        self._left_out: list[JsonValue] = []

    def text(self, name: str, value: object) -> None:
        """Keep a text. What is not one, or is blank, is not kept."""
        if text := self._fitting(name, value):
            self.members[name] = text

    def texts(self, name: str, values: Mapping[str, object]) -> None:
        """Keep some texts as the members of one object."""
        fitting = {key: self._fitting(f"{name}.{key}", value) for key, value in values.items()}
        if texts := {key: text for key, text in fitting.items() if text}:
            self.members[name] = dict(texts)

    def document(self, name: str, value: object) -> None:
        """Keep a text as the JSON object or array it holds, or as it is if it holds none."""
        if text := self._fitting(name, value):
            self.members[name] = parse_json(text)

    def parameters(self, value: object) -> None:
        """Keep the first generation parameters AUTOMATIC1111 wrote: as they are, and taken apart."""
        if "parameters" in self.members:
            return
        if text := self._fitting("parameters", value):
            self.members["parameters"] = text
            if generation := generation_of(text):
                self.members["generation"] = generation

    def xmp(self, packet: object) -> None:
        """Keep the digital source type (IPTC Extension) an XMP packet names. No XML is parsed."""
        text = packet.decode(errors="replace") if isinstance(packet, bytes) else packet
        if isinstance(text, str) and (source_type := _SOURCE_TYPE.search(text[:MAX_TEXT])):
            self.text("digital_source_type", source_type[1])

    def manifest_store(self) -> None:
        """Keep that there is a C2PA manifest store."""
        self.members["c2pa"] = True

    def too_large(self, name: str) -> None:
        """Name what is left out for its size."""
        if name not in self._left_out:
            self._left_out.append(name)
            self.members["left_out"] = self._left_out

    def _fitting(self, name: str, value: object) -> str | None:
        if not isinstance(value, str):
            return None
        text = storable_text(value[: MAX_TEXT + 1]).strip()
        size = len(text.encode())
        if len(value) > MAX_TEXT or size > min(MAX_TEXT, self._room):
            self.too_large(name)
            return None
        self._room -= size
        return text


def storable_text(text: str) -> str:
    """The text without U+0000, and with U+FFFD for each lone surrogate."""
    return text.replace("\0", "").encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def parse_json(text: str) -> JsonValue:
    """The JSON object or array in a text, as I-JSON; the text itself if there is none, or it is nested too deep.

    Integers that lose digits become strings; NaN and Infinity become null.
    """
    if not text.startswith(("{", "[")):
        return text
    try:
        value = json.loads(
            text,
            parse_constant=lambda _: None,
            parse_int=lambda digits: number if abs(number := int(digits)) <= MAX_SAFE_INTEGER else digits,
            parse_float=lambda digits: number if math.isfinite(number := float(digits)) else None,
        )
        return _plain(value, MAX_LEVELS)
    except (ValueError, RecursionError):
        return text


def _plain(value: JsonValue, levels: int) -> JsonValue:
    if levels == 0:
        raise ValueError("nested too deep")
    match value:
        case str():
            return storable_text(value)
        case dict():
            return {storable_text(key): _plain(member, levels - 1) for key, member in value.items()}
        case list():
            return [_plain(member, levels - 1) for member in value]
    return value


def generation_of(text: str) -> JsonObject:
    """Prompt, negative prompt and settings that AUTOMATIC1111 writes, such as `cfg_scale`; empty for other texts.

    The last line holds the settings; numbers are numbers, all else is text.
    """
    body, _, last = text.strip().rpartition("\n")
    settings = _settings(last)
    if "steps" not in settings:
        return {}
    prompt, _, negative = body.partition(_NEGATIVE)
    texts: JsonObject = {"prompt": prompt.strip(), "negative_prompt": negative.strip()}
    return settings | {name: value for name, value in texts.items() if value}


def _settings(line: str) -> JsonObject:
    if len(line) > _MAX_LINE:
        return {}
    settings = islice(_SETTING.finditer(line), MAX_SETTINGS)
    return {re.sub(r"[ \-/]+", "_", match[1].strip().lower()): _value(match[2].strip()) for match in settings}


def _value(text: str) -> JsonValue:
    if _INTEGER.fullmatch(text):
        return int(text)
    if _DECIMAL.fullmatch(text):
        return float(text)
    return text

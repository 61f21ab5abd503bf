"""Reads an upload form (RFC 7578) as it arrives: first the small fields, then the file, which nobody holds."""

from collections import deque
from collections.abc import Collection, Iterable, Iterator
from typing import TYPE_CHECKING, Final, NamedTuple

from fastapi.exceptions import RequestValidationError
from python_multipart.exceptions import FormParserError, MultipartParseError
from python_multipart.multipart import MultipartParser, parse_options_header

if TYPE_CHECKING:
    from python_multipart.multipart import MultipartCallbacks

MOST_FIELD: Final = 256 * 1024
MOST_FIELDS: Final = 20
_BLOCK = 1 << 16
"""How much is parsed at once: a byte may become an event of its own."""


class _Part(NamedTuple):
    name: str
    file_name: str | None
    content_type: str | None


class UploadForm:
    """A form of some known fields and then a `file`. Raises RequestValidationError where it is something else."""

    def __init__(self, content_type: str, chunks: Iterable[bytes], known: Collection[str]) -> None:
        kind, options = parse_options_header(content_type)
        if kind != b"multipart/form-data" or b"boundary" not in options:
            raise _refused("must be a form, multipart/form-data with a boundary")
        self._known = known
        self._fields: dict[str, bytearray] = {}
        self._seen: deque[_Part | bytes] = deque()
        self._header: list[bytes] = [b"", b""]
        self._headers: dict[bytes, bytes] = {}
        try:
            parser = MultipartParser(options[b"boundary"], self._callbacks())
        except FormParserError as error:
            raise _refused(f"is no form: {error}") from None
        self._events = self._parsed(chunks, parser)
        _, self.file_name, self.content_type = self._read_fields()
        """The file's name and media type as the client has them."""

    def file(self) -> Iterator[bytes]:
        """The file's bytes, once."""
        for event in self._events:
            if isinstance(event, bytes):
                yield event
            else:
                raise _refused("put `file` last, after every other field")

    def _read_fields(self) -> _Part:
        current, parts = None, 0
        for event in self._events:
            match event:
                case _Part(name="file"):
                    return event
                case _Part():
                    current, parts = event.name, parts + 1
                    if current not in self._known:
                        raise _refused(f"has an unknown field; it has {', '.join(self._known)} and `file`")
                    if current in self._fields:
                        raise _refused(f"{current} is there twice")
                    if parts > MOST_FIELDS:
                        raise _refused(f"has more than {MOST_FIELDS} fields")
                    self._fields[current] = bytearray()
                case bytes() if current is not None:
                    self._fields[current] += event
                    if len(self._fields[current]) > MOST_FIELD:
                        raise _refused(f"{current} has more than {MOST_FIELD:,} bytes")
        raise _refused("has no part `file`")

    def field(self, name: str) -> str | None:
        """A field's text. RequestValidationError unless it is UTF-8."""
        try:
            return self._fields[name].decode() if name in self._fields else None
        except UnicodeDecodeError:
            raise _refused(f"{name} is not UTF-8") from None

    def _parsed(self, chunks: Iterable[bytes], parser: MultipartParser) -> Iterator[_Part | bytes]:
        try:
            for chunk in chunks:
                for start in range(0, len(chunk), _BLOCK):
                    parser.write(chunk[start : start + _BLOCK])
                    while self._seen:
                        yield self._seen.popleft()
            parser.finalize()
        except MultipartParseError as error:
            raise _refused(f"is no form: {error}") from None
        if parser.state.name != "END":
            raise _refused("ends before its closing boundary")

    def _callbacks(self) -> "MultipartCallbacks":
        def name(data: bytes, start: int, end: int) -> None:
            self._header[0] += data[start:end]

        def value(data: bytes, start: int, end: int) -> None:
            self._header[1] += data[start:end]

        def header_end() -> None:
            self._headers[self._header[0].lower()] = self._header[1]
            self._header = [b"", b""]

        def headers_finished() -> None:
            self._seen.append(_part(self._headers))
            self._headers = {}

        return {
            "on_header_field": name,
            "on_header_value": value,
            "on_header_end": header_end,
            "on_headers_finished": headers_finished,
            "on_part_data": lambda data, start, end: self._seen.append(data[start:end]),
        }


def _part(headers: dict[bytes, bytes]) -> _Part:
    _, options = parse_options_header(headers.get(b"content-disposition", b""))
    file_name, kind = options.get(b"filename"), headers.get(b"content-type")
    return _Part(
        options.get(b"name", b"").decode("utf-8", "replace"),
        file_name.decode("utf-8", "replace") if file_name else None,
        kind.decode("latin-1") if kind else None,
    )


def _refused(why: str) -> RequestValidationError:
    return RequestValidationError([{"type": "form_invalid", "loc": ("body",), "msg": why, "input": None}])

"""Content types by signature: the bytes that files of a type start with."""

import re
import struct

_BEGINNINGS = {
    b"\x89PNG\r\n\x1a\n": "image/png",
    b"\xff\xd8\xff": "image/jpeg",
    **dict.fromkeys((b"GIF87a", b"GIF89a"), "image/gif"),
    **dict.fromkeys((b"II*\0", b"MM\0*", b"II+\0", b"MM\0+"), "image/tiff"),
    b"fLaC": "audio/flac",
    b"OggS": "audio/ogg",
    b"MThd": "audio/midi",
    b"%PDF-": "application/pdf",
}
_RARE_BEGINNINGS = {
    b"8BPS": "image/vnd.adobe.photoshop",
    b"gimp xcf ": "image/x-xcf",
    b"v/1\x01": "image/x-exr",
    b"\0\0\x01\0": "image/x-icon",
    b"\0\0\0\x0cjP  \r\n\x87\n": "image/jp2",
    b"\0\0\0\x0cJXL \r\n\x87\n": "image/jxl",
    b"FLV\x01": "video/x-flv",
    b"0&\xb2u\x8ef\xcf\x11": "video/x-ms-wmv",
    b"\0\0\x01\xb3": "video/mpeg",
    b"\0\0\x01\xba": "video/mpeg",
    b"wvpk": "audio/x-wavpack",
    b"caff": "audio/x-caf",
    b"BLENDER": "application/x-blender",
    b"\x1f\x8b\x08": "application/gzip",
    b"BZh": "application/x-bzip2",
    b"\xfd7zXZ\0": "application/x-xz",
    b"\x28\xb5\x2f\xfd": "application/zstd",
    b"7z\xbc\xaf\x27\x1c": "application/x-7z-compressed",
    b"Rar!\x1a\x07": "application/vnd.rar",
    b"SQLite format 3\0": "application/vnd.sqlite3",
    b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1": "application/x-ole-storage",
    b"wOFF": "font/woff",
    b"wOF2": "font/woff2",
    b"OTTO": "font/otf",
    b"\0\x01\0\0\0": "font/ttf",
}
"""Content types that are sought last, when neither text nor one of the usual types was recognised."""
_RIFFS = {b"WAVE": "audio/wav", b"AVI ": "video/x-msvideo", b"WEBP": "image/webp"}
_BRANDS = {
    **dict.fromkeys((b"avif", b"avis"), "image/avif"),
    **dict.fromkeys((b"heic", b"heix", b"heim", b"heis", b"hevc"), "image/heic"),
    **dict.fromkeys((b"M4A ", b"M4B "), "audio/mp4"),
    b"qt  ": "video/quicktime",
}
_OLD_QUICKTIME = (b"moov", b"mdat", b"wide", b"pnot")
_BITMAP_HEADERS = (12, 40, 52, 56, 64, 108, 124)
_OFFICE = {
    b"word/document.xml": "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
    b"ppt/presentation.xml": "application/vnd.openxmlformats-officedocument.presentationml.presentation",
    b"xl/workbook.xml": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
}
_DECLARED_IN_ZIP = re.compile(rb"PK\x03\x04.{22}\x08\0..mimetype(application/[a-z.+-]{1,60})", re.DOTALL)
_BIT_RATES = (0, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320)
_LOW_BIT_RATES = (0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160)
_SAMPLE_RATES = (44100, 48000, 32000)


def type_by_signature(head: bytes, tail: bytes) -> str | None:
    """The content type the bytes prove, None if they prove none of those known here."""
    return _by_beginning(head, _BEGINNINGS) or _container(head) or _zip(head, tail) or _sound(head) or _bitmap(head)


def rare_type(head: bytes) -> str | None:
    """The content type that one of the rare signatures proves, None if there is none."""
    return _by_beginning(head, _RARE_BEGINNINGS)


def _by_beginning(head: bytes, types: dict[bytes, str]) -> str | None:
    return next((content_type for beginning, content_type in types.items() if head.startswith(beginning)), None)


def _container(head: bytes) -> str | None:
    if head[:4] in {b"RIFF", b"RF64", b"BW64"}:
        return _RIFFS.get(head[8:12])
    if head[:4] == b"FORM" and head[8:12] in {b"AIFF", b"AIFC"}:
        return "audio/aiff"
    if head[:4] == b"\x1aE\xdf\xa3":
        return "video/webm" if b"\x42\x82\x84webm" in head[:128] else "video/x-matroska"
    if head[4:8] == b"ftyp":
        return _brand(head)
    return "video/quicktime" if head[4:8] in _OLD_QUICKTIME else None


def _brand(head: bytes) -> str:
    size = min(int.from_bytes(head[:4]), 256)
    major = head[8:12]
    if major in {b"mif1", b"msf1"}:
        compatible = (head[place : place + 4] for place in range(16, size, 4))
        return next((_BRANDS[brand] for brand in compatible if brand in _BRANDS), "image/heif")
    if major.startswith(b"3g"):
        return "video/3gpp"
    return _BRANDS.get(major, "video/mp4")


def _zip(head: bytes, tail: bytes) -> str | None:
    if not head.startswith((b"PK\x03\x04", b"PK\x05\x06")):
        return None
    if declared := _DECLARED_IN_ZIP.match(head[:256]):
        return declared[1].decode()
    names = head + tail
    if b"[Content_Types].xml" in names:
        return next((kind for name, kind in _OFFICE.items() if name in names), "application/zip")
    return "application/zip"


def _sound(head: bytes) -> str | None:
    if head.startswith(b"ID3") and len(head) > 10:
        size = sum((byte & 0x7F) << shift for byte, shift in zip(head[6:10], (21, 14, 7, 0), strict=True))
        return "audio/flac" if head[10 + size : 14 + size] == b"fLaC" else "audio/mpeg"
    for length, content_type in ((_layer_three_length(head), "audio/mpeg"), (_adts_length(head), "audio/aac")):
        if length and len(head) > length + 1 and head[length] == 0xFF and head[length + 1] == head[1]:
            return content_type
    return None


def _layer_three_length(head: bytes) -> int:
    """Bytes in the frame of MPEG audio, layer III (ISO/IEC 11172-3), 0 if the bytes start with none."""
    if len(head) < 4 or head[0] != 0xFF or head[1] & 0xE6 != 0xE2 or head[1] & 0x18 == 0x08:
        return 0
    newest, oldest = head[1] & 0x18 == 0x18, head[1] & 0x18 == 0
    rate_index, bit_rate_index = head[2] >> 2 & 3, head[2] >> 4
    if rate_index == 3 or bit_rate_index == 15:
        return 0
    sample_rate = _SAMPLE_RATES[rate_index] // (1 if newest else 4 if oldest else 2)
    bit_rate = (_BIT_RATES if newest else _LOW_BIT_RATES)[bit_rate_index] * 1000
    return (144 if newest else 72) * bit_rate // sample_rate + (head[2] >> 1 & 1)


def _adts_length(head: bytes) -> int:
    """Bytes in the frame of an ADTS stream (ISO/IEC 13818-7), 0 if the bytes start with none."""
    if len(head) < 7 or head[0] != 0xFF or head[1] & 0xF6 != 0xF0:
        return 0
    return (head[3] & 3) << 11 | head[4] << 3 | head[5] >> 5


def _bitmap(head: bytes) -> str | None:
    if head.startswith(b"BM") and len(head) >= 18 and struct.unpack_from("<I", head, 14)[0] in _BITMAP_HEADERS:
        return "image/bmp"
    return None

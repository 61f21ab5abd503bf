"""What is embedded in files is found, is I-JSON, and is bounded."""

import json
import struct
import zlib
from pathlib import Path

import pytest
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from domain.json_documents import check_document
from infra.media.file_metadata import MAX_TEXT, MAX_TOTAL
from tests.infra.media.making import (
    C2PA_USE,
    MANIFEST_STORE,
    box,
    chunk,
    inspect_bytes,
    jpeg_with,
    png_with,
    saved,
    sound,
    video,
)


def text(keyword: bytes, value: bytes) -> bytes:
    return chunk(b"tEXt", keyword + b"\0" + value)


@pytest.mark.parametrize("late", [False, True])
@pytest.mark.parametrize(
    "written",
    [
        text(b"prompt", b'{"seed": 1}'),
        chunk(b"zTXt", b"prompt\0\0" + zlib.compress(b'{"seed": 1}')),
        chunk(b"iTXt", b"prompt\0\0\0en\0\0" + b'{"seed": 1}'),
        chunk(b"iTXt", b"prompt\0\1\0\0\0" + zlib.compress(b'{"seed": 1}')),
    ],
)
def test_a_prompt_is_found_in_every_kind_of_text(tmp_path: Path, written: bytes, late: bool) -> None:
    assert inspect_bytes(png_with(tmp_path, written, late=late)).embedded["prompt"] == {"seed": 1}


def test_a_prompt_that_is_no_document_stays_text(tmp_path: Path) -> None:
    inspection = inspect_bytes(
        png_with(tmp_path, text(b"prompt", "a wide café".encode()), text(b"workflow", b"{broken"))
    )

    assert (inspection.embedded["prompt"], inspection.embedded["workflow"]) == ("a wide café", "{broken")


def test_what_json_cannot_hold_is_replaced(tmp_path: Path) -> None:
    written = (
        b'{"n": NaN, "i": 1e999, "seed": 18446744073709551615, "\\ud800k\\u0000": "a\\u0000\\udfff\\ud83d\\ude00"}'
    )

    metadata = inspect_bytes(png_with(tmp_path, text(b"workflow", written))).embedded

    assert metadata["workflow"] == {"n": None, "i": None, "seed": "18446744073709551615", "�k": "a�😀"}
    assert check_document(metadata) == metadata


@pytest.mark.parametrize("written", ["[" * 100_000, "[" * 30 + "]" * 30, "[" + "9" * 5000 + "]"])
def test_documents_too_deep_or_too_strange_stay_text(tmp_path: Path, written: str) -> None:
    assert inspect_bytes(png_with(tmp_path, text(b"prompt", written.encode()))).embedded["prompt"] == written


@pytest.mark.parametrize(
    "written",
    [
        text(b"prompt", b"x" * (MAX_TEXT + 1)),
        text(b"prompt", b"x" * (20 * MAX_TEXT)),
        chunk(b"zTXt", b"prompt\0\0" + zlib.compress(bytes(MAX_TEXT * 3), 9)),
    ],
)
def test_a_text_that_is_too_large_is_named_and_left_out(tmp_path: Path, written: bytes) -> None:
    metadata = inspect_bytes(png_with(tmp_path, written)).embedded

    assert metadata == {"left_out": ["prompt"], "colour": {"mode": "RGB"}}


def test_texts_are_bounded_altogether(tmp_path: Path) -> None:
    large = [text(name, b"x" * (MAX_TEXT - 10)) for name in (b"prompt", b"workflow", b"parameters") * 3]

    inspection = inspect_bytes(png_with(tmp_path, *large))

    assert inspection.problem is None
    assert inspection.embedded["left_out"]
    assert len(json.dumps(inspection.embedded)) <= MAX_TOTAL


def test_parameters_of_an_unknown_form_are_kept_as_they_are(tmp_path: Path) -> None:
    metadata = inspect_bytes(png_with(tmp_path, text(b"parameters", b"just: words, and: more"))).embedded

    assert metadata["parameters"] == "just: words, and: more"
    assert "generation" not in metadata


def test_parameters_keep_quoted_settings_together(tmp_path: Path) -> None:
    written = b'two\nlines\nNegative prompt: none\nof it\nSteps: 4, Lora hashes: "a: 1, b: 2", Clip skip: -1'

    metadata = inspect_bytes(png_with(tmp_path, text(b"parameters", written))).embedded

    assert metadata["generation"] == {
        "prompt": "two\nlines",
        "negative_prompt": "none\nof it",
        "steps": 4,
        "lora_hashes": '"a: 1, b: 2"',
        "clip_skip": -1,
    }


def test_the_first_parameters_of_a_file_are_its_parameters(tmp_path: Path) -> None:
    metadata = inspect_bytes(
        png_with(tmp_path, *(text(b"parameters", b"Steps: %d" % steps) for steps in (4, 5, 6)))
    ).embedded

    assert (metadata["parameters"], metadata["generation"]) == ("Steps: 4", {"steps": 4})


@pytest.mark.parametrize("name", ["a.jpg", "a.webp"])
def test_parameters_are_found_in_the_user_comment(tmp_path: Path, name: str) -> None:
    exif = Image.Exif()
    exif.get_ifd(0x8769)[0x9286] = b"UNICODE\0" + "ein Schloß\nSteps: 20, Seed: 7".encode("utf-16-be")

    metadata = inspect_bytes(saved(tmp_path, name, exif=exif)).embedded

    assert metadata["generation"] == {"prompt": "ein Schloß", "steps": 20, "seed": 7}


def test_a_workflow_is_found_in_the_exif_data_of_a_webp(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x010F], exif[0x0110] = 'workflow:{"nodes": []}', 'prompt:{"1": {}}'

    metadata = inspect_bytes(saved(tmp_path, "a.webp", exif=exif)).embedded

    assert (metadata["workflow"], metadata["prompt"]) == ({"nodes": []}, {"1": {}})


def test_exif_texts_are_read_as_utf_8(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x010E] = "Zoë".encode()

    assert inspect_bytes(saved(tmp_path, "a.jpg", exif=exif)).embedded["exif"] == {"ImageDescription": "Zoë"}


@pytest.mark.parametrize(
    "packet",
    [
        '<rdf:Description Iptc4xmpExt:DigitalSourceType="http://cv/x"/>',
        "<Iptc4xmpExt:DigitalSourceType>http://cv/x</Iptc4xmpExt:DigitalSourceType>",
        "<Iptc4xmpExt:DigitalSourceType rdf:resource='http://cv/x'/>",
        '<!DOCTYPE x [<!ENTITY a "b">]><x Iptc4xmpExt:DigitalSourceType = "http://cv/x">&a;</x>',
    ],
)
def test_the_source_type_is_found_in_xmp(tmp_path: Path, packet: str) -> None:
    info = PngInfo()
    info.add_itxt("XML:com.adobe.xmp", packet)

    for path in (saved(tmp_path, "a.png", pnginfo=info), saved(tmp_path, "a.webp", xmp=packet.encode())):
        assert inspect_bytes(path).embedded["digital_source_type"] == "http://cv/x"


def test_a_manifest_store_is_found_in_a_png(tmp_path: Path) -> None:
    assert inspect_bytes(png_with(tmp_path, chunk(b"caBX", MANIFEST_STORE))).embedded["c2pa"] is True


def test_a_manifest_store_is_found_in_a_jpeg(tmp_path: Path) -> None:
    segment = b"JP" + struct.pack(">HI", 1, 1) + MANIFEST_STORE

    assert inspect_bytes(jpeg_with(tmp_path, segment, 0xEB)).embedded["c2pa"] is True


@pytest.mark.parametrize("name", ["a.mp4", "a.avif"])
def test_a_manifest_store_is_found_in_boxes(tmp_path: Path, name: str) -> None:
    path = saved(tmp_path, name) if name == "a.avif" else video(tmp_path, name, "libx264")
    path.write_bytes(path.read_bytes() + box(b"uuid", C2PA_USE + bytes(4) + b"manifest\0" + bytes(8) + MANIFEST_STORE))

    assert inspect_bytes(path).embedded["c2pa"] is True


@pytest.mark.parametrize("name", ["a.wav", "a.webp"])
def test_a_manifest_store_is_found_in_riff(tmp_path: Path, name: str) -> None:
    path = saved(tmp_path, name, lossless=True) if name == "a.webp" else sound(tmp_path, name, "pcm_s16le")
    data = path.read_bytes()
    riff = data[8:] + bytes(len(data) % 2) + struct.pack("<4sI", b"C2PA", len(MANIFEST_STORE)) + MANIFEST_STORE
    path.write_bytes(struct.pack("<4sI", b"RIFF", len(riff)) + riff)

    inspection = inspect_bytes(path)

    assert (inspection.embedded["c2pa"], inspection.problem) == (True, None)


def test_other_boxes_are_no_manifest_store(tmp_path: Path) -> None:
    other = MANIFEST_STORE.replace(b"\x03c2pa", b"\x03cbor")
    png = png_with(tmp_path, chunk(b"caBX", MANIFEST_STORE.replace(b"jumdc2pa", b"jumdcbor")), chunk(b"caBX", b""))
    png.write_bytes(png.read_bytes() + chunk(b"caBX", MANIFEST_STORE))
    jpeg = jpeg_with(tmp_path, b"JP" + struct.pack(">HI", 1, 1) + other, 0xEB)
    mp4 = video(tmp_path, "a.mp4", "libx264")
    mp4.write_bytes(mp4.read_bytes() + box(b"uuid", bytes(16) + bytes(4) + b"manifest\0" + bytes(8) + MANIFEST_STORE))

    assert [inspect_bytes(path).embedded.get("c2pa") for path in (png, jpeg, mp4)] == [None, None, None]

"""Pictures of every format and mode are measured as they are displayed."""

from pathlib import Path

import pytest
from PIL import Image, ImageCms

from tests.infra.media.making import halves, inspect_bytes, measures, saved, turned

FORMATS = {
    "a.png": ("image/png", "png"),
    "a.jpg": ("image/jpeg", "jpeg"),
    "a.gif": ("image/gif", "gif"),
    "a.webp": ("image/webp", "webp"),
    "a.avif": ("image/avif", "avif"),
    "a.tiff": ("image/tiff", "tiff"),
    "a.bmp": ("image/bmp", "bmp"),
}


@pytest.mark.parametrize("name", FORMATS)
def test_a_picture_is_measured(tmp_path: Path, name: str) -> None:
    content_type, file_format = FORMATS[name]

    inspection = inspect_bytes(saved(tmp_path, name))

    assert (inspection.content_type, inspection.problem) == (content_type, None)
    assert inspection.media.model_dump() == {"media_kind": "image", "format": file_format, "width": 40, "height": 20}


@pytest.mark.parametrize("name", ["a.png", "a.jpg", "a.webp", "a.avif", "a.tiff"])
def test_a_picture_on_its_side_is_measured_upright(tmp_path: Path, name: str) -> None:
    measured = measures(saved(tmp_path, name, exif=turned(6)))

    assert (measured["width"], measured["height"]) == (20, 40)


@pytest.mark.parametrize("mode", ["I;16", "P", "1", "LA", "RGBA"])
def test_the_colour_mode_of_a_png_is_told(tmp_path: Path, mode: str) -> None:
    inspection = inspect_bytes(saved(tmp_path, "a.png", Image.new(mode, (3, 2))))

    assert inspection.problem is None
    assert inspection.embedded["colour"] == {"mode": mode}


def test_a_picture_for_print_names_its_colours(tmp_path: Path) -> None:
    inspection = inspect_bytes(saved(tmp_path, "a.jpg", Image.new("CMYK", (3, 2))))

    assert inspection.embedded["colour"] == {"mode": "CMYK"}


def test_the_colour_profile_is_named(tmp_path: Path) -> None:
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()

    inspection = inspect_bytes(saved(tmp_path, "a.png", icc_profile=profile))

    assert inspection.embedded["colour"] == {"mode": "RGB", "profile": "sRGB built-in"}


def test_a_broken_colour_profile_is_no_problem(tmp_path: Path) -> None:
    inspection = inspect_bytes(saved(tmp_path, "a.png", icc_profile=b"not a profile"))

    assert (inspection.problem, inspection.embedded["colour"]) == (None, {"mode": "RGB"})


@pytest.mark.parametrize("name", ["a.gif", "a.webp", "a.png"])
def test_an_animated_picture_is_a_picture(tmp_path: Path, name: str) -> None:
    frames = [Image.new("RGB", (30, 20), colour) for colour in ("red", "green", "blue")]

    measured = measures(saved(tmp_path, name, frames[0], save_all=True, append_images=frames[1:], duration=50))

    assert (measured["media_kind"], measured["width"], measured["height"]) == ("image", 30, 20)


@pytest.mark.parametrize(("orientation", "size"), [(1, (40, 20)), (8, (20, 40))])
def test_a_heic_is_measured_by_its_header(tmp_path: Path, orientation: int, size: tuple[int, int]) -> None:
    path = saved(tmp_path, "a.avif", exif=turned(orientation))
    path.write_bytes(path.read_bytes().replace(b"avif", b"heic"))

    inspection = inspect_bytes(path)

    assert (inspection.content_type, inspection.problem) == ("image/heic", None)
    assert inspection.media.model_dump() == {
        "media_kind": "image",
        "format": "heic",
        "width": size[0],
        "height": size[1],
    }


def test_a_heic_without_a_header_is_a_problem(tmp_path: Path) -> None:
    path = saved(tmp_path, "a.avif")
    path.write_bytes(path.read_bytes().replace(b"avif", b"heic").replace(b"ispe", b"free"))

    inspection = inspect_bytes(path)

    assert inspection.problem == "the picture's header is damaged"
    assert inspection.media.model_dump() == {"media_kind": "image", "format": "heic", "width": None, "height": None}


@pytest.mark.parametrize(
    ("attributes", "size"),
    [
        ('width="30" height="20px"', (30, 20)),
        ('viewBox="0 0 300.4 150"', (300, 150)),
        ("width='100%' height='100%' viewBox='0,0,64,32'", (64, 32)),
        ('width="99999999999" height="1"', (None, None)),
        ('width="-3" height="1"', (None, None)),
        ('stroke-width="3" viewBox="0 0 NaN 1"', (None, None)),
        ("", (None, None)),
    ],
)
def test_a_drawing_is_measured_by_its_root(
    tmp_path: Path, attributes: str, size: tuple[int | None, int | None]
) -> None:
    path = tmp_path / "a.svg"
    path.write_text(f'<?xml version="1.0"?><!-- by hand --><svg {attributes}><rect width="7" height="7"/></svg>')

    measured = measures(path)

    assert measured == {"media_kind": "image", "format": "svg", "width": size[0], "height": size[1]}


def test_a_picture_is_a_picture_whatever_it_is_called(tmp_path: Path) -> None:
    path = saved(tmp_path, "a.png", halves())

    assert inspect_bytes(path.rename(tmp_path / "letter.txt")).content_type == "image/png"

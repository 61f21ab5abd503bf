"""Thumbnails and waveforms show what is in files."""

import io
from pathlib import Path

import pytest
from PIL import Image, ImageCms

from infra.media.thumbnails import thumbnail, waveform
from tests.infra.media.making import SAMPLES, halves, pdf, saved, sound, turned, video


def shown(data: bytes | None) -> Image.Image:
    assert data is not None
    with Image.open(io.BytesIO(data), formats=["WEBP"]) as image:
        return image.convert("RGBA")


def colour(image: Image.Image, x: float, y: float) -> str:
    """The name of the colour at a place, as shares of width and height."""
    pixel = image.getpixel((int(x * image.width), int(y * image.height)))
    assert isinstance(pixel, tuple)
    red, green, blue, alpha = pixel
    if alpha < 128:
        return "clear"
    if max(red, green, blue) - min(red, green, blue) < 40:
        return "black" if red < 80 else "white" if red > 175 else "grey"
    return {red: "red", green: "green", blue: "blue"}[max(red, green, blue)]


@pytest.mark.parametrize("size", [128, 256, 512])
@pytest.mark.parametrize(
    ("name", "kind", "ratio"),
    [("castle.png", "image", 1), ("portrait.jpg", "image/jpeg", 0.8), ("brief.pdf", "document", 0.705)],
)
def test_samples_are_shown_in_every_size(name: str, kind: str, ratio: float, size: int) -> None:
    image = shown(thumbnail(SAMPLES / name, kind, size))

    assert max(image.size) == min(size, 500 if name == "portrait.jpg" else 512)
    assert image.width / image.height == pytest.approx(ratio, abs=0.01)
    assert len(set(image.tobytes())) > 50


def test_small_pictures_stay_small(tmp_path: Path) -> None:
    assert shown(thumbnail(saved(tmp_path, "a.png"), "image", 256)).size == (40, 20)


@pytest.mark.parametrize("name", ["a.png", "a.jpg", "a.webp", "a.avif", "a.tiff"])
@pytest.mark.parametrize(("orientation", "first", "last"), [(1, "blue", "red"), (3, "red", "blue")])
def test_pictures_are_shown_upright(tmp_path: Path, name: str, orientation: int, first: str, last: str) -> None:
    image = shown(thumbnail(saved(tmp_path, name, halves(), exif=turned(orientation)), "image", 128))

    assert (colour(image, 0.1, 0.5), colour(image, 0.9, 0.5)) == (first, last)


def test_pictures_on_their_side_are_turned(tmp_path: Path) -> None:
    image = shown(thumbnail(saved(tmp_path, "a.jpg", halves(400, 200), exif=turned(6)), "image", 128))

    assert image.size == (64, 128)
    assert (colour(image, 0.5, 0.1), colour(image, 0.5, 0.9)) == ("blue", "red")


def test_transparency_is_kept(tmp_path: Path) -> None:
    picture = Image.new("RGBA", (20, 20))
    picture.paste("red", (10, 0, 20, 20))

    for image in (
        shown(thumbnail(saved(tmp_path, "a.png", picture), "image", 128)),
        shown(thumbnail(saved(tmp_path, "a.gif", picture), "image", 128)),
    ):
        assert (colour(image, 0.2, 0.5), colour(image, 0.8, 0.5)) == ("clear", "red")


@pytest.mark.parametrize("name", ["a.png", "a.tiff"])
def test_pictures_of_16_bits_keep_their_greys(tmp_path: Path, name: str) -> None:
    greys = b"".join(grey.to_bytes(2, "little") * 10 for grey in (0, 32768, 65535))
    picture = Image.frombytes("I;16", (30, 10), greys * 10)

    image = shown(thumbnail(saved(tmp_path, name, picture), "image", 128))

    assert [colour(image, x, 0.5) for x in (0.1, 0.5, 0.9)] == ["black", "grey", "white"]


def test_pictures_of_fractions_are_shown_from_dark_to_bright(tmp_path: Path) -> None:
    picture = Image.new("F", (20, 10), -3.5)
    picture.paste(0.25, (10, 0, 20, 10))

    image = shown(thumbnail(saved(tmp_path, "a.tiff", picture), "image", 128))

    assert (colour(image, 0.2, 0.5), colour(image, 0.8, 0.5)) == ("black", "white")


@pytest.mark.parametrize(
    ("name", "mode"), [("a.jpg", "CMYK"), ("a.tiff", "CMYK"), ("a.png", "P"), ("a.tiff", "LAB"), ("a.tiff", "RGB")]
)
def test_pictures_of_every_mode_are_shown(tmp_path: Path, name: str, mode: str) -> None:
    to_lab = ImageCms.buildTransform(ImageCms.createProfile("sRGB"), ImageCms.createProfile("LAB"), "RGB", "LAB")
    picture = ImageCms.applyTransform(halves(), to_lab) if mode == "LAB" else halves().convert(mode)
    assert picture is not None

    image = shown(thumbnail(saved(tmp_path, name, picture), "image", 128))

    assert (colour(image, 0.1, 0.5), colour(image, 0.9, 0.5)) == ("blue", "red")


@pytest.mark.parametrize("mode", ["L", "1"])
def test_pictures_without_colours_are_shown(tmp_path: Path, mode: str) -> None:
    picture = Image.new(mode, (20, 10))
    picture.paste(255, (10, 0, 20, 10))

    image = shown(thumbnail(saved(tmp_path, "a.png", picture), "image", 128))

    assert (colour(image, 0.2, 0.5), colour(image, 0.8, 0.5)) == ("black", "white")


@pytest.mark.parametrize("name", ["a.gif", "a.webp"])
def test_the_first_frame_of_an_animated_picture_is_shown(tmp_path: Path, name: str) -> None:
    frames = [Image.new("RGB", (30, 20), colour) for colour in ("red", "blue")]
    path = saved(tmp_path, name, frames[0], save_all=True, append_images=frames[1:], duration=50)

    assert colour(shown(thumbnail(path, "image", 128)), 0.5, 0.5) == "red"


@pytest.mark.parametrize(
    ("name", "codec"), [("a.mp4", "libx264"), ("a.webm", "libvpx-vp9"), ("a.avi", "mpeg4"), ("a.mkv", "libx264")]
)
def test_a_video_is_shown(tmp_path: Path, name: str, codec: str) -> None:
    image = shown(thumbnail(video(tmp_path, name, codec), "video", 32))

    assert image.size == (32, 24)
    assert (colour(image, 0.2, 0.5), colour(image, 0.8, 0.5)) == ("blue", "red")


def test_a_video_on_its_side_is_turned(tmp_path: Path) -> None:
    image = shown(thumbnail(video(tmp_path, "a.mp4", "libx264", rotation=90), "video/mp4", 128))

    assert image.size == (48, 64)
    assert (colour(image, 0.5, 0.1), colour(image, 0.5, 0.9)) == ("red", "blue")


@pytest.mark.parametrize(("width", "height"), [(200, 100), (14400, 1), (0.5, 14000)])
def test_a_page_of_any_size_fits(tmp_path: Path, width: float, height: float) -> None:
    image = shown(thumbnail(pdf(tmp_path, 1, width, height), "application/pdf", 128))

    assert max(image.size) == 128
    assert colour(image, 0.5, 0.5) == "white"


@pytest.mark.parametrize(
    ("name", "kind"),
    [("chime.wav", "audio"), ("chime.wav", "video"), ("README.md", "document"), ("castle.png", "video")],
)
def test_what_shows_nothing_has_no_thumbnail(name: str, kind: str) -> None:
    assert thumbnail(SAMPLES / name, kind, 128) is None


@pytest.mark.parametrize("size", [0, -1, 2**31])
def test_no_picture_fits_in_no_size(size: int) -> None:
    assert thumbnail(SAMPLES / "castle.png", "image", size) is None
    assert waveform(SAMPLES / "chime.wav", size, 100) is None
    assert waveform(SAMPLES / "chime.wav", 100, size) is None


def test_a_file_that_is_not_there_has_no_thumbnail(tmp_path: Path) -> None:
    assert thumbnail(tmp_path / "nothing", "image", 128) is None


@pytest.mark.parametrize(
    ("name", "codec"),
    [("a.wav", "pcm_s16le"), ("a.flac", "flac"), ("a.mp3", "libmp3lame"), ("a.opus", "libopus"), ("a.m4a", "aac")],
)
def test_a_waveform_is_high_where_the_sound_is_loud(tmp_path: Path, name: str, codec: str) -> None:
    image = shown(waveform(sound(tmp_path, name, codec), 100, 40))

    assert image.size == (100, 40)
    assert [colour(image, 0.25, y) for y in (0.05, 0.25, 0.5, 0.75, 0.95)] == ["clear", "blue", "blue", "blue", "clear"]
    assert [colour(image, 0.75, y) for y in (0.05, 0.25, 0.5, 0.75, 0.95)] == [
        "clear",
        "clear",
        "blue",
        "clear",
        "clear",
    ]


def test_a_sound_shorter_than_the_picture_is_wide_fills_it(tmp_path: Path) -> None:
    image = shown(waveform(sound(tmp_path, "a.wav", "pcm_s16le", seconds=0.05), 400, 40))

    assert all(colour(image, x / 100, 0.5) == "blue" for x in range(100))


def test_a_picture_has_no_waveform() -> None:
    assert waveform(SAMPLES / "castle.png", 100, 40) is None

"""Video and sound are measured, and told apart where one container holds either."""

import json
from pathlib import Path

import pytest
from PIL import Image

from infra.media.decoder_guard import UnreadableError
from infra.media.demuxing import open_media
from infra.media.thumbnails import thumbnail
from tests.infra.media.making import SAMPLES, box, inspect_bytes, measures, saved, sound, video

SOUNDS = {
    "a.wav": ("pcm_s16le", "audio/wav", "wav"),
    "a.flac": ("flac", "audio/flac", "flac"),
    "a.mp3": ("libmp3lame", "audio/mpeg", "mp3"),
    "a.opus": ("libopus", "audio/ogg", "opus"),
    "a.m4a": ("aac", "audio/mp4", "m4a"),
    "a.aac": ("aac", "audio/aac", "aac"),
    "a.aiff": ("pcm_s16be", "audio/aiff", "aiff"),
    "a.ogg": ("flac", "audio/ogg", "ogg"),
}
VIDEOS = {
    "a.mp4": ("libx264", "video/mp4", "mp4"),
    "a.mov": ("libx264", "video/quicktime", "mov"),
    "a.webm": ("libvpx-vp9", "video/webm", "webm"),
    "a.mkv": ("libx264", "video/x-matroska", "mkv"),
    "a.avi": ("mpeg4", "video/x-msvideo", "avi"),
}


@pytest.mark.parametrize("name", SOUNDS)
def test_a_sound_is_measured(tmp_path: Path, name: str) -> None:
    codec, content_type, file_format = SOUNDS[name]
    path = sound(tmp_path, name, codec)

    measured = measures(path)

    assert inspect_bytes(path).content_type == content_type
    assert (measured["media_kind"], measured["format"], measured["sample_rate"]) == ("audio", file_format, 48000)
    assert measured["duration"] == pytest.approx(1.0, abs=0.2)


@pytest.mark.parametrize("name", VIDEOS)
def test_a_video_is_measured(tmp_path: Path, name: str) -> None:
    codec, content_type, file_format = VIDEOS[name]
    path = video(tmp_path, name, codec)

    measured = measures(path)

    assert inspect_bytes(path).content_type == content_type
    assert (measured["media_kind"], measured["format"]) == ("video", file_format)
    assert (measured["width"], measured["height"], measured["frame_rate"]) == (64, 48, 12.0)
    assert measured["duration"] == pytest.approx(2.0, abs=0.1)


def test_a_video_on_its_side_is_measured_upright(tmp_path: Path) -> None:
    measured = measures(video(tmp_path, "a.mp4", "libx264", rotation=90))

    assert (measured["width"], measured["height"]) == (48, 64)


@pytest.mark.parametrize(("name", "codec"), [("a.mp4", "aac"), ("a.webm", "libopus")])
def test_a_container_for_video_with_sound_only_is_a_sound(tmp_path: Path, name: str, codec: str) -> None:
    inspection = inspect_bytes(sound(tmp_path, name, codec))

    assert inspection.content_type == f"audio/{name[2:]}"
    assert inspection.media.media_kind == "audio"


def test_a_sound_with_a_cover_is_a_sound(tmp_path: Path) -> None:
    cover = saved(tmp_path, "cover.png").read_bytes()
    picture = box(b"covr", box(b"data", b"\0\0\0\x0e\0\0\0\0" + cover))
    handler = box(b"hdlr", bytes(8) + b"mdirappl" + bytes(9))
    path = sound(tmp_path, "a.m4a", "aac")
    data = path.read_bytes()
    place = data.index(b"moov") - 4
    moov = data[place + 8 :].replace(b"udta", b"free")
    tagged = moov + box(b"udta", box(b"meta", bytes(4) + handler + box(b"ilst", picture)))
    path.write_bytes(data[:place] + box(b"moov", tagged))

    inspection = inspect_bytes(path)

    assert (inspection.content_type, inspection.media.media_kind, inspection.problem) == ("audio/mp4", "audio", None)
    assert thumbnail(path, "video", 64) is None


def test_a_video_brings_its_title_and_workflow_along(tmp_path: Path) -> None:
    path = video(tmp_path, "a.mkv", "libx264", title="Zoë", workflow=json.dumps({"nodes": [1]}))

    assert inspect_bytes(path).embedded == {"title": "Zoë", "workflow": {"nodes": [1]}}


@pytest.mark.parametrize("name", ["a.mp4", "a.wav", "a.avi"])
def test_a_video_or_sound_that_is_cut_off_is_a_problem(tmp_path: Path, name: str) -> None:
    file = sound(tmp_path, name, "pcm_s16le") if name == "a.wav" else video(tmp_path, name, VIDEOS[name][0])
    data = file.read_bytes()
    file.write_bytes(data[: len(data) * 2 // 3])

    assert inspect_bytes(file).problem


def test_bytes_after_the_last_box_are_no_problem(tmp_path: Path) -> None:
    path = video(tmp_path, "a.mp4", "libx264")
    path.write_bytes(path.read_bytes() + box(b"free", bytes(9)) + b"\xff\xff\xff\xffjunk")

    assert inspect_bytes(path).problem is None


def test_midi_has_no_measures(tmp_path: Path) -> None:
    path = tmp_path / "a.mid"
    path.write_bytes(b"MThd\0\0\0\x06\0\0\0\x01\0\x60MTrk\0\0\0\x04\0\xff\x2f\0")

    assert measures(path) == {"media_kind": "audio", "format": "midi", "duration": None, "sample_rate": None}


@pytest.mark.parametrize("listed", ["#EXTM3U\n#EXTINF:1,\n{}\n#EXT-X-ENDLIST\n", "ffconcat version 1.0\nfile {}\n"])
def test_a_list_of_other_files_opens_none_of_them(tmp_path: Path, listed: str) -> None:
    path = tmp_path / "a.m3u8"
    path.write_text(listed.format(video(tmp_path, "a.mp4", "libx264").name))

    assert measures(path) == {"media_kind": "document", "format": "text", "page_count": None}
    with pytest.raises(UnreadableError), open_media(path, "video/mp4"):
        pass


def test_a_list_dressed_as_a_video_opens_no_other_file(tmp_path: Path) -> None:
    path = tmp_path / "a.avi"
    listed = b"#EXTM3U\n#EXTINF:1,\nfile:" + bytes(SAMPLES / "flight.webm") + b"\n#EXT-X-ENDLIST\n"
    path.write_bytes(b"RIFF\xff\xff\xff\xffAVI " + listed)

    inspection = inspect_bytes(path)

    assert inspection.media.model_dump(exclude_none=True) == {"media_kind": "video", "format": "avi"}
    assert inspection.problem == "the file has neither pictures nor sound in it"


def test_a_picture_called_a_sound_is_a_picture(tmp_path: Path) -> None:
    path = tmp_path / "a.mp3"
    Image.new("RGB", (8, 8)).save(path, "PNG")

    assert inspect_bytes(path).content_type == "image/png"

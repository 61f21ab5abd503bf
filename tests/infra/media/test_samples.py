"""The sample files are what their page says they are."""

from typing import Any

from domain import media
from infra.media.file_metadata import Inspection
from infra.media.inspection import inspect
from tests.infra.media.making import SAMPLES


def sample(name: str) -> Inspection:
    return inspect(SAMPLES / name, None, name)


def test_a_generated_picture_brings_its_prompt_and_workflow_along() -> None:
    inspection = sample("castle.png")

    assert inspection.content_type == "image/png"
    assert inspection.media == media.Image(media_kind="image", format="png", width=512, height=512)
    assert inspection.problem is None
    embedded: dict[str, Any] = inspection.embedded
    assert embedded["prompt"]["3"]["inputs"]["seed"] == 271828
    assert embedded["workflow"]["nodes"]


def test_the_parameters_of_a_generated_picture_are_kept_and_taken_apart() -> None:
    metadata = sample("castle.png").embedded

    assert str(metadata["parameters"]).startswith("a castle on a hill")
    assert metadata["generation"] == {
        "prompt": "a castle on a hill above a still lake, dusk, violet sky, low sun, lit windows, silhouette",
        "negative_prompt": "people, text, watermark, lowres, blurry",
        "steps": 28,
        "sampler": "DPM++ 2M",
        "schedule_type": "Karras",
        "cfg_scale": 6.5,
        "seed": 271828,
        "size": "512x512",
        "model_hash": "5a3b1e0c42",
        "model": "sample-landscape-v1",
    }


def test_a_photograph_says_how_it_came_to_be() -> None:
    inspection = sample("portrait.jpg")

    assert inspection.media == media.Image(media_kind="image", format="jpeg", width=400, height=500)
    assert inspection.embedded == {
        "colour": {"mode": "RGB"},
        "exif": {
            "Software": "make_samples.py",
            "ImageDescription": "Portrait of a woman in a red coat",
            "DateTimeOriginal": "2024:05:17 09:30:00",
        },
        "digital_source_type": "http://cv.iptc.org/newscodes/digitalsourcetype/trainedAlgorithmicMedia",
    }


def test_a_sound_is_measured() -> None:
    expected = media.Audio(media_kind="audio", format="wav", duration=1.0, sample_rate=22050)

    assert sample("chime.wav") == Inspection("audio/wav", expected)


def test_a_video_is_measured_and_has_a_title() -> None:
    expected = media.Video(media_kind="video", format="webm", width=320, height=180, duration=2.0, frame_rate=12.0)

    assert sample("flight.webm") == Inspection("video/webm", expected, {"title": "Flight"})


def test_a_document_has_pages_a_title_and_an_author() -> None:
    inspection = sample("brief.pdf")

    assert inspection.content_type == "application/pdf"
    assert inspection.media == media.DocumentMedia(media_kind="document", format="pdf", page_count=2)
    assert inspection.embedded["title"] == "The Paper Plane: production brief"
    assert inspection.embedded["author"] == "Sample Studio"
    assert "ReportLab" in str(inspection.embedded["producer"])

"""No more files are decoded at once than there are turns; what only reads headers waits for none."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import ExitStack
from threading import BoundedSemaphore

import pytest

from infra.media.decoder_guard import AT_ONCE, PICTURES, SOUNDS
from infra.media.thumbnails import thumbnail, waveform
from tests.infra.media.making import SAMPLES, inspect_bytes

TO_BE_DECODED: list[tuple[BoundedSemaphore, Callable[[], object]]] = [
    (PICTURES, lambda: inspect_bytes(SAMPLES / "castle.png")),
    (PICTURES, lambda: inspect_bytes(SAMPLES / "flight.webm")),
    (PICTURES, lambda: thumbnail(SAMPLES / "portrait.jpg", "image", 128)),
    (PICTURES, lambda: thumbnail(SAMPLES / "flight.webm", "video", 128)),
    (SOUNDS, lambda: waveform(SAMPLES / "chime.wav", 100, 40)),
]


@pytest.fixture
def occupied(request: pytest.FixtureRequest) -> Iterator[ExitStack]:
    """Every turn is another's until the stack is closed."""
    turns: BoundedSemaphore
    with ExitStack() as stack:
        for turns in request.param:
            for _ in range(AT_ONCE):
                stack.enter_context(turns)
        yield stack


@pytest.mark.parametrize(
    ("occupied", "decode"), [((turns,), decode) for turns, decode in TO_BE_DECODED], indirect=["occupied"]
)
def test_what_is_decoded_waits_for_its_turn(occupied: ExitStack, decode: Callable[[], object]) -> None:
    with ThreadPoolExecutor(1) as pool:
        decoded = pool.submit(decode)
        try:
            assert not wait([decoded], timeout=1).done
        finally:
            occupied.close()

    assert decoded.result()


@pytest.mark.parametrize("occupied", [(PICTURES, SOUNDS)], indirect=True)
@pytest.mark.parametrize("name", ["chime.wav", "brief.pdf", "README.md"])
def test_what_is_not_decoded_waits_for_none(occupied: ExitStack, name: str) -> None:  # noqa: ARG001
    assert inspect_bytes(SAMPLES / name).problem is None


@pytest.mark.parametrize("occupied", [(SOUNDS,)], indirect=True)
def test_pictures_do_not_wait_for_sounds(occupied: ExitStack) -> None:  # noqa: ARG001
    assert thumbnail(SAMPLES / "castle.png", "image", 128)

# /// script
# requires-python = ">=3.11"
# dependencies = [
#     "av==18.1.0",
#     "pillow==13.0.0",
#     "reportlab==5.1.0",
# ]
# ///
"""Make the sample media in this folder: a PNG, a JPEG, a WAV, a WebM and a PDF, always the same ones."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path

from making.castle import make_castle
from making.document import make_brief
from making.portrait import make_portrait
from making.sound import make_chime
from making.video import make_flight

MAKERS: dict[str, Callable[[Path], None]] = {
    "castle.png": make_castle,
    "portrait.jpg": make_portrait,
    "chime.wav": make_chime,
    "flight.webm": make_flight,
    "brief.pdf": make_brief,
}


def main() -> None:
    """Make every sample in the chosen folder."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--out", type=Path, default=Path(__file__).parent, help="folder to write to (default: this one)"
    )
    out: Path = parser.parse_args().out
    out.mkdir(parents=True, exist_ok=True)
    for name, make in MAKERS.items():
        make(out / name)
        print(f"{name}: {(out / name).stat().st_size} bytes")


if __name__ == "__main__":
    main()

"""The WAV: a three-note chime."""

from __future__ import annotations

import math
import struct
import wave
from pathlib import Path


def bell(t: float, pitch: float) -> float:
    """Give a struck bell's amplitude `t` seconds after the stroke."""
    if t < 0:
        return 0.0
    partials = ((1.0, 1.0, 3.5), (2.0, 0.5, 5.0), (2.76, 0.3, 7.0), (5.4, 0.15, 12.0))
    attack = min(1.0, t / 0.004)
    return attack * sum(a * math.exp(-d * t) * math.sin(math.tau * pitch * r * t) for r, a, d in partials)


def make_chime(path: Path) -> None:
    """Save a three-note chime, 1 s of 16-bit mono at 22.05 kHz."""
    rate, notes = 22050, ((0.0, 523.25), (0.14, 659.26), (0.28, 783.99))
    samples = []
    for i in range(rate):
        t = i / rate
        fade = min(1.0, (1 - t) / 0.15)
        samples.append(round(32767 * 0.24 * fade * sum(bell(t - start, pitch) for start, pitch in notes)))
    with wave.open(str(path), "wb") as out:
        out.setnchannels(1)
        out.setsampwidth(2)
        out.setframerate(rate)
        out.writeframes(struct.pack(f"<{len(samples)}h", *samples))

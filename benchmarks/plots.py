"""The results as pictures: SVG with text, legible on light and on dark pages, the same bytes for the same figures."""

import io
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import matplotlib as mpl
from matplotlib.figure import Figure

from benchmarks.results import TARGETS, Result

_INK = "#010203"  # stands for the page's own ink until the picture is written
_OURS, _PEER, _TARGET = "#2f855a", "#7b8794", "#d69e2e"
_STYLE = "<style>svg { color: #1f2933 } @media (prefers-color-scheme: dark) { svg { color: #e4e7eb } }</style>"
_SETTINGS = {
    "svg.fonttype": "none",
    "svg.hashsalt": "benchmarks",
    "font.family": "sans-serif",
    "font.size": 10,
    "text.color": _INK,
    "axes.labelcolor": _INK,
    "axes.edgecolor": _INK,
    "xtick.color": _INK,
    "ytick.color": _INK,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "legend.frameon": False,
}


def draw(results: Sequence[Result], directory: Path) -> list[Path]:
    """Write a plot of each group of results there are; returns their paths."""
    groups: dict[str, tuple[Callable[[Any, list[Result]], None], list[Result]]] = {
        "ratios.svg": (_ratios, [r for r in results if r.ratio is not None]),
        "appends.svg": (_bars, [r for r in results if r.name.startswith("append.")]),
        "http.svg": (_bars, [r for r in results if r.unit == "requests/s"]),
        "rebuild.svg": (_bars, [r for r in results if r.name == "rebuild"]),
        "lag.svg": (_lag, [r for r in results if r.samples]),
    }
    return [
        _drawn(directory / name, plot, measurements) for name, (plot, measurements) in groups.items() if measurements
    ]


def _drawn(path: Path, plot: Callable[[Any, list[Result]], None], measurements: list[Result]) -> Path:
    with mpl.rc_context(_SETTINGS):
        figure = Figure(figsize=(7, 2.4 if plot is _lag else 1.2 + 0.5 * len(measurements)), layout="constrained")
        plot(figure.subplots(), measurements)
        if plot is not _lag:
            figure.legend(loc="outside upper right", ncols=2)
        text = io.StringIO()
        figure.savefig(text, format="svg", transparent=True, metadata={"Date": None, "Creator": None})
    head, end, rest = text.getvalue().replace(_INK, "currentColor").partition("<defs>")
    path.write_text(head + _STYLE + "\n " + end + rest)
    return path


def _ratios(axes: Any, measurements: list[Result]) -> None:  # noqa: ANN401 - the library is there for `make bench` only
    places = _names(axes, measurements)
    ratios = [r.ratio or 0 for r in measurements]
    bars = axes.barh(places, ratios, 0.6, color=_OURS, label="ours to the peer")
    axes.bar_label(bars, [f"{ratio:.2f}" for ratio in ratios], padding=4)
    asked = [(place, TARGETS[r.name].ratio) for place, r in zip(places, measurements, strict=True)]
    for place, ratio in asked:
        axes.plot([ratio, ratio], [place - 0.4, place + 0.4], color=_TARGET, linewidth=2.5)
    axes.plot([], [], color=_TARGET, linewidth=2.5, label="target")
    axes.set_xscale("log")
    axes.set_xticks([0.1, 1, 10, 100], ["0.1", "1", "10", "100"])
    axes.set_xlim(0.1, max(100, *ratios) * 2)
    axes.set_xlabel("ratio (logarithmic)")


def _bars(axes: Any, measurements: list[Result]) -> None:  # noqa: ANN401
    places = _names(axes, measurements)
    for shift, color, label, values in (
        (-0.2, _OURS, "ours", [r.value for r in measurements]),
        (0.2, _PEER, "peer", [r.peer or 0 for r in measurements]),
    ):
        bars = axes.barh([place + shift for place in places], values, 0.36, color=color, label=label)
        axes.bar_label(bars, [f"{value:,.0f}" for value in values], padding=4)
    axes.set_xlim(0, 1.15 * max(max(r.value, r.peer or 0) for r in measurements))
    axes.set_xlabel(measurements[0].unit)


def _lag(axes: Any, measurements: list[Result]) -> None:  # noqa: ANN401
    lags, target = sorted(measurements[0].samples), TARGETS[measurements[0].name].at_most
    shares = [share / 1_000 for share in range(1_000)]
    axes.plot([lags[int(share * len(lags))] for share in shares], [100 * share for share in shares], color=_OURS)
    axes.axvline(target, color=_TARGET, linewidth=2.5)
    axes.annotate("target for 99 %", (target, 40), xytext=(-6, 0), textcoords="offset points", ha="right")
    axes.set_xlabel("milliseconds from commit to visible")
    axes.set_ylabel("% of appends")
    axes.set_xlim(left=0)
    axes.set_ylim(0, 100)


def _names(axes: Any, measurements: list[Result]) -> list[int]:  # noqa: ANN401
    places = list(range(len(measurements)))
    axes.set_yticks(places, [r.name for r in measurements])
    axes.invert_yaxis()
    return places

"""The figures as a picture: what each variant adds."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from benchmarks.measure import Timings

_OURS, _PEER = "#0b6e99", "#b5b5b5"


def write(path: Path, timed: Sequence[Timings]) -> None:
    """Write an SVG file with a panel for each suite."""
    import matplotlib as mpl
    from matplotlib.figure import Figure

    # Text stays text; the same figures give the same file.
    mpl.rcParams |= {"svg.fonttype": "none", "svg.hashsalt": "countermark", "font.size": 9}
    rows = [sum(variant.base is not None for variant in each.suite.variants) for each in timed]
    figure = Figure(figsize=(9, 0.3 * sum(rows) + 0.8 * len(rows)), layout="constrained")
    panels = figure.subplots(len(timed), squeeze=False, height_ratios=[n + 1 for n in rows])
    for panel, timings in zip(panels[:, 0], timed, strict=True):
        shown = [variant for variant in reversed(timings.suite.variants) if variant.base]
        added = [max(timings.added(variant.name), 0) for variant in shown]
        colours = [_OURS if variant.ours else _PEER for variant in shown]
        bars = panel.barh([variant.name for variant in shown], added, color=colours)
        panel.bar_label(bars, [f"{value / 1000:.2f} µs" for value in added], padding=3)
        panel.set_xlim(0, 1.15 * max(added))
        panel.set_xticks([])
        panel.spines[["top", "right", "bottom"]].set_visible(False)
        panel.set_title(timings.suite.title, loc="left", fontweight="bold")
    figure.supxlabel("added; the minima over the rounds")
    figure.savefig(path, format="svg", metadata={"Date": None})

"""How cost grows with what is stored: a small SVG for each `growth_` workload, for light pages and for dark ones."""

from collections.abc import Iterable, Sequence
from pathlib import Path

from benchmarks.measuring import Outcome, Result
from benchmarks.outcomes import amount, growths

#: Each stands out from white as well as from near black.
_INK, _OURS, _FLOOR = "#808080", "#4c8dff", "#e08a2e"

_LOOK = {
    "svg.hashsalt": "ithaca",  # otherwise every run names its parts anew
    "svg.fonttype": "none",  # text stays text: small, and in the reader's font
    "font.family": "sans-serif",
    "font.size": 10,
    "text.color": _INK,
    "axes.edgecolor": _INK,
    "axes.labelcolor": _INK,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "xtick.color": _INK,
    "ytick.color": _INK,
    "grid.color": _INK,
    "grid.alpha": 0.25,
}


def draw(outcomes: Iterable[Outcome], folder: Path) -> list[Path]:
    """Draws each growth that was measured at more than one size; returns the files."""
    return [_draw(points, folder / f"{name}.svg") for name, points in growths(outcomes).items() if len(points) > 1]


def _draw(points: Sequence[Result], path: Path) -> Path:
    # Only `make bench` has it.
    import matplotlib
    from matplotlib.figure import Figure
    from matplotlib.ticker import FuncFormatter

    with matplotlib.rc_context(_LOOK):
        figure = Figure(figsize=(5.6, 3.2), layout="constrained")
        axes = figure.add_subplot()
        stored = [point.stored for point in points]
        axes.plot(stored, [point.ours for point in points], "o-", color=_OURS, label="Ithaca")
        axes.plot(stored, [point.floor for point in points], "s--", color=_FLOOR, label="floor")
        axes.set(xscale="log", xlabel=f"{points[0].case.split()[-1]} stored", ylim=(0, None))
        axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.0f}"))
        axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: amount(value, points[0].quantity)))
        axes.grid(axis="y")
        axes.legend(frameon=False)
        path.parent.mkdir(parents=True, exist_ok=True)
        figure.savefig(path, transparent=True, metadata={"Date": None, "Creator": None})
    return path

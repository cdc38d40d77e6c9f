"""Draws how fast the runtimes of a machine are."""

from typing import TYPE_CHECKING

from hub_export.benchmark.measure import Comparison
from keras_mixers.visualize import new_figure

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def plot_comparison(found: Comparison, title: str) -> "Figure":
    """Return a figure with a bar for each runtime, the fastest at the top.

    Bars are medians in milliseconds per image, and lines reach from the fastest to the slowest
    round.

    Args:
        found: At least one measurement.
        title: Text above the bars.

    Raises:
        ImportError: If matplotlib is missing.

    >>> from hub_export.benchmark.measure import Measurement
    >>> found = Comparison([Measurement("litert", [2.0, 3.0, 4.0], 0.0)], {}, {})
    >>> plot_comparison(found, "mixer").axes[0].get_title()
    'mixer'
    """
    rows = found.measurements
    medians = [row.median for row in rows]
    spans = [
        [row.median - min(row.milliseconds) for row in rows],
        [max(row.milliseconds) - row.median for row in rows],
    ]
    figure = new_figure(7, 1 + 0.35 * len(rows))
    axes = figure.subplots()
    bars = axes.barh([row.runtime for row in rows], medians, xerr=spans, color="tab:blue")
    axes.bar_label(bars, [f" {value:.3g}" for value in medians], label_type="edge")
    axes.invert_yaxis()
    axes.margins(x=0.15)
    axes.set(title=title, xlabel="ms per image")
    axes.spines[["top", "right"]].set_visible(False)
    return figure

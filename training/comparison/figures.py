"""The figures of a report. Needs matplotlib."""

from __future__ import annotations

import io
import math
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import TYPE_CHECKING

import numpy as np

from keras_mixers.visualize import new_figure
from training.comparison.speed import Speed
from training.comparison.summary import ArmSummary, Cost, front
from training.study import Series, field_value

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

# Okabe and Ito's colours, which all people can tell apart, without the yellow, which is too pale on
# white. Markers have another period, so that no two arms look the same.
_COLORS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")
_MARKERS = ("o", "s", "^", "D", "v", "P", "X", "<", ">", "p", "*")
_GREY = "#bdbdbd"
_DPI = 150
_COLUMNS = 3


def draw_figures(
    arms: Sequence[ArmSummary],
    series: Sequence[Series] = (),
    speeds: Mapping[str, Speed] = MappingProxyType({}),
) -> dict[str, tuple[str, Figure]]:
    """Return the figures of a study, by the name of their file, each with its caption.

    Args:
        arms: as `summarise` returns them.
        series: arms that are drawn as a line.
        speeds: how fast arms are, by label.
    """

    def microseconds(arm: ArmSummary) -> float | None:
        speed = speeds.get(arm.label)
        return None if speed is None else 1e6 / speed.images_per_second("inference")

    figures = {}
    costs: tuple[tuple[str, str, Cost], ...] = (
        ("parameters", "Parameters", lambda arm: arm.parameters),
        ("multiply-adds", "Multiply-adds for one image", lambda arm: arm.multiply_adds),
        ("time", "Microseconds for one image in inference", microseconds),
    )
    for name, label, cost in costs:
        figure = _draw_cost(arms, label, cost)
        if figure is not None:
            caption = (
                f"Mean top-1 accuracy over {label.lower()}, with 95 % intervals over seeds. The "
                "line joins the arms that no other beats in both."
            )
            figures[f"accuracy-{name}"] = (caption, figure)
    for field in dict.fromkeys(each.field for each in series):
        lines = [each for each in series if each.field == field]
        figure = _draw_series(arms, lines, field)
        if figure is not None:
            name = field.rpartition(".")[2].replace("_", " ")
            caption = f"Mean top-1 accuracy by {name}, with 95 % intervals over seeds."
            figures[f"accuracy-{name.replace(' ', '-')}"] = (caption, figure)
    curves = _draw_curves(arms)
    if curves is not None:
        caption = (
            "Validation top-1 accuracy after each epoch: mean over seeds, from the lowest to the "
            "highest seed as a band, and the other arms in grey."
        )
        figures["learning-curves"] = (caption, curves)
    return figures


def render(figure: Figure, kind: str) -> bytes:
    """Return a figure as the bytes of a "png" or "svg" file, the same for the same numbers."""
    import matplotlib

    place = io.BytesIO()
    metadata: Mapping[str, str | None] = {"Date": None} if kind == "svg" else {"Software": None}
    with matplotlib.rc_context({"svg.hashsalt": "keras-mixers"}):
        figure.savefig(place, format=kind, metadata=metadata)
    return place.getvalue()


def _draw_cost(arms: Sequence[ArmSummary], label: str, cost: Cost) -> Figure | None:
    costs = {i: float(cost(arm) or 0) for i, arm in enumerate(arms) if arm.accuracy and cost(arm)}
    if not costs:
        return None
    from matplotlib.ticker import LogLocator

    figure = new_figure(7.5, 4.2, _DPI)
    axes = figure.subplots()
    for i, x in costs.items():
        _draw_point(axes, x, arms[i], i)
    best = front(arms, cost)
    means = [arm.accuracy.mean for arm in best if arm.accuracy]
    axes.plot([float(cost(arm) or 0) for arm in best], means, color=_GREY, lw=1.5, zorder=1)
    if max(costs.values()) > 3 * min(costs.values()):
        axes.set_xscale("log")
        axes.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    else:
        axes.margins(x=0.1)
    axes.set_xlabel(label)
    axes.xaxis.set_major_formatter(lambda value, _: _short(value))
    axes.xaxis.set_minor_formatter(lambda value, _: "")
    _finish(axes)
    figure.legend(loc="outside right upper", frameon=False, fontsize=8)
    return figure


def _draw_point(axes: Axes, x: float, arm: ArmSummary, index: int) -> None:
    if arm.accuracy is None:
        return
    axes.errorbar(
        x,
        arm.accuracy.mean,
        yerr=arm.accuracy.half_width,
        color=_COLORS[index % len(_COLORS)],
        marker=_MARKERS[index % len(_MARKERS)],
        markersize=7,
        capsize=3,
        lw=1.2,
        ls="none",
        label=_plain(arm.label),
    )


def _draw_series(arms: Sequence[ArmSummary], lines: Sequence[Series], field: str) -> Figure | None:
    by_label = {arm.label: arm for arm in arms}
    figure = new_figure(6.5, 3.8, _DPI)
    axes = figure.subplots()
    values: set[float] = set()
    for i, line in enumerate(lines):
        points = []
        for label in line.arms:
            arm = by_label.get(label)
            if arm is not None and arm.accuracy is not None:
                value = field_value(arm.outcomes[0].recipe, field)
                width = arm.accuracy.half_width or 0.0
                points.append((float(value), arm.accuracy.mean, width))  # type: ignore[arg-type]
        if points:
            xs, means, widths = zip(*sorted(points), strict=True)
            values |= set(xs)
            axes.errorbar(
                xs,
                means,
                yerr=widths,
                color=_COLORS[i % len(_COLORS)],
                marker=_MARKERS[i % len(_MARKERS)],
                capsize=3,
                lw=1.5,
                label=_plain(line.label),
            )
    if not values:
        return None
    if len(values) > 1:
        axes.set_xscale("log", base=2)
    axes.set_xticks(sorted(values), [f"{value:g}" for value in sorted(values)])
    axes.minorticks_off()
    axes.set_xlabel(_plain(field.rpartition(".")[2].replace("_", " ")))
    _finish(axes)
    axes.legend(frameon=False, fontsize=8)
    return figure


def _draw_curves(arms: Sequence[ArmSummary]) -> Figure | None:
    curves = {i: [each.curve for each in arm.measured if each.curve] for i, arm in enumerate(arms)}
    curves = {i: found for i, found in curves.items() if found}
    if not curves:
        return None
    columns = min(_COLUMNS, len(curves))
    rows = math.ceil(len(curves) / columns)
    figure = new_figure(2.7 * columns, 2.1 * rows + 0.3, _DPI)
    panels = figure.subplots(rows, columns, sharex=True, sharey=True, squeeze=False).ravel()
    means = {i: _by_epoch(found).mean(axis=0) for i, found in curves.items()}
    for axes, (i, found) in zip(panels, curves.items(), strict=False):
        for other in means.values():
            axes.plot(range(1, len(other) + 1), other, color=_GREY, lw=0.7)
        values, color = _by_epoch(found), _COLORS[0]
        epochs = np.arange(1, values.shape[1] + 1)
        axes.fill_between(epochs, values.min(axis=0), values.max(axis=0), color=color, alpha=0.25)
        axes.plot(epochs, means[i], color=color, lw=1.6)
        axes.set_title(_plain(arms[i].label), fontsize=9)
        _finish(axes, "")
    for axes in panels[len(curves) - columns : len(curves)]:  # The lowest of each column.
        axes.tick_params(labelbottom=True)
    for axes in panels[len(curves) :]:
        axes.set_visible(False)
    figure.supxlabel("epoch", fontsize=9)
    figure.supylabel("validation top-1", fontsize=9)
    return figure


def _by_epoch(curves: Sequence[Sequence[float]]) -> np.ndarray:
    """Return curves as (seeds, epochs), cut to the shortest."""
    shortest = min(map(len, curves))
    return np.array([curve[:shortest] for curve in curves])


def _finish(axes: Axes, label: str = "top-1 accuracy") -> None:
    axes.set_ylabel(label)
    axes.yaxis.set_major_formatter(lambda share, _: f"{100 * share:.4g} %")
    axes.grid(alpha=0.25)
    axes.spines[["top", "right"]].set_visible(False)


def _plain(text: str) -> str:
    """Return a text in which dollars don't start mathematics, and "_" doesn't hide a label."""
    escaped = text.replace("$", r"\$")
    return f" {escaped}" if escaped.startswith("_") else escaped


def _short(value: float) -> str:
    """Return a number in thousands or millions.

    >>> _short(59_018), _short(3_350_000), _short(0)
    ('59 k', '3.35 M', '0')
    """
    for size, unit in ((1e9, " G"), (1e6, " M"), (1e3, " k")):
        if value >= size:
            return f"{value / size:.3g}{unit}"
    return f"{value:g}"

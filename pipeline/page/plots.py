"""What the page draws."""

import math
import re
from collections.abc import Mapping, Sequence

import markupsafe
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator, PercentFormatter

from components.evaluation.metrics.names import Measured
from components.evaluation.ranking_metrics import REQUESTS
from pipeline.page import words
from pipeline.page.document import (
    Curve,
    Exposure,
    HeadCalibration,
    PastEvaluation,
    PopularityGroup,
    Slice,
    ValueExposure,
)
from pipeline.page.svg import FIRST, INK, MUTED, PAPER, SECOND, draw

_MOST_SLICES = 24  # more do not fit beside each other
_LINE_HEIGHT = 0.26  # inches


def quality_by_slice(slices: Sequence[Slice], metric: str, name: str = "slices") -> markupsafe.Markup:
    """A metric with its interval for the slices with most requests, and the baseline's value beside it.

    Args:
        slices: of which to draw.
        metric: such as `ndcg@10`.
        name: of the drawing within the page.
    """
    by_size = sorted(slices, key=lambda one: -one.candidate[REQUESTS].value)[:_MOST_SLICES]
    shown = [one for one in slices if one in by_size and not math.isnan(one.candidate[metric].value)]

    def paint(axes: Axes) -> None:
        for row, one in enumerate(shown):
            value = one.candidate[metric]
            axes.plot([value.low, value.high], [row, row], color=FIRST, linewidth=2)
            axes.plot(value.value, row, "o", color=FIRST, label=None if row else "candidate")
            if metric in one.baseline:
                label = None if row else "last blessed model"
                axes.plot(one.baseline[metric].value, row, "D", color=SECOND, fillstyle="none", label=label)
        axes.set_yticks(range(len(shown)), [one.name for one in shown])
        axes.invert_yaxis()
        axes.set_xlabel(words.title(metric))
        axes.margins(y=0.5 / max(1, len(shown)))
        axes.set_xlim(left=0)
        axes.grid(visible=False, axis="y")
        if any(one.baseline for one in shown):
            _legend_below(axes)

    values = "; ".join(f"{one.name} {one.candidate[metric].value:.3f}" for one in shown)
    return draw(name, f"{metric} by slice: {values}", 1 + _LINE_HEIGHT * len(shown), paint)


def exposure(found: Exposure) -> markupsafe.Markup:
    """Pairs of bars: what share of the places, and of what is taken, goes to items of a popularity."""
    shares = {group_name(group): (group.shown_share, group.taken_share) for group in found.groups}
    return _shares("exposure", "rank by popularity", shares)


def values(feature: str, found: Sequence[ValueExposure]) -> markupsafe.Markup:
    """Pairs of bars: what share of the places, and of what is taken, goes to items of each value of a feature."""
    shares = {one.value or words.NOTHING: (one.shown_share, one.taken_share) for one in found}
    return _shares(f"exposure-{feature}", feature.replace("_", " "), shares)


def _shares(name: str, of_what: str, shares: Mapping[str, tuple[float, float]]) -> markupsafe.Markup:
    """Pairs of bars by group: the share of what is shown, and of what is taken."""
    rows = range(len(shares))

    def paint(axes: Axes) -> None:
        shown, taken = zip(*shares.values(), strict=True)
        for offset, colour, label, lengths in (
            (-0.19, FIRST, "shown", shown),
            (0.19, SECOND, "taken afterwards", taken),
        ):
            bars = axes.barh([row + offset for row in rows], lengths, height=0.34, color=colour, label=label)
            axes.bar_label(bars, [f"{share:.0%}" for share in lengths], padding=3, color=MUTED, fontsize=8)
        axes.set_yticks(rows, list(shares))
        axes.invert_yaxis()
        axes.set_ylabel(of_what)
        axes.xaxis.set_major_formatter(PercentFormatter(1, decimals=0))
        axes.margins(x=0.12)
        axes.grid(visible=False, axis="y")
        _legend_below(axes)

    described = "; ".join(f"{group}: {shown:.0%} shown, {taken:.0%} taken" for group, (shown, taken) in shares.items())
    return draw(name, f"Shares by {of_what}. {described}", 0.7 + 2 * _LINE_HEIGHT * len(rows), paint)


def calibration(found: HeadCalibration) -> markupsafe.Markup:
    """What a head predicts against what happens; on the diagonal it is right. Larger points have more candidates."""
    predicted, happened = [one.predicted for one in found.bins], [one.happened for one in found.bins]
    most = max((one.count for one in found.bins), default=1)
    sizes = [15 + 85 * one.count / most for one in found.bins]

    def paint(axes: Axes) -> None:
        axes.plot([0, 1], [0, 1], color=MUTED, linewidth=1, linestyle="--")
        axes.plot(predicted, happened, color=FIRST, linewidth=1)
        axes.scatter(predicted, happened, sizes, color=FIRST)
        for axis in (axes.xaxis, axes.yaxis):
            axis.set_major_formatter(PercentFormatter(1, decimals=0))
        axes.set_xlim(0, 1.02)
        axes.set_ylim(0, 1.02)
        axes.set_xlabel("predicted")
        axes.set_ylabel("happened")

    described = "; ".join(
        f"predicted {one.predicted:.0%}, happened {one.happened:.0%}, {one.count:,} candidates" for one in found.bins
    )
    return draw(f"calibration-{found.head}", f"Calibration of {found.head}. {described}", 3.4, paint)


def history(evaluations: Sequence[PastEvaluation], metric: str) -> markupsafe.Markup:
    """A metric over the evaluations of a pipeline, with its interval; refused models are hollow."""
    values = [one.metrics.get(metric, Measured(math.nan)) for one in evaluations]

    def paint(axes: Axes) -> None:
        axes.plot([value.value for value in values], color=FIRST, linewidth=1)
        for place, (one, value) in enumerate(zip(evaluations, values, strict=True)):
            axes.plot([place, place], [value.low, value.high], color=FIRST, linewidth=2)
            axes.plot(place, value.value, "o", color=FIRST, markerfacecolor=FIRST if one.blessed else PAPER)
        every = -(-len(evaluations) // 6)  # so many dates fit
        runs = [_run(one) for one in evaluations]
        axes.set_xticks(range(0, len(runs), every), runs[::every])
        axes.margins(x=0.08)
        axes.set_ylim(bottom=0)
        axes.set_ylabel(words.title(metric))
        axes.grid(visible=False, axis="x")

    described = ", ".join(
        f"{_run(one).replace(chr(10), ' ')} {value.value:.3f}" for one, value in zip(evaluations, values, strict=True)
    )
    name = re.sub(r"\W", "-", f"history-{metric}")
    return draw(name, f"{metric} over past evaluations, oldest first: {described}", 2.6, paint)


def _run(evaluation: PastEvaluation) -> str:
    """By what a past evaluation is known: the span up to which it read, or the time where tables have no spans."""
    if evaluation.span is not None:
        return f"span {evaluation.span}\n{evaluation.at:%d %b}"
    return f"{evaluation.at:%d %b}\n{evaluation.at:%H:%M}"


def curve(found: Curve) -> markupsafe.Markup:
    """One quantity over the training, a line for each split."""

    def paint(axes: Axes) -> None:
        for (split, points), colour in zip(found.points.items(), (FIRST, SECOND, INK), strict=False):
            axes.plot(*zip(*points, strict=True), color=colour, label=split, marker="o", markersize=3)
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
        axes.set_xlabel("epoch")
        axes.legend()

    last = "; ".join(f"{split} ends at {points[-1][1]:.4g}" for split, points in found.points.items())
    return draw(f"curve-{found.name}", f"{found.name} by epoch: {last}", 2.4, paint)


def group_name(group: PopularityGroup) -> str:
    """Ranks as text, such as `11 to 100`."""
    return f"{group.first_rank:,} to {group.last_rank:,}"


def _legend_below(axes: Axes) -> None:
    axes.figure.legend(*axes.get_legend_handles_labels(), loc="outside lower center", ncols=2)

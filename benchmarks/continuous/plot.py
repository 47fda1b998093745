"""The weeks as a picture."""

import pathlib

import matplotlib
import matplotlib.pyplot as plt

from benchmarks.continuous import ARMS, METRICS
from benchmarks.continuous.results import Results

FILE = pathlib.Path("benchmarks/results/continuous.svg")
_LABELS = {"warm": "warm start", "cold": "cold start", "frozen": "first model, frozen"}
_MARKERS = {"warm": "o", "cold": "s", "frozen": "^"}

matplotlib.use("Agg")  # a file, whatever screen there is
matplotlib.rcParams["svg.hashsalt"] = "shelfwise"  # so that equal figures give equal files


def write(results: Results) -> None:
    """Draws every metric and the training time by week, as SVG."""
    figure, axes = plt.subplots(1, len(METRICS) + 1, figsize=(15, 3.4), layout="constrained")
    spans = [week.span for week in results.weeks]
    for axis, name in zip(axes, METRICS, strict=False):
        for arm in ARMS:
            values = [week.values[arm][name] for week in results.weeks]
            axis.plot(spans, values, marker=_MARKERS[arm], label=_LABELS[arm])
        axis.set(title=name.replace("first_time/", "first-time "), xlabel="span trained on")
        axis.set_ylim(bottom=0)
    for arm in ("warm", "cold"):
        trained = [(week.span, week.seconds[arm]) for week in results.weeks if arm in week.seconds]
        axes[-1].plot(*zip(*trained, strict=True), marker=_MARKERS[arm])
    axes[-1].set(title="Trainer, seconds", xlabel="span trained on")
    axes[-1].set_ylim(bottom=0)
    for axis in axes:
        axis.set_xticks(spans)
        axis.grid(alpha=0.3)
    axes[0].legend()
    FILE.parent.mkdir(parents=True, exist_ok=True)
    aside = FILE.with_suffix(".partial")
    figure.savefig(aside, format="svg", metadata={"Date": None})
    aside.rename(FILE)
    plt.close(figure)

"""The load report: latency against offered load."""

import pathlib

import matplotlib
import matplotlib.pyplot as plt
import numpy as np

from benchmarks.serving.load import Load

PERCENTILES = (50, 95, 99)

matplotlib.use("Agg")  # a file, whatever screen there is
matplotlib.rcParams["svg.hashsalt"] = "shelfwise"  # so that equal figures give equal files


def write(path: pathlib.Path, loads: dict[float, Load], capacity: float) -> None:
    """Draws the percentiles of latency as SVG.

    Args:
        path: the file; replaced whole.
        loads: what clients saw, by the calls per second that they offered.
        capacity: answers per second of the saturated server.
    """
    figure, axes = plt.subplots(figsize=(7, 4.5), layout="constrained")
    for percentile in PERCENTILES:
        milliseconds = [1_000 * np.percentile(load.latencies, percentile) for load in loads.values()]
        axes.plot(list(loads), milliseconds, marker="o", label=f"p{percentile}")
    axes.axvline(capacity, color="grey", linestyle="--", label="32 clients without a pause")
    axes.set(xlabel="offered load, requests a second", ylabel="latency, ms", yscale="log")
    axes.grid(which="both", alpha=0.3)
    axes.legend()
    path.parent.mkdir(parents=True, exist_ok=True)
    aside = path.with_suffix(".partial")
    figure.savefig(aside, format="svg", metadata={"Date": None})
    aside.rename(path)
    plt.close(figure)

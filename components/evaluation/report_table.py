"""Prints an evaluation: a table of slices, and the verdict with its reasons."""

import math
from collections.abc import Sequence

from rich import box
from rich.table import Table

from components.evaluation import ranking_metrics, verdict_text
from components.evaluation.report import EvaluationReport
from components.evaluation.slices import SliceMetrics, slice_name


def metrics_table(report: EvaluationReport, names: Sequence[str], group: str = "") -> Table:
    """A row a slice and a column a metric.

    A cell is the candidate's value with, in brackets, what it gained over the baseline; "-" where no request counts.

    Args:
        report: what to show.
        names: the metrics to show, such as `ndcg@10`.
        group: "" for all items, `ranking_metrics.FIRST_TIME` for those that were new to the shopper.
    """
    table = Table("slice", box=box.SIMPLE_HEAD, pad_edge=False)
    for name in (ranking_metrics.REQUESTS, *names):
        table.add_column(name, justify="right")
    for metrics in report.slices:
        requests = f"{metrics.candidate[group + ranking_metrics.REQUESTS]:,.0f}"
        table.add_row(slice_name(metrics.slice), requests, *(_cell(metrics, group + name) for name in names))
    return table


def _cell(metrics: SliceMetrics, name: str) -> str:
    value = metrics.candidate[name]
    if math.isnan(value):
        return "-"
    if not metrics.baseline:
        return f"{value:.4f}"
    return f"{value:.4f} ({value - metrics.baseline[name]:+.4f})"


def verdict(report: EvaluationReport) -> str:
    """`blessed`, or `not blessed` with two lines for each missed gate; then what could not be decided."""
    lines = ["blessed" if report.blessed else "not blessed:"]
    for refusal in report.refusals:
        lines += [f"  {verdict_text.describe(refusal)}", f"    {verdict_text.advice(refusal)}"]
    if report.undecided:
        lines += ["undecided:", *(f"  {line}" for line in verdict_text.undecided(report.verdict))]
    return "\n".join(lines)

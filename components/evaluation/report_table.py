"""Prints an evaluation: a table of slices, and the verdict with its reasons."""

import math
from collections.abc import Sequence

from rich import box
from rich.table import Table
from rich.text import Text

from components.evaluation import ranking_metrics, verdict_text
from components.evaluation.metrics import logged, policy
from components.evaluation.metrics import names as metric_names
from components.evaluation.report import EvaluationReport
from components.evaluation.slices import SliceMetrics, slice_name

_OF_LOG = {name.split("@")[0] for name in logged.names([1])}


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
        table.add_row(Text(slice_name(metrics.slice)), requests, *(_cell(metrics, group + name) for name in names))
    return table


def logged_table(report: EvaluationReport) -> Table | None:
    """What shoppers did and what lists are worth by it, over all requests; None if the log has nothing of the kind."""
    overall = report.slices[0] if report.slices else None
    of_log = [] if overall is None else [name for name in overall.candidate if _is_of_log(name)]
    if not of_log:
        return None
    table = Table("", box=box.SIMPLE_HEAD, pad_edge=False)
    for column in ("value", "95 % interval", "gain", "95 % interval"):
        table.add_column(column, justify="right")
    for name in of_log:
        found = overall.measured(name)
        change = "" if math.isnan(found.change) else f"{found.change:+.4g}"
        table.add_row(
            name,
            "-" if math.isnan(found.value) else f"{found.value:.4g}",
            _interval(found.low, found.high),
            change,
            _interval(found.change_low, found.change_high),
        )
    return table


def logged_notes(report: EvaluationReport) -> list[str]:
    """What the log leaves out of that, and what it says too little of."""
    missing = logged.missing(kind for kind, count in report.outcomes.items() if count)
    measured = metric_names.group(report.slices[0].candidate) if report.slices else {}
    warning = policy.warning(measured, report.outcomes.get(logged.PROPENSITIES, 0))
    return [
        *([f"The value of the policy is not to be relied on: {warning}"] if warning else []),
        *([f"Not there: {'; '.join(missing)}"] if missing else []),
    ]


def _is_of_log(name: str) -> bool:
    base, _, suffix = name.partition("@")
    return "/" not in base + suffix and base in _OF_LOG


def _interval(low: float, high: float) -> str:
    return "" if math.isnan(low) else f"{low:.4g} … {high:.4g}"


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

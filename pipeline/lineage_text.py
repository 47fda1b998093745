"""The lineage of a pushed version, for a terminal."""

import datetime
from collections.abc import Iterable

from rich.console import Group
from rich.table import Table

from pipeline.lineage import Lineage, Metric, Model

_SHORT = 12


def layout(lineage: Lineage) -> Group:
    """What made the version, a line each, and the metrics beside those of the baseline."""
    facts = Table.grid(padding=(0, 2))
    facts.add_column(no_wrap=True)
    facts.add_column(overflow="fold")  # a path that is cut off is of no use
    for name, value in _facts(lineage):
        facts.add_row(name, value)
    return Group(facts, "", _metrics(lineage.metrics))


def _facts(lineage: Lineage) -> Iterable[tuple[str, str]]:
    events, config = lineage.events, lineage.config
    first = "the oldest" if events.first_span is None else str(events.first_span)
    yield "version", f"{lineage.version}, pushed to {lineage.folder} on {_time(lineage.pushed_at)}"
    yield "spans", f"{first} to {events.last_span}: {events.rows:,} events, {events.rejected:,} rejected"
    for table, schema in lineage.schemas.items():
        yield f"{table} schema", f"{schema.sha256[:_SHORT]}  {schema.uri}"
    yield "configuration", "not noted down" if config is None else f"of {config['name']}; --json prints it"
    yield "code", lineage.code or "not noted down"
    yield "trained", f"{_time(lineage.trained_at)}, in {lineage.training_seconds:.0f} s"
    if lineage.trained_by != lineage.code:
        yield "trained by code", lineage.trained_by or "not noted down"
    yield "training began", _start(lineage)
    yield "baseline", _model(lineage.baseline)
    yield "verdict", "blessed" if lineage.blessed else "not blessed"
    for line in lineage.undecided:
        yield "undecided", line
    yield "in a server", "accepted" if lineage.server.blessed else "refused"


def _start(lineage: Lineage) -> str:
    if lineage.start is None:
        return "the model does not tell how"
    if not lineage.start.is_warm:
        return f"cold: {lineage.start.reason}"
    return f"warm, from {_model(lineage.parent)}"


def _model(model: Model | None) -> str:
    if model is None:
        return "none"
    version = "never pushed" if model.version is None else f"version {model.version}"
    return f"{version}, of span {model.span}  {model.uri}"


def _time(moment: datetime.datetime) -> str:
    return f"{moment:%Y-%m-%d %H:%M:%S} UTC"


def _metrics(metrics: dict[str, Metric]) -> Table:
    table = Table("metric", box=None)
    for title in ("this version", "95 % interval", "baseline"):
        table.add_column(title, justify="right")
    for name, metric in metrics.items():
        interval = "" if metric.low is None else f"{_value(metric.low)} … {_value(metric.high)}"
        table.add_row(name, _value(metric.value), interval, _value(metric.baseline))
    return table


def _value(value: float | None) -> str:
    return "-" if value is None else f"{value:.4f}"

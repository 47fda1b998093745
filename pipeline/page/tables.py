"""What a run knows of the shop's data, from what those of its components that finished put out."""

from collections.abc import Iterable, Iterator, Mapping

from components.table_gen.read import BEFORE, NEWEST
from components.table_gen.summary import Summary
from pipeline.page import comparisons, table_statistics
from pipeline.page.document import Comparison, Split, Step, Table

NAMES = ("events", "items", "users")
REQUESTS = "requests"  # training beside serving

_FINISHED = ("done", "from the cache")
_TRAINING = "train"


def read(steps: Iterable[Step]) -> list[Table]:
    """The tables that a run ingested and described, and the requests if some were logged.

    Raises:
        FileNotFoundError: an artefact of the run is gone; the message names it.
    """
    finished = {step.component: step for step in steps if step.state in _FINISHED}
    tables = [_table(name, finished) for name in NAMES if f"{name.capitalize()}Statistics" in finished]
    if "ServingStatistics" in finished:
        tables.append(_requests(finished))
    return tables


def _table(name: str, finished: Mapping[str, Step]) -> Table:
    title = name.capitalize()
    rows = table_statistics.read_rows(_output(finished[f"{title}Gen"], "examples"))
    splits = table_statistics.read_splits(_output(finished[f"{title}Statistics"], "statistics"), [NEWEST, BEFORE])
    validators = [finished[step] for step in (f"{title}Validator", f"{title}Drift") if step in finished]
    return Table(
        name=name,
        rows=rows,
        splits=splits,
        comparisons=list(_drift(finished.get(f"{title}Drift"), rows, splits)),
        findings=[
            finding
            for validator in validators
            for finding in table_statistics.read_findings(_output(validator, "anomalies"), name)
        ],
    )


def _drift(validator: Step | None, rows: Summary, splits: list[Split]) -> Iterator[Comparison]:
    if validator is None or len(splits) < 2:
        return
    for _, anomalies in table_statistics.read_anomalies(_output(validator, "anomalies")):
        yield from comparisons.of_columns(anomalies, "drift_comparator")
        yield from comparisons.of_rows(anomalies.baseline, *splits, rows.spans - 1)


def _requests(finished: Mapping[str, Step]) -> Table:
    """The requests that train and those that were served, as far as the run has come with them."""
    statistics = [finished[step] for step in ("RequestStatistics", "ServingStatistics") if step in finished]
    splits = [split for step in statistics for split in table_statistics.read_splits(_output(step, "statistics"))]
    validators = [finished[step] for step in ("ServingValidator", "ServingSkew") if step in finished]
    anomalies = [_output(step, "anomalies") for step in validators]
    return Table(
        name=REQUESTS,
        rows=None,
        splits=splits,
        comparisons=[
            comparison
            for uri in anomalies
            for split, found in table_statistics.read_anomalies(uri)
            if split == _TRAINING
            for comparison in comparisons.of_columns(found, "skew_comparator")
        ],
        findings=[finding for uri in anomalies for finding in table_statistics.read_findings(uri, REQUESTS)],
    )


def _output(step: Step, key: str) -> str:
    return step.outputs[key][0].uri

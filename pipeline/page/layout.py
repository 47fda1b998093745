"""Which of the measured values stand where on the page."""

from collections.abc import Sequence
from typing import NamedTuple

from components.evaluation import ranking_metrics
from components.evaluation.metrics import exposure, logged, names, policy
from components.evaluation.metrics.names import Measured
from pipeline.page.document import Column, DataDocument, Document, Slice, Table


class Grid(NamedTuple):
    """Values of lists by what is measured and the length of the list, over one group of items."""

    caption: str
    requests: Measured
    rows: dict[str, list[Measured]]  # by what is measured, a value for each cutoff


def main_metric(cutoffs: Sequence[int]) -> str:
    """The metric that is drawn: NDCG at the first cutoff."""
    return f"ndcg@{cutoffs[0]}"


def main_metrics(cutoffs: Sequence[int]) -> list[str]:
    """The few metrics that are shown of every slice: NDCG of the shortest lists and recall of the longest."""
    found = [main_metric(cutoffs), f"recall@{cutoffs[-1]}"]
    return found + [ranking_metrics.FIRST_TIME + name for name in found]


def headline(document: Document) -> dict[str, Measured]:
    """The values that come first, by name."""
    wanted = [*main_metrics(document.cutoffs)[:3], f"{exposure.COVERAGE}@{document.cutoffs[0]}"]
    measured = overall(document)
    return {name: measured[name] for name in wanted if name in measured}


def overall(document: Document) -> dict[str, Measured]:
    """What was measured over all requests; nothing if there were none."""
    return document.slices[0].candidate if document.slices else {}


def grids(document: Document) -> list[Grid]:
    """The metrics of right lists over all requests: for all items, then for those that were new to the shopper."""
    measured = overall(document)
    bases = list(dict.fromkeys(names.base(name) for name in ranking_metrics.list_metric_names(document.cutoffs)))
    return [
        Grid(
            caption,
            measured[group + ranking_metrics.REQUESTS],
            {
                base: [measured[f"{group}{base}@{cutoff}"] for cutoff in document.cutoffs]
                for base in bases
                if f"{group}{base}@{document.cutoffs[0]}" in measured
            },
        )
        for group, caption in (("", "All items"), (ranking_metrics.FIRST_TIME, "First-time items"))
        if group + ranking_metrics.REQUESTS in measured
    ]


def properties(document: Document) -> dict[str, Measured]:
    """The other metrics over all requests, by name: what lists are like, right or not."""
    elsewhere = {*ranking_metrics.mean_names(document.cutoffs), *logged.names(document.cutoffs)}
    return {name: value for name, value in overall(document).items() if "@" in name and name not in elsewhere}


def of_log(document: Document) -> list[str]:
    """Names of what is measured by what shoppers did with what they were shown, where the log has it."""
    return [name for name in logged.names(document.cutoffs) if name in overall(document)]


def warning(document: Document) -> str:
    """What to know before the value of the policy is believed; empty if there is nothing to say."""
    return policy.warning(overall(document), document.outcomes.get(logged.PROPENSITIES, 0))


def not_in_log(document: Document) -> list[str]:
    """What the log leaves out of these, and why."""
    return logged.missing([kind for kind, count in document.outcomes.items() if count])


def predictions(document: Document) -> dict[str, Measured]:
    """The metrics of the ranker's heads over all requests, by name."""
    return {
        name: value
        for name, value in overall(document).items()
        if "/" in name and "@" not in name and not name.startswith(ranking_metrics.FIRST_TIME)
    }


def without(slices: Sequence[Slice], *beginnings: str) -> list[Slice]:
    """The slices that are cut by nothing of which the name begins so."""
    return [one for one in slices if not any(feature.startswith(beginnings) for feature in one.features)]


def by_alone(slices: Sequence[Slice], beginning: str) -> list[Slice]:
    """The slices that are cut by one thing, of which the name begins so."""
    return [one for one in slices if len(one.features) == 1 and one.features[0].startswith(beginning)]


def cells(one: Slice, wanted: Sequence[str]) -> list[Measured]:
    """A slice's values of some metrics."""
    return [one.candidate.get(name, Measured(float("nan"))) for name in wanted]


def columns(table: Table) -> list[tuple[Column, Column | None]]:
    """The columns of a table's first part, each beside the same one of its second part, if there is one."""
    first, *others = table.splits
    beside = {column.name: column for other in others[:1] for column in other.columns}
    return [(column, beside.get(column.name)) for column in first.columns]


def made(document: Document | DataDocument) -> set[int]:
    """Numbers of the artefacts that the run made, or took from the cache."""
    outputs = (artifacts for step in document.steps for artifacts in step.outputs.values())
    return {artifact.id for artifacts in outputs for artifact in artifacts}

"""What the Evaluator's values are called, and how those of one metric are found together.

A metric is named `<base>@<k>`, prefixed with `first_time/` where only items that are new to the shopper count. Beside
the value itself stand `/low` and `/high`, the ends of its 95 % interval, and, of a candidate that has a baseline,
`/change`, the candidate's value minus the baseline's, with an interval of its own.
"""

import dataclasses
import math
from collections.abc import Mapping, Sequence

from components.evaluation import ranking_metrics
from components.evaluation.metrics import exposure, lists

LOW, HIGH, CHANGE = "/low", "/high", "/change"
_LOWER_IS_BETTER = (exposure.GINI, lists.Miscalibration.base)


def ratio_names(cutoffs: Sequence[int], has_catalogue: bool, has_category: bool) -> list[str]:
    """Metrics that have intervals: those of right lists, then the properties of lists that can be told."""
    kinds = lists.kinds(cutoffs, has_catalogue, has_category)
    return ranking_metrics.mean_names(cutoffs) + [f"{kind.base}@{cutoff}" for kind, cutoff in kinds]


def exposure_names(cutoffs: Sequence[int]) -> list[str]:
    """Metrics of all lists together, which need the catalogue and have no interval."""
    return [f"{base}@{cutoffs[0]}" for base in (exposure.COVERAGE, exposure.GINI)]


def all_names(cutoffs: Sequence[int], has_category: bool) -> list[str]:
    """Everything that a pipeline with or without a category of items measures, and a gate can be set on."""
    return ratio_names(cutoffs, True, has_category) + exposure_names(cutoffs)


def lower_is_better(name: str) -> bool:
    """Whether a smaller value of a metric is the better one."""
    return name.split("@")[0] in _LOWER_IS_BETTER


@dataclasses.dataclass(frozen=True)
class Measured:
    """A metric of one slice; NaN stands for what is not known."""

    value: float
    low: float = math.nan
    high: float = math.nan
    change: float = math.nan
    change_low: float = math.nan
    change_high: float = math.nan

    @property
    def has_interval(self) -> bool:
        """Whether anything is known of how far chance may have moved the value."""
        return not math.isnan(self.low)


def group(values: Mapping[str, float]) -> dict[str, Measured]:
    """Puts the values of each metric of a slice together.

    Args:
        values: one model's, by name, counts among them.

    Returns:
        What was measured by metric name, in the order of `values`.
    """

    def measured(name: str) -> Measured:
        suffixes = ("", LOW, HIGH, CHANGE, CHANGE + LOW, CHANGE + HIGH)
        return Measured(*(values.get(name + suffix, math.nan) for suffix in suffixes))

    return {name: measured(name) for name in values if not name.endswith((LOW, HIGH, CHANGE))}

"""What the Evaluator's values are called, and how those of one metric are found together.

A metric of lists is named `<base>@<k>`, prefixed with `first_time/` where only items that are new to the shopper count;
one of a head of the ranker `<head>/<base>`; one of how the values of an item feature are shown `<feature>/<base>@<k>`.
Beside the value itself stand `/low` and `/high`, the ends of its 95 % interval, and, of a candidate that has a
baseline, `/change`, the candidate's value minus the baseline's, with an interval of its own.
"""

import dataclasses
import math
from collections.abc import Mapping

from components.evaluation import ranking_metrics
from components.evaluation.metrics import calibration, exposure, heads, lists
from components.evaluation.metrics.selection import Selection

LOW, HIGH, CHANGE = "/low", "/high", "/change"
_LOWER_IS_BETTER = (
    exposure.GINI,
    exposure.DISPARITY,
    lists.Miscalibration.base,
    heads.LogLoss.base,
    heads.Rmse.base,
    heads.Mae.base,
    calibration.ERROR,
)
_WITHOUT_INTERVAL = (
    exposure.COVERAGE,
    exposure.GINI,
    exposure.DISPARITY,
    exposure.LEAST_EXPOSURE,
    calibration.ERROR,
)
_BEST_IN_BETWEEN = (heads.Calibration.base,)


def ratio_names(selection: Selection) -> list[str]:
    """Metrics that have intervals: those of right lists, the properties of lists that can be told, those of heads."""
    of_heads = [head_name(head, kind.base) for head in selection.heads for kind in heads.kinds(head.loss)]
    of_lists = [f"{kind.base}@{cutoff}" for kind, cutoff in lists.kinds(selection)]
    return ranking_metrics.mean_names(selection.cutoffs) + of_lists + of_heads


def exposure_names(selection: Selection) -> list[str]:
    """Metrics of all lists together, which need the catalogue and have no interval."""
    if not selection.has_catalogue:
        return []
    bases = [exposure.COVERAGE, exposure.GINI]
    bases += [
        f"{feature}/{base}" for feature in selection.exposure for base in (exposure.DISPARITY, exposure.LEAST_EXPOSURE)
    ]
    return [f"{base}@{selection.cutoffs[0]}" for base in bases]


def calibration_names(selection: Selection) -> list[str]:
    """Calibration errors, of cross-entropy heads, which have no interval."""
    return [head_name(head, calibration.ERROR) for head in selection.heads if head.loss == heads.CROSS_ENTROPY]


def all_names(selection: Selection) -> list[str]:
    """Everything that is measured, and a gate can be set on."""
    return ratio_names(selection) + exposure_names(selection) + calibration_names(selection)


def head_name(head: heads.Head, base: str) -> str:
    """What a metric of a head is called."""
    return f"{head.name}/{base}"


def base(name: str) -> str:
    """What a metric measures, without of what: `ndcg` of `first_time/ndcg@10`, `auc` of `purchase/auc`."""
    return name.rsplit("/", 1)[-1].split("@")[0]


def lower_is_better(name: str) -> bool:
    """Whether a smaller value of a metric is the better one."""
    return base(name) in _LOWER_IS_BETTER


def may_have_interval(name: str) -> bool:
    """Whether a metric has an interval where there are shoppers enough."""
    return base(name) not in _WITHOUT_INTERVAL


def has_direction(name: str) -> bool:
    """Whether more, or less, of a metric is better throughout, so that one model can lose to another by it."""
    return base(name) not in _BEST_IN_BETWEEN


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

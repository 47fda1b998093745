"""A verdict in words: what was missed, what to look at, and what could not be decided."""

import collections

from components.evaluation import ranking_metrics
from components.evaluation.metrics import calibration, exposure, heads, lists, names
from components.evaluation.slices import slice_name
from components.evaluation.verdict import Check, Verdict

_UNAVAILABLE = "which items have `available` in the items table, and whether the export still leaves the others out"
_RARE = "serving.popular, and whether training still corrects for popularity (request examples' sampling odds)"
_GROUPS = (
    "which values are shown less than they are taken (exposure, in the report), and whether their items train at all"
)
_PREDICTED = "the calibration plot of the report, model.heads, and the sampling odds and labels of the candidates"
_LEAK = (
    "whether something that is known only after a request reaches the model, such as a feature that comes from its "
    "answer, or requests that both train and judge (requests.eval_days)"
)
_SLICE = "what these requests share: the features that tell them apart, and how many of them trained (the statistics)"
_NO_REQUEST = "requests.eval_days and requests.positive_events, and whether the newest events have arrived"
_WHOLE = "what differs from the run before: configuration, statistics of the tables, training curves"
_POLICY = (
    "what the lists show that shoppers rarely choose when it is shown to them, and how many impressions effectively "
    "count (policy_effective)"
)
_UNDECIDED = {
    "no_value": "no request counts",
    "no_reference": "the baseline has no value",
    "too_few_requests": "fewer requests than min_slice_requests",
    "no_interval": "too few shoppers for an interval",
    "wide_interval": "the interval holds both no difference and one beyond the limit",
    "one_group": "no two slices can be compared",
    "no_propensities": "no impression in the log has a propensity",
    "too_few_effective": "too few impressions of what the lists show: fewer count than policy_value.min_effective",
    "about_the_limit": "the interval reaches to either side of the limit",
}


def describe(check: Check) -> str:
    """What was found, in one line: metric, slice, both values, interval and limit."""
    where = f"{check.metric} ({slice_name(check.slice)})"
    if check.value is None:
        return f"{where} has no value: no request counts for it"
    if check.gate in ("requests", "floors", "ceilings", "policy_value.floor"):
        side = "above its ceiling" if check.gate == "ceilings" else "below its floor"
        return f"{where} is {check.value:.4g}{_interval(check)}, {side} of {check.threshold:.4g}"
    versus = slice_name(check.versus) if check.versus else "the baseline"
    limit = check.threshold if names.lower_is_better(check.metric) else -check.threshold
    return (
        f"{where} is {check.value:.4g} against {check.reference:.4g} of {versus}: a difference of "
        f"{check.change:+.4g}{_interval(check)}; {limit:+.4g} is the limit"
    )


def advice(check: Check) -> str:
    """Where to look for the cause of a refusal."""
    base = names.base(check.metric)
    if check.gate == "requests" or check.reason == "no_value":
        return f"look at {_NO_REQUEST}"
    if check.gate.startswith("policy_value"):
        return f"look at {_POLICY}"
    if base == lists.AvailableShare.base:
        return f"look at {_UNAVAILABLE}"
    if check.gate == "ceilings" and base in _RIGHTNESS:
        return f"suspiciously good: look at {_LEAK}"
    if base in _OF_GROUPS:
        return f"look at {_GROUPS}"
    if base in _OF_HEADS:
        return f"look at {_PREDICTED}"
    if base in _RARITY:
        return f"look at {_RARE}"
    return f"look at {_SLICE if check.slice else _WHOLE}"


def undecided(verdict: Verdict) -> list[str]:
    """A line for each gate, metric and reason, with the slices that it left undecided."""
    groups = collections.defaultdict(list)
    for check in verdict.undecided:
        groups[check.gate, check.metric, check.reason].append(_pair_name(check))
    return [
        f"{gate} of {metric}, {_UNDECIDED[reason]}: {'; '.join(where)}"
        for (gate, metric, reason), where in groups.items()
    ]


def _pair_name(check: Check) -> str:
    versus = f" against {slice_name(check.versus)}" if check.versus else ""
    change = "" if check.change is None else f" ({check.change:+.4g}{_interval(check)})"
    return f"{slice_name(check.slice)}{versus}{change}"


def _interval(check: Check) -> str:
    return "" if check.low is None else f" [{check.low:.4g}, {check.high:.4g}]"


# What of a metric's name tells its kind.
_OF_GROUPS = (exposure.DISPARITY, exposure.LEAST_EXPOSURE)
_OF_HEADS = {kind.base for loss in (heads.CROSS_ENTROPY, heads.SQUARED_ERROR) for kind in heads.kinds(loss)} | {
    calibration.ERROR
}
_RIGHTNESS = {name.split("@")[0] for name in ranking_metrics.list_metric_names([1])} | {lists.RareRecall.base}
_RARITY = {
    *(kind.base for kind in (lists.RareShare, lists.RareRecall, lists.PopularityLift, lists.Novelty)),
    exposure.COVERAGE,
    exposure.GINI,
}

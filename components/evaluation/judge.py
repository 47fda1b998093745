"""Holds what was measured against the gates of a shop: a pure function, apart from how the values came about.

TFMA has thresholds of its own. They know no intervals, so that noise decides, and nothing that compares slices.
"""

import itertools
import math
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from components.evaluation import policy_gate, ranking_metrics
from components.evaluation.metrics import names
from components.evaluation.slices import SliceMetrics
from components.evaluation.verdict import Check, Verdict
from pipeline.config_evaluation import Gates

MIN_REQUESTS = 1
_SEVERITY = ("passed", "undecided", "refused")


def judge(slices: Sequence[SliceMetrics], gates: Gates) -> Verdict:
    """Judges a candidate.

    Args:
        slices: what was measured; all requests are the slice without a feature. Comparisons with a baseline are left
            out where there is none.
        gates: what to hold it against.

    Returns:
        A check for each gate, metric and slice. Without a single request that can be judged, that is the only one.
    """
    overall = next((metrics for metrics in slices if not metrics.slice), SliceMetrics((), {}, {}))
    answered = _requests(overall, "")
    enough = Check(
        gate="requests",
        metric=ranking_metrics.REQUESTS,
        slice=(),
        outcome="refused" if answered < MIN_REQUESTS else "passed",
        value=answered,
        threshold=MIN_REQUESTS,
        requests=answered,
    )
    if answered < MIN_REQUESTS:
        return Verdict(checks=[enough])
    held = [*_bounds(overall, gates), *_losses(slices, gates), *_gaps(slices, gates)]
    return Verdict(checks=[enough, *held, *policy_gate.checks(overall, gates.policy_value)])


def _requests(metrics: SliceMetrics, name: str) -> int:
    """How many requests of a slice count for a metric."""
    group = ranking_metrics.FIRST_TIME if name.startswith(ranking_metrics.FIRST_TIME) else ""
    return int(metrics.candidate.get(group + ranking_metrics.REQUESTS, 0))


def _bounds(overall: SliceMetrics, gates: Gates) -> Iterator[Check]:
    for gate, bounds, direction in (("floors", gates.floors, 1), ("ceilings", gates.ceilings, -1)):
        for name, bound in bounds.items():
            found = overall.measured(name)
            missing = math.isnan(found.value)
            yield Check(
                gate=gate,
                metric=name,
                slice=(),
                outcome="refused" if missing or direction * (found.value - bound) < 0 else "passed",
                reason="no_value" if missing else "",
                value=found.value,
                threshold=bound,
                low=found.low,
                high=found.high,
                requests=_requests(overall, name),
            )


def _losses(slices: Sequence[SliceMetrics], gates: Gates) -> Iterator[Check]:
    for metrics in slices:
        if metrics.baseline:
            gate = "slice_max_loss" if metrics.slice else "max_loss"
            for name, limit in getattr(gates, gate).items():
                yield _loss(metrics, name, limit, gates.min_slice_requests)


def _loss(metrics: SliceMetrics, name: str, limit: float, min_slice_requests: int) -> Check:
    found, requests = metrics.measured(name), _requests(metrics, name)
    if metrics.slice and requests < min_slice_requests:
        outcome, reason = "undecided", "too_few_requests"
    else:
        outcome, reason = _loss_outcome(found, name, limit, is_slice=bool(metrics.slice))
    return Check(
        gate="slice_max_loss" if metrics.slice else "max_loss",
        metric=name,
        slice=metrics.slice,
        outcome=outcome,
        reason=reason,
        value=found.value,
        threshold=limit,
        reference=metrics.baseline.get(name, math.nan),
        change=found.change,
        low=found.change_low,
        high=found.change_high,
        requests=requests,
    )


def _loss_outcome(found: names.Measured, name: str, limit: float, is_slice: bool) -> tuple[str, str]:
    """Outcome and reason of a change.

    The whole has to be decided in any case: there the value alone counts where no interval can be told, and a metric
    without a value is refused. What only the baseline lacks is nothing to lose to.
    """
    if math.isnan(found.value):
        return ("undecided" if is_slice else "refused"), "no_value"
    if math.isnan(found.change):
        return "undecided", "no_reference"
    if not math.isnan(found.change_low):
        return _outcome(_Harm.of_change(name, found.change, found.change_low, found.change_high), limit)
    if is_slice and names.may_have_interval(name):
        return "undecided", "no_interval"
    return _outcome(_Harm.of_change(name, found.change, found.change, found.change), limit)


class _Harm(NamedTuple):
    """By how much something is worse than what it is compared with, with the ends of the interval."""

    value: float
    low: float
    high: float

    @classmethod
    def of_change(cls, name: str, change: float, low: float, high: float) -> "_Harm":
        return cls(change, low, high) if names.lower_is_better(name) else cls(-change, -high, -low)


def _outcome(harm: _Harm, limit: float) -> tuple[str, str]:
    """Outcome and reason: refused beyond the limit if no chance, undecided if anything from none to too much."""
    if harm.value > limit and harm.low > 0:
        return "refused", ""
    if harm.high > limit and harm.low <= 0:
        return "undecided", "wide_interval"
    return "passed", ""


def _gaps(slices: Sequence[SliceMetrics], gates: Gates) -> Iterator[Check]:
    for feature, limits in gates.max_gap.items():
        groups = [metrics for metrics in slices if [key for key, _ in metrics.slice] == [feature]]
        for name, limit in limits.items():
            yield from _gap(feature, groups, name, limit, gates.min_slice_requests)


def _gap(feature: str, groups: list[SliceMetrics], name: str, limit: float, min_slice_requests: int) -> Iterator[Check]:
    """Yields a check for each group that cannot be compared, and one for the worst pair of the others."""
    comparable = []
    for metrics in groups:
        if reason := _unfit(metrics, name, min_slice_requests):
            found = metrics.measured(name)
            yield Check(
                gate="max_gap",
                metric=name,
                slice=metrics.slice,
                outcome="undecided",
                reason=reason,
                value=found.value,
                threshold=limit,
                low=found.low,
                high=found.high,
                requests=_requests(metrics, name),
            )
        else:
            comparable.append(metrics)
    comparable.sort(key=lambda metrics: metrics.measured(name).value, reverse=not names.lower_is_better(name))
    pairs = [_pair(better, worse, name, limit) for better, worse in itertools.combinations(comparable, 2)]
    if pairs:
        yield max(pairs, key=lambda check: (_SEVERITY.index(check.outcome), abs(check.change)))
    else:
        yield Check(
            gate="max_gap",
            metric=name,
            slice=((feature, "*"),),
            outcome="undecided",
            reason="one_group",
            threshold=limit,
            requests=sum(_requests(metrics, name) for metrics in comparable),
        )


def _unfit(metrics: SliceMetrics, name: str, min_slice_requests: int) -> str:
    """Why a group cannot be compared with another; empty if it can."""
    found = metrics.measured(name)
    if _requests(metrics, name) < min_slice_requests:
        return "too_few_requests"
    if math.isnan(found.value):
        return "no_value"
    return "" if found.has_interval else "no_interval"


def _pair(better: SliceMetrics, worse: SliceMetrics, name: str, limit: float) -> Check:
    """Holds how much worse off one group is than another against the limit.

    The interval of the difference comes from those of the two groups, whose shoppers are not the same ones, by MOVER
    (Zou and Donner, "Construction of confidence limits about effect measures", Statistics in Medicine 2008).
    """
    value, reference = worse.measured(name), better.measured(name)
    change = value.value - reference.value
    low = change - math.hypot(value.value - value.low, reference.high - reference.value)
    high = change + math.hypot(value.high - value.value, reference.value - reference.low)
    outcome, reason = _outcome(_Harm.of_change(name, change, low, high), limit)
    return Check(
        gate="max_gap",
        metric=name,
        slice=worse.slice,
        outcome=outcome,
        reason=reason,
        value=value.value,
        threshold=limit,
        reference=reference.value,
        versus=better.slice,
        change=change,
        low=low,
        high=high,
        requests=_requests(worse, name),
    )

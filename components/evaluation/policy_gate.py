"""Holds the value of a candidate's lists, as estimated from the log, against its gate."""

import math
from collections.abc import Iterator

from components.evaluation import ranking_metrics
from components.evaluation.metrics import policy
from components.evaluation.metrics.names import Measured
from components.evaluation.slices import SliceMetrics
from components.evaluation.verdict import Check
from pipeline.config_evaluation import PolicyValueGate

FLOOR, MAX_LOSS = "policy_value.floor", "policy_value.max_loss"


def checks(overall: SliceMetrics, gate: PolicyValueGate) -> Iterator[Check]:
    """Yields a check for each limit that is set; for the loss only where there is a baseline.

    Args:
        overall: what was measured of all requests.
        gate: the limits.
    """
    base = policy.PREFIX + gate.estimator
    name = next((name for name in overall.candidate if name.startswith(f"{base}@")), base)
    found = overall.measured(name)
    cutoff = name.removeprefix(base)
    effective = overall.measured(policy.EFFECTIVE + cutoff).value
    if gate.floor is not None:
        outcome, reason = _outcome(found, effective, gate, gate.floor - found.high, gate.floor - found.low)
        yield _check(FLOOR, name, overall, outcome, reason, gate.floor, low=found.low, high=found.high)
    if gate.max_loss is not None and overall.baseline:
        least, most = -found.change_high - gate.max_loss, -found.change_low - gate.max_loss
        outcome, reason = _outcome(found, effective, gate, least, most)
        yield _check(
            MAX_LOSS,
            name,
            overall,
            outcome,
            reason,
            gate.max_loss,
            reference=overall.baseline.get(name, math.nan),
            change=found.change,
            low=found.change_low,
            high=found.change_high,
        )


def _outcome(found: Measured, effective: float, gate: PolicyValueGate, least: float, most: float) -> tuple[str, str]:
    """Outcome and reason; `least` and `most` are by how much the ends of the interval are beyond the limit."""
    if math.isnan(found.value):
        return "undecided", "no_propensities"
    if not effective >= gate.min_effective:
        return "undecided", "too_few_effective"
    if math.isnan(least):
        return "undecided", "no_interval"
    if least > 0:
        return "refused", ""
    return ("undecided", "about_the_limit") if most > 0 else ("passed", "")


def _check(gate: str, name: str, overall: SliceMetrics, outcome: str, reason: str, limit: float, **compared) -> Check:
    return Check(
        gate=gate,
        metric=name,
        slice=(),
        outcome=outcome,
        reason=reason,
        value=overall.measured(name).value,
        threshold=limit,
        requests=int(overall.candidate.get(ranking_metrics.REQUESTS, 0)),
        **compared,
    )

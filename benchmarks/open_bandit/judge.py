"""Estimates what a policy would have earned from the log of another one."""

from typing import NamedTuple

import numpy as np

from components.evaluation.counterfactual import effective
from components.evaluation.counterfactual.estimators import (
    DirectMethod,
    DoublyRobust,
    Estimator,
    InversePropensity,
    RejectionSampling,
    SelfNormalised,
)
from components.evaluation.counterfactual.policy_value import Estimate, PolicyValue
from components.evaluation.counterfactual.rounds import Rounds, draws
from components.evaluation.counterfactual.weighting import Clipped, Shrunk
from pipeline.data.open_bandit import Log

CLIP, SHRINKAGE = 10.0, 100.0


class Judged(NamedTuple):
    """What a log tells of a policy: an estimate by the name of each estimator, and how many rounds count."""

    estimates: dict[str, Estimate]
    effective: float
    warning: str


def estimate(log: Log, policy: np.ndarray, expected: np.ndarray, resamples: int) -> Judged:
    """Judges a policy.

    Args:
        log: of another policy.
        policy: how likely the judged one shows each item at each place, float64 [num_items, places].
        expected: what a reward model expects of each item, float64 [num_rounds, num_items].
        resamples: of rounds, which the intervals come from; the log does not tell which rounds are one shopper's.
    """
    keys = [b"round %d" % number for number in range(len(log.click))]
    each = np.arange(len(keys))
    rounds = Rounds(
        round=each,
        reward=log.click,
        propensity=log.propensity,
        probability=policy[log.action, log.place],
        predicted=expected[each, log.action],
        expected=(expected * policy.T[log.place]).sum(axis=1),
        places=np.ones(len(keys)),
        draw=draws(keys),
    )
    value = PolicyValue(_estimators(float(rounds.weight.max())), resamples)
    value.add(rounds, keys)
    size = value.effective_sample_size
    return Judged(value.estimates(), size, effective.warning(size, value.num_shown))


def earned(log: Log, resamples: int) -> Estimate:
    """What a policy did earn, from a log of its own: the clicks a round."""
    ones, keys = np.ones(len(log.click)), [b"round %d" % number for number in range(len(log.click))]
    value = PolicyValue({"mean": InversePropensity()}, resamples)
    value.add(Rounds(np.arange(len(keys)), log.click, ones, ones, ones, ones, ones), keys)
    return value.estimates()["mean"]


def _estimators(largest_weight: float) -> dict[str, Estimator]:
    return {
        "IPS": InversePropensity(),
        f"IPS, weights up to {CLIP:g}": InversePropensity(Clipped(CLIP)),
        "SNIPS": SelfNormalised(),
        "DM": DirectMethod(),
        "DR": DoublyRobust(),
        f"DR, shrunk by {SHRINKAGE:g}": DoublyRobust(Shrunk(SHRINKAGE)),
        "replay": RejectionSampling(largest_weight),
    }

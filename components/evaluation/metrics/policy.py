"""What a model's lists would have earned had they been shown, from what another policy showed with known propensities.

The value is the mean reward of a shown item. A model shows the items of its list for certain and no other, so an
impression weighs 1 / its propensity if the list holds its item, else nothing (`counterfactual.rounds` says what that
takes for granted: rewards depend on the item, not on its place or its neighbours). Items of the list that the logging
policy could not show at all earn nothing by IPS; no estimator can know better.

The reward model of the direct method, and of the doubly robust estimator, is the model's own score, held within 0 and
1: where scores are probabilities of what is no reward, the direct method is off, and the other one is not.
"""

import math
from collections.abc import Mapping

import numpy as np

from components.evaluation.counterfactual import effective
from components.evaluation.counterfactual.estimators import (
    DirectMethod,
    DoublyRobust,
    Estimator,
    InversePropensity,
    SelfNormalised,
)
from components.evaluation.counterfactual.rounds import Rounds
from components.evaluation.counterfactual.weighting import Clipped, Unchanged, Weighting
from components.evaluation.metrics.logged_request import LoggedMetric, LoggedRequest
from components.evaluation.metrics.names import Measured

PREFIX = "policy_"
EFFECTIVE = f"{PREFIX}effective"
LOGGED = "logged_value"
ESTIMATORS: tuple[type[Estimator], ...] = (InversePropensity, SelfNormalised, DirectMethod, DoublyRobust)


class _OfRounds(LoggedMetric):
    """A metric of the lists that were logged while a request was open; they stand for one round together."""

    def __init__(self, base: str, cutoff: int):
        self.name = f"{base}@{cutoff}"
        self._cutoff = cutoff

    def _rounds(self, request: LoggedRequest) -> Rounds:
        shown = request.shown(self._cutoff)
        scores = {item: min(max(score, 0.0), 1.0) for item, score in shown.items()}
        return Rounds(
            round=np.zeros(len(request.logged_item_ids), np.int64),
            reward=request.rewards,
            propensity=request.propensities,
            probability=np.array([float(item in scores) for item in request.logged_item_ids]),
            predicted=np.array([scores.get(item, 0.0) for item in request.logged_item_ids]),
            expected=np.array([request.lists * sum(scores.values())]),
            places=np.array([request.lists * len(scores)]),
        )


class PolicyValue(_OfRounds):
    """The value by one of `ESTIMATORS`."""

    def __init__(self, estimator: type[Estimator], cutoff: int, weighting: Weighting):
        super().__init__(PREFIX + estimator.name, cutoff)
        self._estimator = estimator(weighting)

    def of(self, request: LoggedRequest) -> tuple[float, float]:
        numerator, denominator = self._estimator.terms(self._rounds(request))
        return float(numerator.sum()), float(denominator.sum())


class Effective(_OfRounds):
    """How many impressions effectively count: `counterfactual.effective`."""

    def __init__(self, cutoff: int):
        super().__init__(EFFECTIVE, cutoff)

    def of(self, request: LoggedRequest) -> tuple[float, float]:
        weights, squares = effective.terms(self._rounds(request))
        return float(weights.sum()), float(squares.sum())

    def finish(self, ratio: np.ndarray, numerator: np.ndarray) -> np.ndarray:
        return ratio * numerator


class LoggedValue(LoggedMetric):
    """What the logging policy itself earned: the mean reward of what it showed."""

    name = LOGGED

    def of(self, request: LoggedRequest) -> tuple[float, float]:
        return float(request.rewards.sum()), float(len(request.rewards))


def warning(measured: Mapping[str, Measured], shown: int) -> str:
    """What to know before a value of the policy is believed; empty if enough impressions count, or there is none.

    Args:
        measured: over all requests, by metric.
        shown: how many impressions were logged with a propensity.
    """
    sizes = [found.value for name, found in measured.items() if name.split("@")[0] == EFFECTIVE]
    return effective.warning(sizes[0], shown) if sizes and not math.isnan(sizes[0]) else ""


def metrics(cutoff: int, max_weight: float | None) -> list[LoggedMetric]:
    """All of these, of lists of one length; `max_weight` clips the weights of the estimators."""
    weighting = Unchanged() if max_weight is None else Clipped(max_weight)
    values = [PolicyValue(estimator, cutoff, weighting) for estimator in ESTIMATORS]
    return [*values, Effective(cutoff), LoggedValue()]

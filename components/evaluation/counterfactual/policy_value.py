"""Adds rounds up, in any order and on any worker, and estimates a policy's value with intervals."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np

from components.evaluation.counterfactual import effective
from components.evaluation.counterfactual.estimators import Estimator
from components.evaluation.counterfactual.rounds import Rounds
from components.evaluation.metrics import bootstrap

_ROUNDS_AT_ONCE = 4096  # times 1,000 resamples, about 33 MB


class Estimate(NamedTuple):
    """A value with the ends of its 95 % interval; NaN stands for what the log does not tell."""

    value: float
    low: float
    high: float


class PolicyValue:
    """Sums of one policy's rounds, of the sample itself and of Poisson resamples of whoever the rounds belong to.

    The interval is the percentile interval of the bootstrap over these owners (see `metrics.bootstrap`): shoppers if a
    shopper has several rounds, or the rounds themselves.
    """

    def __init__(self, estimators: Mapping[str, Estimator], resamples: int = 1_000):
        """Args:
        estimators: by the name to give their estimates.
        resamples: how many the intervals come from.
        """
        self._estimators, self._resamples = dict(estimators), resamples
        self._sums = np.zeros([1 + resamples, 2, len(self._estimators)])
        self._weights = np.zeros(2)
        self.num_shown = 0

    def add(self, rounds: Rounds, owners: Sequence[bytes]) -> None:
        """Adds rounds, each of one owner."""
        found = [estimator.terms(rounds) for estimator in self._estimators.values()]
        terms = np.stack([np.stack(pair) for pair in found], axis=-1)  # [2, num_rounds, estimators]
        for start in range(0, len(owners), _ROUNDS_AT_ONCE):
            part = slice(start, start + _ROUNDS_AT_ONCE)
            weights = np.stack([bootstrap.weights(owner, self._resamples) for owner in owners[part]], axis=1)
            self._sums += np.einsum("br,tre->bte", weights.astype(np.float64), terms[:, part], optimize=True)
        self._weights += [column.sum() for column in effective.terms(rounds)]
        self.num_shown += len(rounds.reward)

    def merged(self, other: "PolicyValue") -> "PolicyValue":
        """The sums of both; neither changes."""
        both = PolicyValue(self._estimators, self._resamples)
        both._sums = self._sums + other._sums
        both._weights = self._weights + other._weights
        both.num_shown = self.num_shown + other.num_shown
        return both

    @property
    def effective_sample_size(self) -> float:
        """How many equally weighted actions would tell as much; see `effective.sample_size`."""
        return effective.sample_size(*self._weights)

    def estimates(self) -> dict[str, Estimate]:
        """The value by each estimator."""
        numerators, denominators = self._sums[:, 0], self._sums[:, 1]
        missing = np.full(numerators.shape, np.nan)
        values = np.divide(numerators, denominators, out=missing, where=denominators > 0)
        low, high = bootstrap.interval(values[1:])
        columns = zip(self._estimators, values[0].tolist(), low.tolist(), high.tolist(), strict=True)
        return {name: Estimate(*found) for name, *found in columns}

"""Estimators of a policy's value, the mean reward of an action that it shows, each a class that adds up over rounds.

An estimate is a ratio of two sums over rounds, so that slices and resamples can be added up in any order: `terms` gives
what each round adds to either. With true propensities, all but the direct method are right in the limit of many rounds
(clipped and shrunk weights aside), provided that the logging policy shows everything that the judged policy may show.
"""

import abc

import numpy as np

from components.evaluation.counterfactual.rounds import Rounds
from components.evaluation.counterfactual.weighting import Unchanged, Weighting


class Estimator(abc.ABC):
    """One estimator, with what it does to importance weights."""

    name: str

    def __init__(self, weighting: Weighting | None = None):
        self._weighting = Unchanged() if weighting is None else weighting

    @abc.abstractmethod
    def terms(self, rounds: Rounds) -> tuple[np.ndarray, np.ndarray]:
        """What each round adds to the numerator and to the denominator: float64 [num_rounds] each."""

    def _weights(self, rounds: Rounds) -> np.ndarray:
        return self._weighting(rounds.weight)


class InversePropensity(Estimator):
    """IPS: each reward counts as often as it takes to make up for how seldom its action was logged.

    Horvitz and Thompson, "A generalization of sampling without replacement from a finite universe", JASA 1952.
    Unbiased; the variance grows with the weights.
    """

    name = "ips"

    def terms(self, rounds: Rounds) -> tuple[np.ndarray, np.ndarray]:
        return rounds.by_round(self._weights(rounds) * rounds.reward), rounds.places


class SelfNormalised(Estimator):
    """SNIPS: the mean of the rewards under the weights; never outside of the range of the rewards.

    Swaminathan and Joachims, "The self-normalized estimator for counterfactual learning", NIPS 2015. Slightly biased in
    small samples, with much less variance.
    """

    name = "snips"

    def terms(self, rounds: Rounds) -> tuple[np.ndarray, np.ndarray]:
        weights = self._weights(rounds)
        return rounds.by_round(weights * rounds.reward), rounds.by_round(weights)


class DirectMethod(Estimator):
    """DM: what the reward model expects of the judged policy. As wrong as the model is, however long the log."""

    name = "dm"

    def terms(self, rounds: Rounds) -> tuple[np.ndarray, np.ndarray]:
        return rounds.expected, rounds.places


class DoublyRobust(Estimator):
    """DR: the direct method, corrected by the weighted errors that the reward model makes in the log.

    Dudik, Langford and Li, "Doubly robust policy evaluation and learning", ICML 2011. Unbiased like IPS if the model
    has not seen the rounds, and with less variance where the model is good.
    """

    name = "dr"

    def terms(self, rounds: Rounds) -> tuple[np.ndarray, np.ndarray]:
        corrections = rounds.by_round(self._weights(rounds) * (rounds.reward - rounds.predicted))
        return rounds.expected + corrections, rounds.places


class RejectionSampling(Estimator):
    """Replay: the mean reward of those logged actions that the judged policy would have taken as well.

    An action is accepted with the probability weight / `bound`, by its draw. For a policy that always takes one action
    and a log of actions drawn uniformly among `bound`, these are the rounds in which both agree: the replay of Li et
    al., "Unbiased offline evaluation of contextual-bandit-based news article recommendation algorithms", WSDM 2011.
    Unbiased, and wasteful: of all rounds one in `bound` is left.
    """

    name = "replay"

    def __init__(self, bound: float):
        """`bound` is the largest weight that there may be."""
        super().__init__()
        self._bound = bound

    def terms(self, rounds: Rounds) -> tuple[np.ndarray, np.ndarray]:
        """As for every estimator.

        Raises:
            ValueError: a weight is above the bound, or nothing was drawn.
        """
        weights = rounds.weight
        if rounds.draw is None:
            raise ValueError("rejection sampling needs a draw for each shown action; see `rounds.draws`")
        if len(weights) and weights.max() > self._bound * (1 + 1e-12):
            raise ValueError(f"a weight of {weights.max():g} is above the bound of {self._bound:g}; raise the bound")
        accepted = rounds.draw * self._bound < weights
        return rounds.by_round(accepted * rounds.reward), rounds.by_round(accepted)

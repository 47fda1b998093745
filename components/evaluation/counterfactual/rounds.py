"""Logged rounds, beside what the policy that is judged would have done in them."""

import hashlib
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np


class Rounds(NamedTuple):
    """`num_rounds` occasions on which a logging policy showed something, and `num_shown` actions that it showed.

    A bandit shows one action a round. Where a round shows a list, its actions count each by itself: the reward of an
    action depends on whether it is shown, not on what is shown beside it (the item-position model; Li et al., "Offline
    evaluation of ranking policies with click models", KDD 2018).

    Attributes:
        round: the round of each shown action, int64 [num_shown].
        reward: what each shown action earned, float64 [num_shown].
        propensity: how likely the logging policy was to show it, above 0, float64 [num_shown].
        probability: how likely the judged policy would have been to show it, float64 [num_shown].
        predicted: what a reward model expects of each shown action, float64 [num_shown].
        expected: what it expects of the judged policy's own actions, added up, float64 [num_rounds].
        places: how many actions the judged policy shows, float64 [num_rounds].
        draw: a number from 0 up to 1 for each shown action, drawn uniformly, by which rejection sampling decides;
            None if nothing is drawn.
    """

    round: np.ndarray
    reward: np.ndarray
    propensity: np.ndarray
    probability: np.ndarray
    predicted: np.ndarray
    expected: np.ndarray
    places: np.ndarray
    draw: np.ndarray | None = None

    @property
    def weight(self) -> np.ndarray:
        """Importance weights: how much likelier the judged policy shows each action; float64 [num_shown].

        Raises:
            ValueError: a propensity is not above 0, so the log cannot hold the action.
        """
        if len(self.propensity) and not self.propensity.min() > 0:
            raise ValueError("a logged action has propensity 0, so it cannot have been shown; log true propensities")
        return self.probability / self.propensity

    def by_round(self, values: np.ndarray) -> np.ndarray:
        """Adds values of the shown actions up, float64 [num_rounds]."""
        return np.bincount(self.round, weights=values, minlength=len(self.expected))


def draws(keys: Sequence[bytes]) -> np.ndarray:
    """A number from 0 up to 1 for each key, spread uniformly and always the same: float64 [len(keys)]."""
    hashes = (hashlib.shake_128(b"draw " + key).digest(8) for key in keys)
    return np.array([int.from_bytes(digest) >> 11 for digest in hashes], np.float64) / 2.0**53

"""What a cross-entropy head predicts beside what happens, by the predicted probability, in bins of equal width.

Bins are float64 [NUMBER, 3]: how many candidates, the sum of their probabilities and the sum of their labels; they add
up over requests.
"""

import math

import numpy as np

from components.evaluation.metrics.heads import JudgedCandidates

NUMBER = 10
ERROR = "calibration_error"


def none() -> np.ndarray:
    """The bins of no candidate."""
    return np.zeros([NUMBER, 3])


def bins(candidates: JudgedCandidates) -> np.ndarray:
    """The bins of one request's candidates."""
    probabilities = candidates.probabilities
    place = np.minimum((probabilities * NUMBER).astype(int), NUMBER - 1)
    columns = (np.ones(len(place)), probabilities, candidates.labels)
    return np.stack([np.bincount(place, weights, NUMBER) for weights in columns], axis=1)


def error(of_bins: np.ndarray) -> float:
    """The expected calibration error: mean distance of prediction and outcome, each bin by its candidates.

    Naeini, Cooper and Hauskrecht, "Obtaining well calibrated probabilities using Bayesian binning", AAAI 2015. NaN
    without candidates. Like coverage it has no bootstrap interval, since chance only ever adds to it.
    """
    count, predicted, happened = of_bins.T
    return float(np.abs(predicted - happened).sum() / count.sum()) if count.any() else math.nan
